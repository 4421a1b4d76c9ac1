import { once } from 'node:events';
import { createServer } from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Api, createApi } from './client.ts';

const seen: string[] = [];
const server = createServer(({ url, headers }, response) => {
  seen.push(`${url} ${headers.range ?? ''}`);
  const next: Record<string, string> = { '/play': '/store', '/round': '/round', '/local': 'file:///etc/hostname' };
  const location = next[url ?? ''];
  if (location === undefined) response.end('bytes');
  else response.writeHead(302, { location }).end();
});
let api: Api;

beforeAll(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  api = createApi(`http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`);
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

it('follows a file to where it lies, with its range, and no call', async () => {
  seen.length = 0;
  const file = await api.fetch(`${api.base}/play`, { range: 'bytes=0-1' });
  expect([file.status, file.text, seen]).toEqual([200, 'bytes', ['/play bytes=0-1', '/store bytes=0-1']]);
  expect((await api.call('GET', '/play')).status).toBe(302);
});

it('does not go in circles, nor to what is no web server', async () => {
  seen.length = 0;
  expect((await api.fetch(`${api.base}/round`)).status).toBe(302);
  expect(seen).toHaveLength(6);
  expect((await api.fetch(`${api.base}/local`)).status).toBe(302);
});
