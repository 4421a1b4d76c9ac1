import type { FastifyInstance } from 'fastify';
import type { RequestLog } from '../ports/index.ts';

/** What a request is said to have ended with whose client had gone before it was answered (nginx's number for it). */
const clientGone = 499;

/** One line per request, with the id that the caller got in `x-request-id`. */
export function logRequests(app: FastifyInstance, log: RequestLog): void {
  app.addHook('onRequest', (request, reply, done) => {
    // Node's own event, which comes however the request ends, and not Fastify's hook, which waits for an answer.
    reply.raw.once('close', () => {
      log.write({
        requestId: request.id,
        method: request.method,
        path: pathOf(request.url),
        operation: request.routeOptions.config.operationName,
        status: reply.raw.writableFinished ? reply.statusCode : clientGone,
        code: request.statusCodeSent,
        durationMs: reply.elapsedTime,
        userId: request.callerId,
        address: request.ip,
      });
    });
    done();
  });
}

/** Paths are for reading: one made to fill the log is cut. */
const maxPathCharacters = 200;
/** Where values begin: after the `?`, or where a client that built its address wrongly has put them. */
const values = /[?&;=]|%(?:25)*(?:3f|26|3b|3d)/i;
/** What stands before the path where a client sends a whole address; a name and password may be in it. */
const origin = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i;

const pathOf = (url: string): string => {
  const path = url.replace(origin, '').slice(0, maxPathCharacters);
  const end = path.search(values);
  return end < 0 ? path : path.slice(0, end);
};
