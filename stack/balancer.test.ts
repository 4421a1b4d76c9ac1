import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { freePorts } from '../engines/programs.ts';
import { startBalancer } from './balancer.ts';
import type { StackProcess } from './process.ts';

type Backend = { readonly server: Server; readonly seen: IncomingMessage[]; connections: number };
type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const folder = mkdtempSync(join(tmpdir(), 'balancer-'));
const lines: string[] = [];
const agent = new Agent({ keepAlive: true });
let balancer: StackProcess;
let url: string;
let ports: number[];
let backends: Backend[];
let answer: Answer;

async function startBackend(port: number): Promise<Backend> {
  const backend: Backend = { server: createServer(), seen: [], connections: 0 };
  backend.server.on('connection', () => {
    backend.connections += 1;
  });
  backend.server.on('request', (message: IncomingMessage, response: ServerResponse) => {
    backend.seen.push(message);
    answer(message, response);
  });
  backend.server.listen(port, '127.0.0.1');
  await once(backend.server, 'listening');
  return backend;
}

async function stopBackend({ server }: Backend): Promise<void> {
  if (!server.listening) return;
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
}

beforeAll(async () => {
  const [port = 0, ...others] = await freePorts(3);
  ports = others;
  url = `http://127.0.0.1:${port}`;
  balancer = await startBalancer({
    folder,
    host: '127.0.0.1',
    port,
    apiPorts: ports,
    onLine: (line) => lines.push(line),
    onEnd: (how) => lines.push(how),
  });
});
beforeEach(async () => {
  answer = (message, response) => message.resume().on('end', () => response.end('ok'));
  backends = await Promise.all(ports.map(startBackend));
  // One that was down a moment ago is taken again.
  await vi.waitFor(async () => {
    for (const _ of ports) await (await fetch(url)).text();
    expect(backends.every(({ seen }) => seen.length > 0)).toBe(true);
  }, 5_000);
  for (const backend of backends) backend.seen.length = 0;
});
afterEach(async () => {
  await Promise.all(backends.map(stopBackend));
});
afterAll(async () => {
  agent.destroy();
  await balancer.stop();
  rmSync(folder, { recursive: true });
});

const seen = (): IncomingMessage[] => backends.flatMap((backend) => backend.seen);

it('says who the client is, and believes nobody who says so himself', async () => {
  const claims = { 'X-Forwarded-For': '1.2.3.4', Forwarded: 'for=1.2.3.4', 'X-Forwarded-Proto': 'https' };
  await fetch(`${url}/a?b=%2F`, { headers: claims });
  const [message] = seen();
  expect(message?.url).toBe('/a?b=%2F');
  expect(message?.headers).toMatchObject({
    host: new URL(url).host,
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-proto': 'http',
    'x-forwarded-host': new URL(url).host,
  });
  expect(message?.headers.forwarded).toBeUndefined();
});

it('keeps its connections to the apis', async () => {
  const before = backends.map(({ connections }) => connections);
  for (let count = 0; count < 40; count += 1) await (await fetch(url)).text();
  expect(seen()).toHaveLength(40);
  const opened = backends.map(({ connections }, index) => connections - (before[index] ?? 0));
  expect(Math.max(...opened)).toBeLessThanOrEqual(1);
});

it('hands on the first bytes of a body before the last are sent, and of an answer too', async () => {
  answer = (message, response) => {
    message.once('data', () => response.write('first'));
    message.once('end', () => response.end('last'));
    message.resume();
  };
  const upload = request(url, { method: 'POST', agent });
  const answered = once(upload, 'response');
  upload.write('x'.repeat(1_000));
  const [response]: IncomingMessage[] = await answered;
  if (response === undefined) throw new Error('no response');
  const [bytes]: unknown[] = await once(response, 'data');
  expect(String(bytes)).toBe('first');
  upload.end();
  const [rest]: unknown[] = await once(response, 'data');
  expect(String(rest)).toBe('last');
});

/** Resident memory of nginx's worker, in bytes, at its highest so far. */
function workerPeakBytes(): number {
  const children = readFileSync(`/proc/${balancer.pid}/task/${balancer.pid}/children`, 'utf8').trim().split(' ');
  const peaks = children.map((pid) => /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  return Math.max(...peaks.map(Number)) * 1024;
}

/** What may be on its way: in nginx and in the kernel's buffers of four sockets. */
const onItsWayBytes = 16 * 1024 * 1024;

it('takes a large upload with flat memory, and gathers none of it', async () => {
  const chunk = Buffer.alloc(1024 * 1024, 'v');
  const chunks = 100;
  let received = 0;
  answer = (message, response) => {
    message.on('data', (bytes: Buffer) => {
      received += bytes.length;
    });
    message.on('end', () => response.end('ok'));
  };
  const before = workerPeakBytes();
  const upload = request(url, { method: 'POST', headers: { 'Content-Length': chunk.length * chunks }, agent });
  const answered = once(upload, 'response');
  for (let count = 0; count < chunks; count += 1) {
    if (!upload.write(chunk)) await once(upload, 'drain');
    const sent = (count + 1) * chunk.length;
    if (count === chunks / 2) await vi.waitFor(() => expect(received).toBeGreaterThan(sent - onItsWayBytes));
  }
  upload.end();
  const [response]: IncomingMessage[] = await answered;
  response?.resume();
  expect(response?.statusCode).toBe(200);
  expect(received).toBe(chunk.length * chunks);
  expect(workerPeakBytes() - before).toBeLessThan(10 * 1024 * 1024);
});

it('answers everything while one api is gone', async () => {
  const [gone] = backends;
  if (gone === undefined) throw new Error('no backend');
  await stopBackend(gone);
  const statuses: number[] = [];
  for (let count = 0; count < 20; count += 1) {
    // A write as well: nothing of it has left while nobody took the connection.
    const response = await fetch(url, count % 2 === 0 ? {} : { method: 'POST', body: 'x' });
    statuses.push(response.status);
    await response.text();
  }
  expect(statuses).toEqual(statuses.map(() => 200));
});

it('does a write that was lost on its way never a second time', async () => {
  answer = (message) => message.socket.destroy();
  expect((await fetch(`${url}/?token=secret`, { method: 'POST', body: 'x' })).status).toBe(502);
  expect(seen()).toHaveLength(1);
  // Reading may be tried elsewhere.
  expect((await fetch(url)).status).toBe(502);
  expect(seen().length).toBeGreaterThan(1);
  await vi.waitFor(() => expect(lines.join('\n')).toMatch(/request: "POST \/\?… HTTP/));
  expect(lines.join('\n')).not.toContain('secret');
});

it('says 502 within a moment when every api is gone', async () => {
  await Promise.all(backends.map(stopBackend));
  const startedMs = performance.now();
  expect((await fetch(url)).status).toBe(502);
  expect(performance.now() - startedMs).toBeLessThan(2_000);
});
