import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, expect, it } from 'vitest';
import { open, requestText } from '../../test/sockets.ts';
import { cutOffSlowBodies } from './pace.ts';

const pace = { windowMs: 200, bytesPerSecond: 1_000 };
let app: FastifyInstance | undefined;
afterEach(async () => {
  await app?.close();
  app = undefined;
});

async function start(): Promise<number> {
  app = Fastify();
  cutOffSlowBodies(app, pace);
  app.addContentTypeParser('*', { parseAs: 'string' }, async (_request: unknown, body: string) => body);
  app.post('/uploads/', async () => ({ status_code: 0 }));
  app.post('/', async ({ body }) => ({ status_code: 0, length: String(body).length }));
  await app.listen({ host: '127.0.0.1', port: 0 });
  const address = app.server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

const head = (length: number): string =>
  requestText('POST', '/', { 'content-type': 'text/plain', 'content-length': String(length) });

it('cuts off a body that stops coming, with 408', async () => {
  const connection = open(await start());
  connection.write(`${head(100)}x`);
  const response = await connection.response();
  expect(response.status).toBe(408);
  expect(response.body.toString()).toContain('took too long to arrive');
  await connection.closed();
});

it('ends the connection of an upload that can be resumed, whose client goes on then', async () => {
  const connection = open(await start());
  connection.write(`${head(100).replace('POST /', 'POST /uploads/')}x`);
  expect(await connection.closed()).toBe('');
});

it('cuts off a body that trickles', async () => {
  const connection = open(await start());
  connection.write(head(1_000));
  const trickle = setInterval(() => connection.write('x'), 20);
  try {
    expect((await connection.response()).status).toBe(408);
  } finally {
    clearInterval(trickle);
  }
});

it('leaves a body that keeps the pace as long as it needs', async () => {
  const connection = open(await start());
  const [pieces, piece] = [10, 'x'.repeat(100)];
  connection.write(head(pieces * piece.length));
  const startedAt = performance.now();
  let sent = 0;
  const steps = setInterval(() => {
    connection.write(piece);
    sent += 1;
    if (sent === pieces) clearInterval(steps);
  }, 60);
  expect((await connection.response()).status).toBe(200);
  expect(performance.now() - startedAt).toBeGreaterThan(2 * pace.windowMs);
  connection.socket.destroy();
});
