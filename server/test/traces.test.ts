import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createOtlpTracer, parseTraceparent } from '../src/adapters/tracer-otlp.ts';
import { type CollectedSpan, type Collector, startCollector } from './collector.ts';
import { seedSettings, seedUser, seedVideos } from './seed.ts';
import { startTestServer, type TestServer, type TestUser } from './server.ts';
import { listen } from './sockets.ts';

/** What a collector of traces gets of a server that works. */
let collector: Collector;
let server: TestServer;
let site: string;
let user: TestUser;
beforeAll(async () => {
  collector = await startCollector();
  server = await startTestServer({ OTEL_EXPORTER_OTLP_ENDPOINT: `${collector.url}/`, ...seedSettings });
  site = `http://127.0.0.1:${await listen(server)}`;
  user = await seedUser(server);
});
afterAll(async () => {
  await server.close();
  collector.close();
});

const traceId = '0af7651916cd43dd8448eb211c80319c';
const callerSpan = 'b7ad6b7169203331';
let traces = 0;
/** A trace that nobody else has, so that its spans can be told from those of others. */
const freshTrace = (): string => {
  traces += 1;
  return traceId.slice(0, -4) + traces.toString(16).padStart(4, '0');
};

/** Spans of one trace, once its request has ended. */
async function spansOf(trace: string): Promise<readonly CollectedSpan[]> {
  const found = (): CollectedSpan[] => collector.spans.filter((span) => span.traceId === trace);
  await vi.waitFor(() => expect(found().some(({ kind }) => kind === 2)).toBe(true), { timeout: 8_000, interval: 50 });
  return found();
}

async function traced(path: string, init: RequestInit = {}): Promise<readonly CollectedSpan[]> {
  const trace = freshTrace();
  const headers = { ...init.headers, traceparent: `00-${trace}-${callerSpan}-01` };
  await (await fetch(`${site}${path}`, { ...init, headers })).arrayBuffer();
  return await spansOf(trace);
}

const named = (spans: readonly CollectedSpan[], name: string): CollectedSpan => {
  const span = spans.find((one) => one.name === name);
  if (span === undefined) throw new Error(`no ${name} among ${spans.map((one) => one.name).join(', ')}`);
  return span;
};

describe.concurrent('a request', () => {
  it('is a span with the name of its operation, within the trace of its caller', async () => {
    const spans = await traced(`/douyin/user/?user_id=${user.id}&token=${user.token}`);
    const request = named(spans, 'user');
    expect(request).toMatchObject({ parentSpanId: callerSpan, kind: 2, failed: false });
    expect(request.attributes).toMatchObject({
      'http.request.method': 'GET',
      'http.response.status_code': 200,
      status_code: 0,
    });
    expect(request.durationMs).toBeGreaterThan(0);
    expect(request.resource).toMatchObject({ 'service.name': 'tiktok-server', 'tiktok.role': 'all' });
  });

  it('that writes has its transaction within it, and its queries within that', async () => {
    await seedVideos(server, user, 1);
    const body = new URLSearchParams({ token: user.token, to_user_id: '12345', action_type: '1', content: 'hello' });
    const spans = await traced('/douyin/message/action/', { method: 'POST', body });
    const request = named(spans, 'sendMessage');
    const transaction = named(spans, 'database transaction');
    expect(transaction.parentSpanId).toBe(request.spanId);
    const query = spans.find(({ parentSpanId }) => parentSpanId === transaction.spanId);
    expect(query?.name).toMatch(/^database (?:begin|select|insert)$/);
    expect(query?.attributes['db.query.text']).toBeTypeOf('string');
  });

  it('has the look-ups of the cache within it, also when it is a form that was read first', async () => {
    const spans = await traced(`/douyin/publish/list/?token=${user.token}`);
    const lookUp = named(spans, 'cache look-up');
    expect(lookUp.attributes).toMatchObject({ 'cache.family': 'user', 'cache.keys': 1 });
    expect(lookUp.traceId).toBe(named(spans, 'publishList').traceId);
  });

  it('that fails on our side is marked', async () => {
    await server.context.database.transaction((trx) => trx.schema.alterTable('comments').renameTo('gone').execute());
    const [videos] = await seedVideos(server, user, 1);
    const spans = await traced(`/douyin/comment/list/?video_id=${videos?.id}`);
    await server.context.database.transaction((trx) => trx.schema.alterTable('gone').renameTo('comments').execute());
    expect(named(spans, 'commentList')).toMatchObject({ failed: true });
  });

  it('is not recorded if its caller says so', async () => {
    const trace = freshTrace();
    const headers = { traceparent: `00-${trace}-${callerSpan}-00` };
    await (await fetch(`${site}/docs`, { headers })).arrayBuffer();
    await traced('/docs');
    expect(collector.spans.filter((span) => span.traceId === trace)).toEqual([]);
  });
});

// Alone: whoever publishes meanwhile makes the ready answer old.
it('a request on the way of ready answers is a span as well', async () => {
  await seedVideos(server, user, 30);
  let spans: readonly CollectedSpan[] = [];
  // The first requests make it; a cache that is shared tells of what is filled as well, which makes it old once more.
  await vi.waitFor(
    async () => {
      spans = await traced('/douyin/feed/');
      expect(spans.map(({ name, parentSpanId }) => [name, parentSpanId])).toEqual([['feed', callerSpan]]);
    },
    { timeout: 20_000, interval: 1 },
  );
  expect(named(spans, 'feed').attributes).toMatchObject({ status_code: 0, 'http.response.status_code': 200 });
});

describe('work behind the answer', () => {
  it('has traces of its own: the queue, the job and its tools', async () => {
    await server.publish(user);
    await server.context.jobs.processAll();
    await vi.waitFor(() => named(collector.spans, 'job video.prepare'), { timeout: 8_000 });
    const job = named(collector.spans, 'job video.prepare');
    expect(job).toMatchObject({ parentSpanId: '', failed: false });
    expect(job.attributes).toMatchObject({ 'job.name': 'video.prepare', 'job.attempt': 1 });
    const tool = collector.spans.find(({ name, traceId }) => name === 'ffmpeg' && traceId === job.traceId);
    expect(tool?.durationMs).toBeGreaterThan(1);
    const publish = named(collector.spans, 'queue publish');
    expect(publish).toMatchObject({ parentSpanId: '' });
    // What the request woke is not within it.
    const request = named(collector.spans, 'publish');
    const ofRequest = collector.spans.filter(({ traceId }) => traceId === request.traceId);
    expect(ofRequest.length).toBeGreaterThan(5);
    expect(
      ofRequest.filter(({ attributes }) => /^select.* from .outbox/.test(String(attributes['db.query.text']))),
    ).toEqual([]);
    // What runs by itself begins no trace.
    const roots = collector.spans.filter(({ parentSpanId }) => parentSpanId === '').map(({ name }) => name);
    expect(roots.filter((name) => /^(?:database|cache) /.test(name))).toEqual([]);
  });
});

it('no span holds a token, a password, a user or what a user wrote', async () => {
  await traced(`/douyin/user/login/?username=somebody&password=a+secret+password`, { method: 'POST' });
  const everything = JSON.stringify(collector.spans);
  for (const secret of [user.token, 'a secret password', 'a+secret', 'somebody', 'hello', String(user.id)]) {
    expect(everything).not.toContain(secret);
  }
});

describe('traceparent', () => {
  const valid = `00-${traceId}-${callerSpan}-01`;
  it.each([valid, `01-${traceId}-${callerSpan}-01-more`, `cc-${traceId}-${callerSpan}-09`])('takes %s', (text) => {
    expect(parseTraceparent(text)).toEqual({ traceId, spanId: callerSpan, traceFlags: 1 });
  });
  it.each([
    undefined,
    '',
    'nonsense',
    `ff-${traceId}-${callerSpan}-01`,
    `00-${'0'.repeat(32)}-${callerSpan}-01`,
    `00-${traceId}-${'0'.repeat(16)}-01`,
    `00-${traceId.toUpperCase()}-${callerSpan}-01`,
    `${valid}-more`,
    ` ${valid}`,
    `01-${traceId}-${callerSpan}-01-${'x'.repeat(300)}`,
  ])('leaves alone what is none: %s', (text) => {
    expect(parseTraceparent(text)).toBeUndefined();
  });
});

describe('a collector that is dead', () => {
  const settings = { role: 'all', version: '0' } as const;
  it('costs its spans, and one line of the log', async () => {
    const dead = await startCollector();
    dead.become('refusing');
    const lines: string[] = [];
    let lost = 0;
    const tracer = await createOtlpTracer({
      ...settings,
      endpoint: dead.url,
      log: { warn: (_fields, message) => lines.push(message) },
      metrics: { spansLost: (count) => (lost += count) },
    });
    for (let i = 0; i < 2_000; i += 1) await tracer.background('a span', {}, async () => undefined);
    await tracer.close();
    expect(dead.requests()).toBeGreaterThan(1);
    expect(lost).toBe(2_000);
    expect(lines).toEqual(['OTEL_EXPORTER_OTLP_ENDPOINT: the collector takes no spans: they are lost']);
    dead.close();
  });

  it('holds up neither work nor the end', async () => {
    let lost = 0;
    const silent = await startCollector();
    silent.become('silent');
    const tracer = await createOtlpTracer({
      ...settings,
      endpoint: silent.url,
      log: { warn: () => undefined },
      metrics: { spansLost: (count) => (lost += count) },
    });
    // More than it may keep.
    for (let i = 0; i < 10_000; i += 1) await tracer.background('a span', {}, async () => undefined);
    expect(await tracer.background('work', {}, async () => 'done')).toBe('done');
    const startedAt = performance.now();
    await tracer.close();
    expect(performance.now() - startedAt).toBeLessThan(2_500);
    expect(silent.requests()).toBe(1);
    // All but what waited and what was being sent.
    expect(lost).toBe(10_001 - 4_096 - 512);
    silent.close();
  });
});
