import { Readable } from 'node:stream';
import { DomainError } from '@tiktok-server/contract';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Caller, StreamAnswer } from '../features/handler.ts';
import { createSlots, type Refusals } from './admission.ts';
import { answerHeaders, type Failure, successBody } from './envelope.ts';

/**
 * Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html): an answer that goes on. Each event is
 * the envelope of an answer of its own, also where the last one is a refusal.
 */
export type EventStreams = {
  /** Begins to send; throws what the client is refused with where there are too many streams. */
  send<A extends object>(answer: StreamAnswer<A>, caller: Caller, reply: FastifyReply): FastifyReply;
};

/** `heartbeatMs`: a comment is sent after this, so that neither a proxy nor we take the connection for an idle one. */
export type StreamBounds = {
  readonly longestMs: number;
  readonly heartbeatMs: number;
  readonly perUser: number;
  readonly total: number;
};

const streamBounds: StreamBounds = { longestMs: 10 * 60_000, heartbeatMs: 15_000, perUser: 4, total: 1_000 };
/** How long a browser waits before it asks again, when a stream has ended before its last event. */
const reconnectMs = 3_000;

const eventName = 'status';
/** The id of the last event. Who asks again having seen it is told by 204 to stop, as long as nothing has changed. */
const lastId = 'last';

const headers = {
  ...answerHeaders,
  'content-type': 'text/event-stream',
  // Behind a stream that was ended because the server stops, nothing is to come.
  connection: 'close',
  // nginx would gather events until its buffer is full.
  'x-accel-buffering': 'no',
} as const;

const refusals: Refusals = {
  all: () => new DomainError('ErrOverloaded', { retryAfterSeconds: 5 }),
  one: (most) =>
    new DomainError('ErrTooManyRequests', {
      detail: { en: `at most ${most} event streams at once`, zh: `最多同时打开 ${most} 个事件流` },
      retryAfterSeconds: 5,
    }),
};

/** `failing`: what an error is told as; it is noted for the log. */
export function createEventStreams(
  app: FastifyInstance,
  failing: (error: unknown, request: FastifyRequest) => Failure,
  bounds: StreamBounds = streamBounds,
): EventStreams {
  const slots = createSlots({ total: bounds.total }, refusals);
  const open = new Set<() => void>();
  let closing = false;
  // Nobody is waited for who could listen for minutes: the client asks again, and gets to another process or the next one.
  app.addHook('preClose', async () => {
    closing = true;
    for (const end of open) end();
  });

  /** Takes the places of a stream; the result gives them back. */
  function enter(caller: Caller): () => void {
    if (closing) throw refusals.all();
    const leave = slots.takeFor(`user ${caller.userId}`, bounds.perUser);
    try {
      const leaveAll = slots.take();
      return () => {
        leave();
        leaveAll();
      };
    } catch (error) {
      leave();
      throw error;
    }
  }

  async function* eventsOf<A extends object>(
    answer: StreamAnswer<A>,
    ending: AbortController,
    request: FastifyRequest,
  ): AsyncGenerator<string> {
    const told = (one: A): string => eventOf(successBody(one), answer.isLast(one));
    try {
      yield `retry: ${reconnectMs}\n\n${told(answer.first)}`;
      if (answer.isLast(answer.first)) return;
      const rest = answer.rest(ending.signal)[Symbol.asyncIterator]();
      for (let next = rest.next(); ; ) {
        const result = await within(bounds.heartbeatMs, next);
        if (result === undefined) {
          yield ': still here\n\n';
          continue;
        }
        if (result.done === true) return;
        yield told(result.value);
        if (answer.isLast(result.value)) return;
        next = rest.next();
      }
    } catch (error) {
      if (!ending.signal.aborted) yield eventOf(failing(error, request).body, true);
    } finally {
      ending.abort();
    }
  }

  return {
    send: (answer, caller, reply) => {
      const { raw, request } = reply;
      // HEAD is told what GET would get, without a stream that nobody reads; who has gone is told nothing.
      if (request.method === 'HEAD' || raw.destroyed) return reply.headers(headers).send(Readable.from([]));
      if (request.headers['last-event-id'] === lastId && answer.isLast(answer.first)) {
        return reply.code(204).header('cache-control', headers['cache-control']).send();
      }
      const leave = enter(caller);
      const ending = new AbortController();
      const end = (): void => {
        // Who does not read what was sent would not read the end either.
        if (raw.writableNeedDrain) raw.destroy();
        ending.abort();
      };
      const timer = setTimeout(end, bounds.longestMs).unref();
      open.add(end);
      raw.once('close', () => {
        clearTimeout(timer);
        open.delete(end);
        ending.abort();
        leave();
      });
      // It waits more than it works: it takes no place of those that work.
      request.leave?.();
      request.streams = true;
      return reply.headers(headers).send(Readable.from(eventsOf(answer, ending, request), { highWaterMark: 1 }));
    },
  };
}

const eventOf = (body: string, last: boolean): string =>
  `event: ${eventName}\n${last ? `id: ${lastId}\n` : ''}data: ${body}\n\n`;

/** What `work` comes to, or undefined if it takes longer; it may be waited for again. */
async function within<T>(waitMs: number, work: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, waitMs, undefined).unref();
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
