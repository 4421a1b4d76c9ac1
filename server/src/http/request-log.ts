import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { RequestLine, RequestLog, SpanAttributes, Tracer } from '../ports/index.ts';
import { mediaPath } from '../read/index.ts';
import { uploadsPath } from './tus-server.ts';

/** What a request is said to have ended with whose client had gone before it was answered (nginx's number for it). */
const clientGone = 499;

/**
 * One line per request, with the id that the caller got in `x-request-id`; it is what the log writes, what is counted, and what
 * the request's span ends with.
 */
export function logRequests(app: FastifyInstance, log: RequestLog, tracer: Tracer | undefined): void {
  app.addHook('onRequest', (request, reply, done) => {
    const span = tracer?.request(groupOf(request), traceparentOf(request));
    request.span = span;
    // Node's own event, which comes however the request ends, and not Fastify's hook, which waits for an answer.
    reply.raw.once('close', () => {
      const line: RequestLine = {
        requestId: request.id,
        method: request.method,
        path: pathOf(request.url),
        operation: request.routeOptions.config.operationName,
        group: groupOf(request),
        // A stream is answered when it begins, whoever ends it.
        status: reply.raw.writableFinished || request.streams ? reply.statusCode : clientGone,
        code: request.statusCodeSent,
        durationMs: reply.elapsedTime,
        userId: request.callerId,
        address: request.ip,
      };
      log.write(line);
      span?.end(requestAttributes(line), line.status >= 500);
    });
    done();
  });
  // After the body, which arrives outside of whatever was entered before it.
  if (tracer === undefined) return;
  app.addHook('preValidation', (request, _reply, done) => {
    if (request.span === undefined) done();
    else request.span.run(done);
  });
}

/** What a request's span says: nothing of who asked, nor of what. */
export const requestAttributes = ({ requestId, method, status, code }: RequestLine): SpanAttributes => ({
  'http.request.method': method,
  'http.response.status_code': status,
  status_code: code,
  'request.id': requestId,
});

function groupOf(request: FastifyRequest): string {
  const { url, config } = request.routeOptions;
  if (config.operationName !== undefined) return config.operationName;
  if (url === undefined) return 'other';
  if (url.startsWith(uploadsPath)) return 'upload';
  return url.startsWith(mediaPath) ? 'media' : 'page';
}

/** The caller's trace, where it sent one. */
export function traceparentOf({ headers }: Pick<IncomingMessage, 'headers'>): string | undefined {
  const { traceparent } = headers;
  return typeof traceparent === 'string' ? traceparent : undefined;
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
