import { createServer, type RequestListener } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import { generateLoad, type LoadResult } from './load-generator.ts';

const body = '{"status_code":0,"status_msg":"","video_list":[]}';

/** Loads a server of this process for a moment. */
async function load(listener: RequestListener, bodyBytes = body.length): Promise<LoadResult> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return await generateLoad({
    port,
    path: '/',
    connections: 4,
    warmUpMs: 20,
    durationMs: 100,
    bodyBytes,
    serverPid: process.pid,
  });
}

const sends =
  (text: string, status = 200): RequestListener =>
  (_request, response) => {
    response.writeHead(status, { 'content-length': text.length }).end(text);
  };

describe('the load generator', () => {
  it('counts right answers, and nothing wrong', async () => {
    const result = await load(sends(body));
    expect(result.answers).toBeGreaterThan(0);
    expect(result.wrong).toBe(0);
    expect(result.elapsedMs).toBeGreaterThanOrEqual(90);
  });

  it('counts answers that come in pieces once', async () => {
    let sent = 0;
    const result = await load((_request, response) => {
      sent += 1;
      response.writeHead(200, { 'content-length': body.length });
      response.write(body.slice(0, 5));
      setImmediate(() => response.end(body.slice(5)));
    });
    expect(result.wrong).toBe(0);
    expect(result.answers).toBeGreaterThan(0);
    expect(result.answers).toBeLessThanOrEqual(sent);
  });

  it.each([
    ['another status_code', sends(body.replace('"status_code":0', '"status_code":1'))],
    ['another HTTP status', sends(body, 500)],
    ['another length', sends(`${body} `)],
  ])('does not count an answer with %s', async (_name, listener) => {
    const result = await load(listener);
    expect(result.answers).toBe(0);
    expect(result.wrong).toBeGreaterThan(0);
  });

  it('fails if the server hangs up', async () => {
    await expect(load((request) => request.socket.end())).rejects.toThrow('closed a connection');
  });
});
