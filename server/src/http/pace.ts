import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { clientErrorAnswer } from './client-errors.ts';
import { uploadsPath } from './tus-server.ts';

/** What the body of a request has to bring in each window, while there is room for it here. */
export type Pace = { readonly windowMs: number; readonly bytesPerSecond: number };

/** Slower than any phone network that still works: 80 KiB in 20 s. */
const slowest: Pace = { windowMs: 20_000, bytesPerSecond: 4 * 1024 };

/**
 * Cuts off requests whose body trickles: each holds one of the places that everyone shares, and the time for a whole
 * request is meant for large files. Who is cut off gets 408, but for
 * uploads that can be resumed.
 */
export function cutOffSlowBodies(app: FastifyInstance, pace: Pace = slowest): void {
  const arriving = new Map<IncomingMessage, { sinceMs: number; bytesBefore: number }>();
  const neededBytes = (pace.bytesPerSecond * pace.windowMs) / 1000;

  app.addHook('onRequest', ({ raw }, reply, done) => {
    if (raw.headers['content-length'] !== undefined || raw.headers['transfer-encoding'] !== undefined) {
      arriving.set(raw, { sinceMs: performance.now(), bytesBefore: raw.socket.bytesRead });
      reply.raw.once('close', () => arriving.delete(raw));
    }
    done();
  });

  const look = (): void => {
    const nowMs = performance.now();
    for (const [request, window] of arriving) {
      const { socket } = request;
      if (request.complete || socket.destroyed) arriving.delete(request);
      else if (nowMs - window.sinceMs >= pace.windowMs) {
        // What waits to be read here is our slowness, not the client's.
        const ours = request.readableLength > 0;
        if (!ours && socket.bytesRead - window.bytesBefore < neededBytes) {
          arriving.delete(request);
          // Who can go on where it was does so when the connection is lost, and not when it is told that it was to blame.
          if (request.url?.startsWith(uploadsPath) === true) {
            socket.destroy();
            continue;
          }
          clientErrorAnswer(
            Object.assign(new Error('the body came too slowly'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }),
            socket,
          );
          socket.destroySoon();
          continue;
        }
        arriving.set(request, { sinceMs: nowMs, bytesBefore: socket.bytesRead });
      }
    }
  };
  const timer = setInterval(look, pace.windowMs / 10).unref();
  app.addHook('onClose', async () => clearInterval(timer));
}
