/** The shipped Caddyfile, in a real Caddy, in front of servers of this test. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, vi } from 'vitest';
import { freePorts } from '../engines/programs.ts';
import { answersAt, createProcess } from '../stack/process.ts';
import { itWith } from './test/programs.ts';

type Answer = (message: IncomingMessage, response: ServerResponse) => void;
type Front = {
  readonly url: string;
  readonly api: Backend;
  readonly storage: Backend;
  readonly healthUrl: string;
  readonly lines: readonly string[];
};
type Backend = { answer: Answer; readonly server: Server; readonly seen: IncomingMessage[] };

const caddyfile = fileURLToPath(new URL('Caddyfile', import.meta.url));

async function startBackend(port: number): Promise<Backend> {
  const backend: Backend = {
    server: createServer((message, response) => {
      backend.seen.push(message);
      backend.answer(message, response);
    }),
    seen: [],
    answer: (message, response) => message.resume().on('end', () => response.end('ok')),
  };
  backend.server.listen(port, '127.0.0.1');
  await once(backend.server, 'listening');
  return backend;
}

function itThroughCaddy(name: string, run: (front: Front) => Promise<void>): void {
  itWith('caddy', 'caddy', name, async (command) => {
    const folder = mkdtempSync(join(tmpdir(), 'caddy-'));
    const [port = 0, apiPort = 0, storagePort = 0, healthPort = 0] = await freePorts(4);
    const [api, storage] = await Promise.all([startBackend(apiPort), startBackend(storagePort)]);
    const healthUrl = `http://127.0.0.1:${healthPort}/healthz`;
    const lines: string[] = [];
    const caddy = createProcess({
      name: 'proxy',
      command,
      args: ['run', '--config', caddyfile, '--adapter', 'caddyfile'],
      folder,
      environment: {
        PATH: '/usr/bin:/bin',
        XDG_DATA_HOME: folder,
        XDG_CONFIG_HOME: folder,
        SITE_ADDRESS: `http://127.0.0.1:${port}`,
        HEALTH_PORT: String(healthPort),
        API_HOST: '127.0.0.1',
        API_PORT: String(apiPort),
        STORAGE_UPSTREAM: `127.0.0.1:${storagePort}`,
      },
      answers: () => answersAt(healthUrl),
      onLine: (line) => lines.push(line),
      onEnd: (how) => lines.push(how),
    });
    try {
      await caddy.start();
      await run({ url: `http://127.0.0.1:${port}`, api, storage, healthUrl, lines });
    } finally {
      await caddy.kill();
      for (const { server } of [api, storage]) {
        server.closeAllConnections();
        server.close();
      }
      rmSync(folder, { recursive: true });
    }
  });
}

itThroughCaddy('says who the client is, and believes nobody who says so himself', async ({ url, api }) => {
  await fetch(`${url}/a?b=%2F`, { headers: { 'X-Forwarded-For': '1.2.3.4', 'X-Forwarded-Proto': 'https' } });
  const [message] = api.seen;
  expect(message?.url).toBe('/a?b=%2F');
  expect(message?.headers).toMatchObject({
    host: new URL(url).host,
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-proto': 'http',
    'x-forwarded-host': new URL(url).host,
  });
});

itThroughCaddy('hands on the first bytes of a body before the last are sent', async ({ url, api }) => {
  let received = 0;
  api.answer = (message, response) => {
    message.on('data', (bytes: Buffer) => {
      received += bytes.length;
    });
    message.on('end', () => response.end('ok'));
  };
  const upload = request(url, { method: 'POST' });
  const answered = once(upload, 'response');
  upload.write('x'.repeat(1_000));
  await vi.waitFor(() => expect(received).toBe(1_000));
  upload.end('y');
  const [response]: IncomingMessage[] = await answered;
  response?.resume();
  expect([response?.statusCode, received]).toEqual([200, 1_001]);
});

itThroughCaddy('hands out the public files of the bucket, and nothing else of it', async ({ url, api, storage }) => {
  storage.answer = (message, response) => {
    const status = message.url?.includes('missing') ? 404 : 206;
    response.writeHead(status, { 'Content-Range': 'bytes 0-1/9', 'X-Amz-Request-Id': 'x', Server: 'MinIO' });
    response.end('ab');
  };
  const file = await fetch(`${url}/files/videos/17/abc_-9.mp4?versionId=1&acl`, {
    headers: { Range: 'bytes=0-1', Authorization: 'Bearer x', Cookie: 'a=b' },
  });
  expect([file.status, await file.text(), file.headers.get('content-range')]).toEqual([206, 'ab', 'bytes 0-1/9']);
  expect(file.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
  expect(file.headers.get('content-security-policy')).toContain('sandbox');
  expect(file.headers.get('x-content-type-options')).toBe('nosniff');
  expect(file.headers.get('cross-origin-resource-policy')).toBe('cross-origin');
  expect([file.headers.get('x-amz-request-id'), file.headers.get('server')]).not.toContain('MinIO');
  expect(file.headers.get('x-amz-request-id')).toBe(null);
  const [message] = storage.seen;
  expect(message?.url?.replace(/[?]$/, '')).toBe('/tiktok/videos/17/abc_-9.mp4');
  expect(message?.headers).toMatchObject({ range: 'bytes=0-1' });
  expect(message?.headers.host).toMatch(/^127\.0\.0\.1:\d+$/);
  expect([message?.headers.authorization, message?.headers.cookie]).toEqual([undefined, undefined]);

  const missing = await fetch(`${url}/files/users/17/missing.jpg`);
  expect([missing.status, missing.headers.get('cache-control')]).toEqual([404, null]);
  storage.seen.length = 0;
  const wrong = [
    '',
    '?list-type=2',
    'videos/',
    'videos/17/',
    'other/17/a.mp4',
    'videos/17/..%2F..%2Fother%2Fa.mp4',
    'videos/17/a.mp4/x',
  ];
  for (const path of wrong) expect([path, (await fetch(`${url}/files/${path}`)).status]).toEqual([path, 404]);
  for (const method of ['PUT', 'POST', 'DELETE']) {
    expect((await fetch(`${url}/files/videos/17/a.mp4`, { method })).status).toBe(404);
  }
  expect([storage.seen.length, api.seen.length]).toEqual([0, 0]);
});

itThroughCaddy('does a write that was lost on its way never a second time, and logs no token', async (front) => {
  const { url, api, lines } = front;
  api.answer = (message) => message.socket.destroy();
  expect((await fetch(`${url}/?token=secret`, { method: 'POST', body: 'x' })).status).toBe(502);
  expect(api.seen).toHaveLength(1);
  // Reading is tried again, until it works.
  api.answer = (message, response) => {
    if (api.seen.length < 3) message.socket.destroy();
    else response.end('ok');
  };
  expect((await fetch(`${url}/?token=secret`)).status).toBe(200);
  await vi.waitFor(() => expect(lines.some((line) => line.includes('"level":"error"'))).toBe(true));
  expect(lines.join('\n')).not.toContain('secret');
});

itThroughCaddy(
  'says 502 or 503 within 5 s while no api is there, and is healthy itself',
  async ({ url, api, healthUrl }) => {
    api.server.closeAllConnections();
    api.server.close();
    const startedMs = performance.now();
    expect([502, 503]).toContain((await fetch(url)).status);
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    expect((await fetch(healthUrl)).status).toBe(204);
  },
);
