import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { multipart, rowOf, someVideo, startTestServer, type TestServer, type TestUser } from '../../test/server.ts';
import { answerOf, type Connection, exchange, listen, open, requestText } from '../../test/sockets.ts';
import { stagedFiles } from '../../test/stored.ts';

/** Connections that stall, break, hurry or are too many. */
let server: TestServer;
let port: number;
let user: TestUser;

beforeAll(async () => {
  server = await startTestServer({ UPLOADS_PER_USER: '1', UPLOADS_TOTAL: '1' });
  port = await listen(server);
  user = await server.user();
});
afterAll(() => server.close());

const staged = (): string[] => stagedFiles(server.dataDir);
const health = requestText('GET', '/healthz');

/** The bytes of an upload as a client sends them. */
function upload(token: string, headers: Readonly<Record<string, string>> = {}): Buffer {
  const body = multipart([['title', 'From a socket']], { data: someVideo });
  const head = { ...body.headers, ...headers, 'content-length': String(body.payload.length) };
  return Buffer.concat([
    Buffer.from(requestText('POST', `/douyin/publish/action/?token=${token}`, head)),
    body.payload,
  ]);
}

async function halfUpload(): Promise<Connection> {
  // What was published before may still be prepared, in files of its own.
  await server.context.jobs.processAll();
  const connection = open(port);
  connection.write(upload(user.token).subarray(0, 40_000));
  await vi.waitFor(() => expect(staged()).toHaveLength(1));
  return connection;
}

describe('a client that leaves in the middle of an upload', () => {
  it.each<[string, (connection: Connection) => void]>([
    ['with a reset', (connection) => connection.reset()],
    ['by closing its side', (connection) => connection.socket.end()],
  ])('%s leaves no file and no slot taken', async (_how, leave) => {
    const connection = await halfUpload();
    leave(connection);
    await vi.waitFor(() => expect(staged()).toEqual([]));
    const response = await exchange(port, upload(user.token));
    expect(answerOf(response).status_code).toBe(0);
    await server.context.jobs.processAll();
    expect(staged()).toEqual([]);
  });

  it('and takes the same slot as any other while it is there', async () => {
    const connection = await halfUpload();
    const refused = await exchange(port, upload(user.token));
    expect([refused.status, answerOf(refused).status_code]).toEqual([429, 110_701]);
    connection.write(upload(user.token).subarray(40_000));
    expect(answerOf(await connection.response()).status_code).toBe(0);
    connection.socket.destroy();
  });
});

describe('one connection', () => {
  it('serves one request after the other', async () => {
    const connection = open(port);
    for (let request = 0; request < 5; request += 1) {
      connection.write(health);
      const response = await connection.response();
      expect([response.status, response.headers['connection']]).toEqual([200, 'keep-alive']);
    }
    connection.socket.destroy();
  });

  it('answers pipelined requests in their order, also after a refusal', async () => {
    const connection = open(port);
    const paths = ['/healthz', '/douyin/feed/', '/nothing', '/douyin/user/?user_id=x', '/douyin/feed/%zz', '/healthz'];
    connection.write(paths.map((path) => requestText('GET', path)).join(''));
    const codes: number[] = [];
    for (const _path of paths) codes.push(answerOf(await connection.response()).status_code);
    expect(codes).toEqual([0, 0, 100_008, 100_004, 100_008, 0]);
    connection.socket.destroy();
  });

  it('takes what follows a body that nobody reads as the next request', async () => {
    const connection = open(port);
    const body = requestText('GET', '/smuggled');
    connection.write(
      `${requestText('PUT', '/douyin/user/login/', { 'content-type': 'application/json' }, body)}${health}`,
    );
    expect(answerOf(await connection.response()).status_code).toBe(100_009);
    expect(answerOf(await connection.response()).status_code).toBe(0);
    connection.socket.destroy();
  });

  it('is closed after one request where the client asks for that', async () => {
    const connection = open(port);
    connection.write(requestText('GET', '/healthz', { connection: 'close' }));
    expect(await connection.closed()).toContain('HTTP/1.1 200 OK');
    const old = open(port);
    old.write('GET /healthz HTTP/1.0\r\n\r\n');
    expect(await old.closed()).toContain('HTTP/1.1 200 OK');
  });

  it('is told to go on where the client waits for that before it sends its body', async () => {
    const connection = open(port);
    const bytes = upload(user.token, { expect: '100-continue' });
    const headEnd = bytes.indexOf('\r\n\r\n') + 4;
    connection.write(bytes.subarray(0, headEnd));
    expect((await connection.response()).status).toBe(100);
    connection.write(bytes.subarray(headEnd));
    expect(answerOf(await connection.response()).status_code).toBe(0);
    connection.socket.destroy();
  });

  it('gets 417 for an expectation that nobody knows', async () => {
    const response = await exchange(port, requestText('GET', '/healthz', { expect: 'a miracle' }));
    expect([response.status, response.body.length]).toEqual([417, 0]);
  });
});

describe('what is not HTTP, or too large for it', () => {
  it.each([
    ['words', 'hello there\r\n\r\n', 400],
    ['bytes', Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc]), 400],
    ['a method that does not exist', 'BREW / HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['a version that does not exist', 'GET / HTTP/7.7\r\nHost: a\r\n\r\n', 400],
    ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
    ['headers beyond 16 KiB', requestText('GET', '/healthz', { x: 'a'.repeat(17_000) }), 431],
    ['an address beyond 16 KiB', requestText('GET', `/${'a'.repeat(17_000)}`), 431],
    ['a query beyond 16 KiB', requestText('GET', `/douyin/feed/?token=${'a'.repeat(17_000)}`), 431],
    ['headers without end', `GET / HTTP/1.1\r\nHost: a\r\n${'a: b\r\n'.repeat(4_000)}`, 431],
  ])('%s: the envelope, and the connection is closed', async (_what, bytes, status) => {
    const connection = open(port);
    connection.write(bytes);
    const response = await connection.response();
    expect([response.status, answerOf(response).status_code]).toEqual([status, 100_003]);
    expect(response.headers).toMatchObject({ 'x-content-type-options': 'nosniff', connection: 'close' });
    await connection.closed();
    expect((await exchange(port, health)).status).toBe(200);
  });

  it('a request that names no host gets 400', async () => {
    const response = await exchange(port, 'GET /douyin/feed/ HTTP/1.1\r\n\r\n');
    expect([response.status, response.body.length]).toEqual([400, 0]);
  });
});

describe('clients that leave before they are answered', () => {
  it('take no place of the requests in flight with them, however many they are', async () => {
    const most = 4;
    const small = await startTestServer({ MAX_REQUESTS_IN_FLIGHT: String(most) });
    try {
      const smallPort = await listen(small);
      const type = { 'content-type': 'application/x-www-form-urlencoded' };
      const half = requestText('POST', '/douyin/user/login/', { ...type, 'content-length': '100' }, 'username=a');
      const login = requestText('POST', '/douyin/user/login/?username=nobody&password=password', type);
      for (const request of [half, login, requestText('GET', '/openapi.json')]) {
        for (let i = 0; i < 3 * most; i += 1) {
          const connection = open(smallPort);
          connection.write(request);
          await once(connection.socket, 'connect');
          connection.reset();
        }
      }
      const feed = requestText('GET', '/douyin/feed/');
      await vi.waitFor(async () => expect((await exchange(smallPort, feed)).status).toBe(200));
    } finally {
      await small.close();
    }
  });

  it('nor do those who read a file slowly keep anyone out', async () => {
    const small = await startTestServer({ MAX_REQUESTS_IN_FLIGHT: '1' });
    try {
      const smallPort = await listen(small);
      const user = await small.user();
      const video = await small.publish(user, 'large', Buffer.concat([someVideo, Buffer.alloc(8 * 1024 * 1024)]));
      const { play_url: url } = rowOf(await small.call('video', { video_id: video }), 'video');
      const slow = open(smallPort);
      slow.write(requestText('GET', new URL(String(url)).pathname));
      await once(slow.socket, 'data');
      slow.socket.pause();
      expect((await exchange(smallPort, requestText('GET', '/douyin/feed/'))).status).toBe(200);
      slow.socket.destroy();
    } finally {
      await small.close();
    }
  });
});

describe('connections beyond the bound', () => {
  it('are dropped, and taken again as soon as one has gone', async () => {
    const small = await startTestServer({ MAX_CONNECTIONS: '2' });
    try {
      const smallPort = await listen(small);
      const [first, second] = [open(smallPort), open(smallPort)];
      for (const connection of [first, second]) {
        connection.write(health);
        expect((await connection.response()).status).toBe(200);
      }
      const third = open(smallPort);
      third.write(health);
      expect(await third.closed()).toBe('');
      first.socket.destroy();
      await vi.waitFor(async () => expect((await exchange(smallPort, health)).status).toBe(200));
      second.write(health);
      expect((await second.response()).status).toBe(200);
      second.socket.destroy();
    } finally {
      await small.close();
    }
  });
});
