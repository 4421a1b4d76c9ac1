/** Files that take more than one piece: whole, in parts, to many at once, and to those who read slowly. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { startTestServer, type TestServer } from '../../test/server.ts';
import { exchange, listen, open, requestText } from '../../test/sockets.ts';

const mebibyte = 1024 * 1024;
const content = randomBytes(mebibyte + 12_345);
const path = '/media/videos/1/0123456789abcdef0123456789abcdef/v720.mp4';
let server: TestServer;
let port: number;

const fileOf = (address: string): string => join(server.dataDir, 'media', address.slice('/media/'.length));
function put(address: string, bytes: Buffer | string): void {
  mkdirSync(dirname(fileOf(address)), { recursive: true });
  writeFileSync(fileOf(address), bytes);
}

beforeAll(async () => {
  server = await startTestServer();
  port = await listen(server);
  put(path, content);
});
afterAll(() => server.close());

const get = (address: string, range?: string) =>
  exchange(port, requestText('GET', address, range === undefined ? {} : { range }));

it('are whole, also to many at once and when they were read a moment ago', async () => {
  for (let round = 0; round < 2; round += 1) {
    const responses = await Promise.all(Array.from({ length: 4 }, () => get(path)));
    for (const { status, body } of responses) expect([status, body.equals(content)]).toEqual([200, true]);
  }
});

it.each([
  [0, 100],
  [262_143, 262_146],
  [65_535, 65_537],
  [100_000, 1_000_000],
  [content.length - 300_000, content.length],
])('are cut where a range says: %i to %i', async (start, end) => {
  for (let round = 0; round < 2; round += 1) {
    const { status, body } = await get(path, `bytes=${start}-${end - 1}`);
    expect([status, body.equals(content.subarray(start, end))]).toEqual([206, true]);
  }
});

it('come one after the other on one connection', async () => {
  const connection = open(port);
  const request = (range: string): string => requestText('GET', path, { range });
  connection.write(request('bytes=0-499999') + requestText('HEAD', path) + request('bytes=500000-999999'));
  expect((await connection.response()).body.equals(content.subarray(0, 500_000))).toBe(true);
  expect((await connection.response({ bodiless: true })).status).toBe(200);
  expect((await connection.response()).body.equals(content.subarray(500_000, 1_000_000))).toBe(true);
  connection.socket.destroy();
});

it('that are empty are answered as such', async () => {
  const empty = '/media/videos/1/empty.mp4';
  put(empty, '');
  const { status, headers, body } = await get(empty);
  expect([status, headers['content-length'], body.length]).toEqual([200, '0', 0]);
});

it('are gone at once for who asks after they were deleted, and replaced are the new ones', async () => {
  const other = '/media/videos/1/other.mp4';
  put(other, 'first');
  expect((await get(other)).body.toString()).toBe('first');
  rmSync(fileOf(other));
  expect((await get(other)).status).toBe(404);
  put(other, 'second');
  expect((await get(other)).body.toString()).toBe('second');
});

it('that become shorter while they are sent end with a cut connection, not with other bytes', async () => {
  const cut = '/media/videos/1/cut.mp4';
  put(cut, Buffer.alloc(64 * mebibyte, 'a'));
  const socket = connect({ port, host: '127.0.0.1' });
  socket.write(requestText('GET', cut));
  let received = 0;
  socket.on('data', (bytes) => {
    received += bytes.length;
  });
  await once(socket, 'data');
  socket.pause();
  truncateSync(fileOf(cut), 0);
  socket.resume();
  await once(socket, 'close');
  expect(received).toBeLessThan(64 * mebibyte);
  expect((await get(path)).body.equals(content)).toBe(true);
});

/** Asks, and reads nothing of the answer. */
async function stalled(address: string): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1' });
  socket.on('error', () => undefined);
  socket.pause();
  await new Promise<void>((resolve) => socket.write(requestText('GET', address), () => resolve()));
  return socket;
}

/** What Node holds in buffers outside of its heap, garbage left out. */
function buffersBytes(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  return process.memoryUsage().arrayBuffers;
}

it('to 200 clients that read nothing hold little memory, and nobody else up', async () => {
  const clients = 200;
  // More than the system takes for a client that does not read.
  const large = '/media/videos/1/large.mp4';
  put(large, '');
  truncateSync(fileOf(large), 64 * mebibyte);
  const accepted: Socket[] = [];
  const accept = (socket: Socket): number => accepted.push(socket);
  server.context.app.server.on('connection', accept);
  const before = buffersBytes();
  const sockets = await Promise.all(Array.from({ length: clients }, () => stalled(large)));
  try {
    const stuck = (): number => accepted.filter(({ writableLength }) => writableLength > 0).length;
    await vi.waitFor(() => expect(stuck()).toBe(clients), 20_000);
    for (let round = 0; round < 3; round += 1) expect((await get(path)).body.equals(content)).toBe(true);
    expect(stuck()).toBe(clients);
    // 64 pieces of 256 KiB for all together, 32 KiB for each beyond, and what a test holds.
    expect(buffersBytes() - before).toBeLessThan(64 * 256 * 1024 + clients * 32 * 1024 + 8 * mebibyte);
  } finally {
    server.context.app.server.off('connection', accept);
    for (const socket of sockets) socket.destroy();
  }
  // Those who went away gave back what they held.
  await vi.waitFor(() => expect(buffersBytes() - before).toBeLessThan(8 * mebibyte), 20_000);
}, 60_000);
