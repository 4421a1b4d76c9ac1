import { createServer, type RequestListener } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type DownloadResult, download } from './download-generator.ts';

const fileBytes = 40_000;
const content = Buffer.alloc(fileBytes, 'v');

/** Downloads from a server of this process for a moment. */
async function from(listener: RequestListener, pieceBytes: number): Promise<DownloadResult> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return await download({
    port,
    path: '/file',
    fileBytes,
    pieceBytes,
    connections: 2,
    warmUpMs: 20,
    durationMs: 100,
    serverPid: process.pid,
  });
}

const serves: RequestListener = (request, response) => {
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
  const body = first === undefined ? content : content.subarray(Number(first), Number(last) + 1);
  response.writeHead(first === undefined ? 200 : 206, { 'content-length': body.length }).end(body);
};

describe('who downloads', () => {
  it.each([fileBytes, 10_000])('counts bytes, in pieces of %i', async (pieceBytes) => {
    const result = await from(serves, pieceBytes);
    expect(result.bytes).toBeGreaterThan(0);
    expect(result.elapsedMs).toBeGreaterThanOrEqual(90);
  });

  it.each([
    ['another status', (_, response) => response.writeHead(500, { 'content-length': 1 }).end('x')],
    ['another length', (_, response) => response.writeHead(206, { 'content-length': 1 }).end('x')],
  ] satisfies [string, RequestListener][])('fails at %s', async (_name, listener) => {
    await expect(from(listener, 10_000)).rejects.toThrow('a wrong answer');
  });
});
