import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type CutProxy, startProxy } from './cut-proxy.ts';

/** Sends everything back. */
const echo = createServer((socket) => socket.on('error', () => undefined).pipe(socket));
let proxy: CutProxy;
const clients: Socket[] = [];

beforeEach(async () => {
  echo.listen(0, '127.0.0.1');
  await once(echo, 'listening');
  const address = echo.address();
  proxy = await startProxy({ target: typeof address === 'object' && address !== null ? address.port : 0 });
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await proxy.stop();
  echo.close();
});

/** A client, and everything that it has heard so far. */
async function open(): Promise<{ readonly socket: Socket; heard(): string }> {
  const socket = connect(proxy.port, '127.0.0.1');
  clients.push(socket);
  let text = '';
  socket.on('data', (bytes: Buffer) => {
    text += bytes.toString('utf8');
  });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return { socket, heard: () => text };
}

it('passes both ways, as much as there is', async () => {
  const { socket, heard } = await open();
  const much = 'x'.repeat(3_000_000);
  socket.write(much);
  await vi.waitFor(() => expect(heard()).toHaveLength(much.length));
  socket.end();
  await once(socket, 'close');
});

it('swallows everything while it is cut, on connections old and new, and passes it on when mended', async () => {
  const old = await open();
  old.socket.write('a');
  await vi.waitFor(() => expect(old.heard()).toBe('a'));
  proxy.cut();
  const fresh = await open();
  old.socket.write('b');
  fresh.socket.write('c');
  // What does go through goes through within a moment, as 'a' did: nothing must.
  const silent = once(old.socket, 'data', { signal: AbortSignal.timeout(200) });
  await expect(silent).rejects.toThrow();
  expect([old.heard(), fresh.heard()]).toEqual(['a', '']);
  expect([old.socket.destroyed, fresh.socket.destroyed]).toEqual([false, false]);
  proxy.mend();
  await vi.waitFor(() => expect([old.heard(), fresh.heard()]).toEqual(['ab', 'c']));
});

it('closes every connection at once, and takes new ones', async () => {
  const { socket } = await open();
  socket.write('a');
  await once(socket, 'data');
  proxy.reset();
  await vi.waitFor(() => expect(socket.closed).toBe(true));
  const next = await open();
  next.socket.write('b');
  await vi.waitFor(() => expect(next.heard()).toBe('b'));
});

it('closes the connection of who wants to reach an engine that is not there', async () => {
  echo.close();
  const { socket } = await open();
  await vi.waitFor(() => expect(socket.closed).toBe(true));
});
