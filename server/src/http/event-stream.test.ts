import { once } from 'node:events';
import { connect } from 'node:net';
import { DomainError } from '@tiktok-server/contract';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { openEvents, readEvents } from '../../test/events.ts';
import { type Caller, StreamAnswer } from '../features/handler.ts';
import { failureOf } from './envelope.ts';
import { createEventStreams, type StreamBounds } from './event-stream.ts';

/** Streams of numbers on a server of their own, with bounds that a test can wait for. */
type Counted = { readonly count: number };

let app: FastifyInstance | undefined;
let streams = 0;
let watching = 0;
let told: unknown[] = [];
let tell = (_count: number | DomainError): void => undefined;
afterEach(async () => {
  // The clients here keep connections for their next request.
  app?.server.closeAllConnections();
  await app?.close();
  app = undefined;
});

const long: StreamBounds = { longestMs: 60_000, heartbeatMs: 60_000, perUser: 2, total: 3 };

/** Counts from 0 by what `tell` says, and ends with 9; a refusal ends it as well. */
async function* counting(signal: AbortSignal): AsyncGenerator<Counted> {
  const waiting: (number | DomainError)[] = [];
  let awake = Promise.withResolvers<void>();
  tell = (count) => {
    waiting.push(count);
    awake.resolve();
  };
  watching += 1;
  signal.addEventListener('abort', () => {
    watching -= 1;
    awake.resolve();
  });
  for (;;) {
    await awake.promise;
    awake = Promise.withResolvers();
    if (signal.aborted) return;
    for (const one of waiting.splice(0)) {
      if (one instanceof DomainError) throw one;
      yield { count: one };
    }
  }
}

/** `?user=`: who asks; `?count=`: where it begins. */
async function start(bounds: Partial<StreamBounds> = {}, rest = counting): Promise<string> {
  [streams, watching, told] = [0, 0, []];
  const server = Fastify({ forceCloseConnections: 'idle' });
  app = server;
  server.decorateRequest('leave', undefined);
  server.decorateRequest('streams', false);
  const failing = (error: unknown) => {
    told.push(error);
    return failureOf(error, undefined, 'en');
  };
  const events = createEventStreams(server, failing, { ...long, ...bounds });
  server.setErrorHandler((error, _request, reply) => {
    const { status, body, retryAfterSeconds } = failureOf(error, undefined, 'en');
    if (retryAfterSeconds !== undefined) reply.header('retry-after', retryAfterSeconds);
    reply.code(status).send(body);
  });
  server.get('/', (request, reply) => {
    const { user, count } = Object.assign({ user: '1', count: '0' }, request.query);
    const caller: Caller = { userId: Number(user), address: '', baseUrl: '', language: 'en' };
    request.leave = () => {
      streams += 1;
    };
    return events.send(new StreamAnswer({ count: Number(count) }, ({ count: at }) => at === 9, rest), caller, reply);
  });
  return await server.listen({ host: '127.0.0.1', port: 0 });
}

const counts = (text: string): unknown[] => readEvents(text).events.map(({ data }) => data['count']);

describe('a stream', () => {
  it('begins with the first event at once, goes on as things change, and ends with the last', async () => {
    const reader = await openEvents(await start());
    expect(reader.status).toBe(200);
    expect(Object.fromEntries(reader.headers)).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    expect(reader.headers.get('content-encoding')).toBeNull();
    expect(await reader.next()).toEqual({
      event: 'status',
      id: undefined,
      data: { status_code: 0, status_msg: '', count: 0 },
    });
    expect(readEvents(reader.text()).retryMs).toBe(3_000);
    expect(streams).toBe(1);
    tell(5);
    expect((await reader.next())?.data['count']).toBe(5);
    tell(9);
    expect(await reader.next()).toMatchObject({ id: 'last', data: { count: 9 } });
    expect(counts(await reader.ended())).toEqual([0, 5, 9]);
    expect(watching).toBe(0);
  });

  it('that begins with its last event ends with it, and who asks again having seen that is told to stop', async () => {
    const url = await start();
    const reader = await openEvents(`${url}/?count=9`);
    expect(counts(await reader.ended())).toEqual([9]);
    const again = await openEvents(`${url}/?count=9`, { 'last-event-id': 'last' });
    expect([again.status, await again.ended()]).toEqual([204, '']);
    // What has begun anew since is told again.
    const anew = await openEvents(`${url}/?count=1`, { 'last-event-id': 'last' });
    expect([anew.status, (await anew.next())?.data['count']]).toEqual([200, 1]);
    anew.close();
  });

  it('ends with a refusal where there is nothing more to tell', async () => {
    const reader = await openEvents(await start());
    await reader.next();
    tell(new DomainError('ErrVideoNotFound'));
    expect(await reader.next()).toEqual({
      event: 'status',
      id: 'last',
      data: { status_code: 110_201, status_msg: 'Video not found' },
    });
    expect(await reader.next()).toBeUndefined();
    expect(told).toHaveLength(1);
  });

  it('shows that it is alive while nothing changes', async () => {
    const reader = await openEvents(await start({ heartbeatMs: 5 }));
    await vi.waitFor(() => expect(readEvents(reader.text()).comments.length).toBeGreaterThan(2));
    tell(9);
    expect(counts(await reader.ended())).toEqual([0, 9]);
  });

  it('ends after its time, without an end of its own', async () => {
    const reader = await openEvents(await start({ longestMs: 30 }));
    expect(counts(await reader.ended())).toEqual([0]);
    expect(readEvents(reader.text()).events.at(-1)?.id).toBeUndefined();
    await vi.waitFor(() => expect(watching).toBe(0));
    expect(told).toEqual([]);
  });

  it('is described by HEAD, and none is opened', async () => {
    const response = await fetch(await start(), { method: 'HEAD' });
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
    expect(response.headers.get('content-length')).toBeNull();
    expect([streams, watching]).toEqual([0, 0]);
  });
});

describe('a client', () => {
  it('that hangs up is watched for no longer, and gives its place back', async () => {
    const url = await start({ perUser: 1 });
    for (let i = 0; i < 3; i += 1) {
      const reader = await openEvents(url);
      expect(reader.status).toBe(200);
      await reader.next();
      await vi.waitFor(() => expect(watching).toBe(1));
      reader.close();
      await vi.waitFor(() => expect(watching).toBe(0));
      // Told to nobody: that is no error.
      expect(told).toEqual([]);
    }
  });

  it('that does not read is not written for, and cut off when its time is over', async () => {
    let asked = 0;
    // As much as anyone can take, and more.
    async function* flood(signal: AbortSignal): AsyncGenerator<Counted & { text: string }> {
      watching += 1;
      signal.addEventListener('abort', () => {
        watching -= 1;
      });
      while (!signal.aborted) {
        asked += 1;
        yield { count: 1, text: 'x'.repeat(1_000_000) };
      }
    }
    const url = await start({ longestMs: 400, perUser: 1 }, flood);
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write('GET / HTTP/1.1\r\nhost: test.local\r\n\r\n');
    await vi.waitFor(() => expect(watching).toBe(1));
    await vi.waitFor(() => expect(watching).toBe(0));
    // A few buffers of the system's, and not the hundreds of megabytes that there is time for.
    expect(asked).toBeLessThan(60);
    // Its place is free, though it has read nothing yet.
    await vi.waitFor(async () => {
      const reader = await openEvents(`${url}/?count=9`);
      await reader.ended();
      expect(reader.status).toBe(200);
    });
    socket.destroy();
  });

  it('gets 429 beyond what one user may have, and 503 beyond what all may', async () => {
    const url = await start();
    const readers = [await openEvents(url), await openEvents(url)];
    const third = await fetch(url);
    expect([third.status, third.headers.get('retry-after'), await third.json()]).toEqual([
      429,
      '5',
      { status_code: 110_701, status_msg: expect.stringContaining('at most 2 event streams at once') },
    ]);
    readers.push(await openEvents(`${url}/?user=2`));
    expect(readers.map(({ status }) => status)).toEqual([200, 200, 200]);
    const fourth = await fetch(`${url}/?user=3`);
    expect([fourth.status, fourth.headers.get('retry-after')]).toEqual([503, '5']);
    expect(await fourth.json()).toMatchObject({ status_code: 110_702 });
    // What was refused has kept no place.
    readers[2]?.close();
    await vi.waitFor(async () => {
      const reader = await openEvents(`${url}/?user=3`);
      reader.close();
      expect(reader.status).toBe(200);
    });
    for (const reader of readers) reader.close();
  });
});

it('a server that stops ends its streams, and waits for none', async () => {
  const url = await start();
  const reader = await openEvents(url);
  await reader.next();
  await app?.close();
  expect(counts(await reader.ended())).toEqual([0]);
  expect(watching).toBe(0);
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  await expect(once(socket, 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});
