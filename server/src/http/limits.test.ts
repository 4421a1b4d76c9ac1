import { afterEach, describe, expect, it, vi } from 'vitest';
import { multipart, someVideo, startTestServer, type TestServer, type TestUser } from '../../test/server.ts';
import { answerOf, exchange, listen, open, requestText, type WireResponse } from '../../test/sockets.ts';
import { mediaFiles, stagedFiles } from '../../test/stored.ts';

/** What is refused because there is too much of it, and that it is taken again later. */
let server: TestServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function start(settings: Readonly<Record<string, string>>, now?: () => number): Promise<[TestServer, number]> {
  server = await startTestServer(settings, now === undefined ? {} : { clock: { now } });
  return [server, await listen(server)];
}

const health = requestText('GET', '/healthz');
const ready = requestText('GET', '/readyz');

function uploadOf(token: string | undefined, late = false): Buffer {
  const body = multipart(late && token !== undefined ? [['token', token]] : [], { data: someVideo });
  const path = `/douyin/publish/action/${late || token === undefined ? '' : `?token=${token}`}`;
  const headers = { ...body.headers, 'content-length': String(body.payload.length) };
  return Buffer.concat([Buffer.from(requestText('POST', path, headers)), body.payload]);
}

const brief = (response: WireResponse): unknown[] => [
  response.status,
  answerOf(response).status_code,
  Number(response.headers['retry-after']),
];

describe('requests in flight', () => {
  it('beyond the bound get 503 at once, and those within it are not disturbed', async () => {
    const [, port] = await start({ MAX_REQUESTS_IN_FLIGHT: '2' });
    const waiting = [open(port), open(port)];
    const request = requestText(
      'POST',
      '/douyin/user/login/',
      { 'content-type': 'application/json' },
      '{"username":""}',
    );
    for (const connection of waiting) connection.write(request.slice(0, -1));
    await vi.waitFor(async () => expect(brief(await exchange(port, ready))).toEqual([503, 110_702, 1]));
    expect((await exchange(port, health)).status).toBe(200);
    const refused = await exchange(port, requestText('GET', '/douyin/feed/', { 'accept-language': 'zh' }));
    expect(answerOf(refused)).toMatchObject({ status_msg: '服务器繁忙，请稍后再试', video_list: [], next_time: 0 });
    for (const connection of waiting) {
      connection.write(request.slice(-1));
      expect(answerOf(await connection.response()).status_code).toBe(110_103);
      connection.socket.destroy();
    }
    expect((await exchange(port, ready)).status).toBe(200);
  });
});

describe('uploads at once', () => {
  async function begin(port: number, token: string, late: boolean, staged: () => number) {
    const connection = open(port);
    const bytes = uploadOf(token, late);
    const before = staged();
    connection.write(bytes.subarray(0, 40_000));
    await vi.waitFor(() => expect(staged()).toBe(before + 1));
    return {
      finish: async () => {
        connection.write(bytes.subarray(40_000));
        const response = await connection.response();
        connection.socket.destroy();
        return response;
      },
    };
  }

  const counter = (one: TestServer) => (): number => stagedFiles(one.dataDir).length;

  it('of one user get 429 beyond the bound; other users are not concerned', async () => {
    const [one, port] = await start({ UPLOADS_PER_USER: '1', UPLOADS_TOTAL: '3' });
    const [user, other] = [await one.user(), await one.user()];
    const first = await begin(port, user.token, false, counter(one));
    expect(brief(await exchange(port, uploadOf(user.token)))).toEqual([429, 110_701, 5]);
    expect(brief(await exchange(port, uploadOf(user.token, true)))).toEqual([429, 110_701, 5]);
    expect(counter(one)()).toBe(1);
    expect(answerOf(await exchange(port, uploadOf(other.token))).status_code).toBe(0);
    expect(answerOf(await first.finish()).status_code).toBe(0);
    expect(answerOf(await exchange(port, uploadOf(user.token))).status_code).toBe(0);
    await one.context.jobs.processAll();
    expect(counter(one)()).toBe(0);
  });

  it('of all get 429 beyond the bound, whoever asks', async () => {
    const [one, port] = await start({ UPLOADS_PER_USER: '1', UPLOADS_TOTAL: '2' });
    const users = [await one.user(), await one.user(), await one.user()];
    const running = [];
    for (const user of users.slice(0, 2)) running.push(await begin(port, user.token, true, counter(one)));
    for (const token of [users[2]?.token, undefined, 'forged']) {
      expect(brief(await exchange(port, uploadOf(token)))).toEqual([429, 110_701, 5]);
    }
    for (const upload of running) expect(answerOf(await upload.finish()).status_code).toBe(0);
    expect(answerOf(await exchange(port, uploadOf(users[2]?.token))).status_code).toBe(0);
  });

  it('cannot all be taken by one address that does not say whose they are', async () => {
    const [one, port] = await start({ UPLOADS_PER_USER: '4', UPLOADS_TOTAL: '4' });
    const user = await one.user();
    const running = [];
    for (let i = 0; i < 3; i += 1) running.push(await begin(port, user.token, true, counter(one)));
    expect(brief(await exchange(port, uploadOf(user.token, true)))).toEqual([429, 110_701, 5]);
    expect(answerOf(await exchange(port, uploadOf(user.token))).status_code).toBe(0);
    for (const upload of running) expect(answerOf(await upload.finish()).status_code).toBe(0);
    expect(answerOf(await exchange(port, uploadOf(user.token, true))).status_code).toBe(0);
  });

  it('that are refused give their place back', async () => {
    const [one, port] = await start({ UPLOADS_PER_USER: '1', UPLOADS_TOTAL: '1' });
    const user = await one.user();
    const text = multipart([], { data: Buffer.from('no video') });
    for (const code of [100_005, 100_005, 110_602, 110_602, 110_601]) {
      const [token, body] =
        code === 100_005 ? ['forged', text] : [user.token, code === 110_601 ? multipart([], {}) : text];
      const headers = { ...body.headers, 'content-length': String(body.payload.length) };
      const head = requestText('POST', `/douyin/publish/action/?token=${token}`, headers);
      expect(answerOf(await exchange(port, Buffer.concat([Buffer.from(head), body.payload]))).status_code).toBe(code);
    }
    expect(answerOf(await exchange(port, uploadOf(user.token))).status_code).toBe(0);
  });

  it('larger than allowed are refused with the reason, announced or not, and leave nothing', async () => {
    const [one, port] = await start({ UPLOAD_MAX_SIZE: '64KB' });
    const user = await one.user();
    const announced = answerOf(await exchange(port, uploadOf(user.token)));
    expect(announced).toMatchObject({
      status_code: 110_603,
      status_msg: expect.stringContaining('data must be at most 64 KiB'),
    });
    // Beyond the size of file and fields together: refused by its length, before anything is written.
    const body = multipart([], { data: Buffer.alloc(3 * 1024 * 1024) });
    const headers = { ...body.headers, 'content-length': String(body.payload.length) };
    const head = requestText('POST', `/douyin/publish/action/?token=${user.token}`, headers);
    const large = answerOf(await exchange(port, Buffer.concat([Buffer.from(head), body.payload])));
    expect(large.status_code).toBe(110_603);
    await one.context.jobs.processAll();
    expect(counter(one)()).toBe(0);
    expect((await mediaFiles(one)).filter((path) => path.startsWith('videos/'))).toEqual([]);
  });
});

describe('attempts to log in', () => {
  const minute = 60_000;
  const windowOfAnAccountMs = 5 * minute;
  let now = Date.now();
  const settings = { RATE_LIMIT: 'on', TRUST_PROXY: '1' };

  const attempt = async (port: number, name: string, password: string, address = '203.0.113.1'): Promise<unknown[]> => {
    const query = new URLSearchParams({ username: name, password });
    const path = `/douyin/user/login/?${query}`;
    return brief(await exchange(port, requestText('POST', path, { 'x-forwarded-for': address }))).slice(0, 3);
  };
  const right = (port: number, user: TestUser, address?: string) => attempt(port, user.name, user.password, address);
  const wrong = (port: number, name: string, address?: string) => attempt(port, name, 'wrong password', address);
  const welcome = [200, 0, Number.NaN];
  const denied = [200, 100_207, Number.NaN];

  it('to one account are bounded per address, and allowed again with time', async () => {
    const [one, port] = await start(settings, () => now);
    const [user, other] = [await one.user(), await one.user()];
    // A right password in between clears the count.
    for (let guess = 0; guess < 9; guess += 1) expect(await wrong(port, user.name)).toEqual(denied);
    expect(await right(port, user)).toEqual(welcome);
    for (let guess = 0; guess < 10; guess += 1) expect(await wrong(port, user.name)).toEqual(denied);
    const perGuessSeconds = windowOfAnAccountMs / 10 / 1000;
    expect(await wrong(port, user.name)).toEqual([429, 110_701, perGuessSeconds]);
    // The right password is not tried either, in whatever spelling the name comes.
    expect(await right(port, user)).toEqual([429, 110_701, perGuessSeconds]);
    expect(await wrong(port, ` ${user.name.toUpperCase()}`)).toEqual([429, 110_701, perGuessSeconds]);
    // Neither other accounts nor other addresses are concerned.
    expect(await right(port, other)).toEqual(welcome);
    expect(await right(port, user, '203.0.113.2')).toEqual(welcome);
    now += perGuessSeconds * 1000 - 1;
    expect((await right(port, user))[0]).toBe(429);
    now += 1;
    expect(await right(port, user)).toEqual(welcome);
  });

  it('count for names that nobody has as well, so that they tell nothing', async () => {
    const [, port] = await start(settings, () => now);
    for (let guess = 0; guess < 10; guess += 1) expect(await wrong(port, 'nobody')).toEqual(denied);
    expect((await wrong(port, 'nobody')).slice(0, 2)).toEqual([429, 110_701]);
  });

  it('to one account are bounded from everywhere together', async () => {
    const [one, port] = await start(settings, () => now);
    const user = await one.user();
    const guesses = Array.from({ length: 100 }, (_, guess) => wrong(port, user.name, `198.51.100.${guess % 20}`));
    for (const answer of await Promise.all(guesses)) expect(answer).toEqual(denied);
    expect((await right(port, user, '198.51.100.200'))[0]).toBe(429);
  });

  it('from one address are bounded whatever the account, and so are registrations', async () => {
    const [one, port] = await start(settings, () => now);
    const [user, target] = [await one.user(), await one.user()];
    // Beyond the tenth no password is checked any more: this is quick.
    for (let guess = 0; guess < 300; guess += 1) await wrong(port, target.name);
    expect(await right(port, user)).toEqual([429, 110_701, 1]);
    expect(await right(port, user, '203.0.113.2')).toEqual(welcome);
    now += windowOfAnAccountMs;
    expect(await right(port, user)).toEqual(welcome);

    const register = async (address: string): Promise<unknown[]> => {
      const path = `/douyin/user/register/?username=${user.name}&password=password`;
      return brief(await exchange(port, requestText('POST', path, { 'x-forwarded-for': address }))).slice(0, 3);
    };
    for (let attempts = 0; attempts < 200; attempts += 1) {
      expect(await register('203.0.113.9')).toEqual([200, 110_002, Number.NaN]);
    }
    expect(await register('203.0.113.9')).toEqual([429, 110_701, 3]);
    expect(await register('203.0.113.10')).toEqual([200, 110_002, Number.NaN]);
  });
});
