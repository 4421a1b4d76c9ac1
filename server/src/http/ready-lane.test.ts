import { createServer } from 'node:http';
import { limits } from '@tiktok-server/contract';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { seedSettings, seedUser, seedVideos } from '../../test/seed.ts';
import { numberOf, startTestServer, type TestServer, type TestUser } from '../../test/server.ts';
import { answerOf, exchange, listen, requestText, type WireResponse } from '../../test/sockets.ts';
import { ReadyAnswer } from '../features/handler.ts';
import type { RequestLine } from '../ports/index.ts';
import { createReadyLane } from './ready-lane.ts';

const feed = '/douyin/feed/';

describe.each([
  ['alone', () => undefined],
  ['that has to wait', () => Promise.resolve()],
])('the lane %s', (_how, settled) => {
  const lines: RequestLine[] = [];
  const answer = new ReadyAnswer(Buffer.from('{"status_code":0}'));
  const lane = createReadyLane({
    settled,
    ready: ({ latest_time: latest }, baseUrl) =>
      baseUrl === 'http://test.local' && (latest === undefined || latest > 5_000_000) ? answer : undefined,
    publicUrl: undefined,
    direct: true,
    nextRequestId: () => 'an-id',
    log: { write: (line) => lines.push(line) },
    tracer: undefined,
  });
  const server = createServer((request, response) => {
    lane.answer(request, response, () => response.end('ordinary'));
  });
  let port: number;
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    port = typeof address === 'object' && address !== null ? address.port : 0;
  });
  afterAll(() => server.close());
  beforeEach(() => lines.splice(0));

  const isTaken = async (request: string): Promise<boolean> => {
    const { body } = await exchange(port, request);
    const taken = body.equals(answer.body);
    expect(taken || body.toString() === 'ordinary').toBe(true);
    expect(lines).toHaveLength(taken ? 1 : 0);
    return taken;
  };

  it.each([feed, '/douyin/feed', `${feed}?`, '/douyin/feed?token=', `${feed}?token=&latest_time=0`])(
    'takes %s of a guest',
    async (url) => {
      expect(await isTaken(requestText('GET', url))).toBe(true);
      expect(lines[0]).toMatchObject({ requestId: 'an-id', method: 'GET', operation: 'feed', status: 200, code: 0 });
      expect(lines[0]?.path).toBe(url.split('?')[0]);
      expect(lines[0]?.address).toBe('127.0.0.1');
    },
  );

  it.each([
    ['another path', requestText('GET', '/douyin/feed/following/')],
    ['a path that only begins like it', requestText('GET', '/douyin/feeds')],
    ['a token in the query', requestText('GET', `${feed}?token=x`)],
    ['a token in the header', requestText('GET', feed, { authorization: 'Bearer x' })],
    ['a body', requestText('GET', feed, { 'content-type': 'application/x-www-form-urlencoded' }, 'token=x')],
    ['a body of unknown length', `${requestText('GET', feed, { 'transfer-encoding': 'chunked' })}0\r\n\r\n`],
    ['another method', requestText('POST', feed)],
    ['a page that is not ready', requestText('GET', `${feed}?latest_time=5000`)],
    ['a host that nobody asked for before', requestText('GET', feed, { host: 'other.local' })],
    ['a very long address', requestText('GET', `${feed}?${'x'.repeat(300)}`)],
  ])('leaves %s to the ordinary way', async (_what, request) => {
    expect(await isTaken(request)).toBe(false);
  });

  it('is not there behind a proxy, nor when it was closed', async () => {
    const deps = {
      ready: () => answer,
      settled,
      publicUrl: undefined,
      nextRequestId: () => '',
      log: { write: () => undefined },
      tracer: undefined,
    };
    const proxied = createReadyLane({ ...deps, direct: false });
    const closed = createReadyLane({ ...deps, direct: true });
    closed.close();
    const other = createServer((request, response) => {
      proxied.answer(request, response, () => closed.answer(request, response, () => response.end('ordinary')));
    });
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const address = other.address();
    const otherPort = typeof address === 'object' && address !== null ? address.port : 0;
    expect((await exchange(otherPort, requestText('GET', feed))).body.toString()).toBe('ordinary');
    other.close();
  });
});

describe('the lane in the whole server', () => {
  let server: TestServer;
  let author: TestUser;
  let port: number;
  beforeAll(async () => {
    const now = Date.now();
    server = await startTestServer(seedSettings, { clock: { now: () => now } });
    author = await seedUser(server);
    await seedVideos(server, author, limits.feedPageVideos + 3);
    port = await listen(server);
  });
  afterAll(() => server.close());

  const overTheWire = (url: string): Promise<WireResponse> => exchange(port, requestText('GET', url));
  /** The same request, which by this way never meets the lane. */
  const ordinary = async (url: string) =>
    await server.context.app.inject({ method: 'GET', url, headers: { host: 'test.local' } });

  it('sends the same bytes and headers as the ordinary way', async () => {
    await overTheWire(feed);
    const [one, other] = [await overTheWire(feed), await ordinary(feed)];
    expect(one.body.toString('utf8')).toBe(other.body);
    const unlike = new Set(['x-request-id', 'date', 'connection', 'keep-alive']);
    const compared = (headers: Readonly<Record<string, unknown>>) =>
      Object.entries(headers)
        .filter(([name]) => !unlike.has(name))
        .map(([name, value]) => [name, String(value)])
        .sort();
    expect(compared(one.headers)).toEqual(compared(other.headers));
    expect(one.headers['x-request-id']).toMatch(/^[0-9a-z]+-[0-9a-z]+$/);
    expect(one.headers['x-request-id']).not.toBe(other.headers['x-request-id']);
  });

  it('answers every query as the ordinary way does', async () => {
    const first = answerOf(await overTheWire(feed));
    const oldest = numberOf(first, 'next_time');
    const times = fc.oneof(
      fc.string(),
      fc.integer().map(String),
      fc.integer({ min: -5, max: 100 }).map((by) => String(oldest + by)),
      fc.constantFrom('', '0', String(oldest), oldest.toExponential(), '1e400', 'NaN', '99999999999999'),
    );
    const query = fc.array(fc.tuple(fc.constantFrom('latest_time', 'token', 'latest_time[]', ''), times), {
      maxLength: 3,
    });
    await fc.assert(
      fc.asyncProperty(query, fc.boolean(), async (pairs, encoded) => {
        const text = encoded
          ? new URLSearchParams(pairs).toString()
          : pairs.map(([name, value]) => `${name}=${value.replace(/[^\x21-\x7e]|#/g, '%')}`).join('&');
        const url = `${feed}?${text}`;
        expect(answerOf(await overTheWire(url))).toEqual(JSON.parse((await ordinary(url)).body));
      }),
      { numRuns: 100 },
    );
  });

  it('never sends what a write has made old', async () => {
    await overTheWire(feed);
    await server.call('like', { video_id: await newest(), action_type: 1 }, { token: author.token });
    const [video] = Object.values(Object(answerOf(await overTheWire(feed))['video_list']));
    expect(video).toMatchObject({ favorite_count: 1, is_favorite: false });
  });

  const newest = async (): Promise<number> => {
    const [video] = Object.values(Object(answerOf(await overTheWire(feed))['video_list']));
    return numberOf(Object(video), 'id');
  };
});
