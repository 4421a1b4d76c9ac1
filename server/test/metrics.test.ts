import { createServer } from 'node:http';
import { operationNames } from '@tiktok-server/contract';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createPrometheusMetrics } from '../src/adapters/metrics-prometheus.ts';
import { outboxStore } from '../src/store/index.ts';
import { type Exposition, scrape } from './exposition.ts';
import { createHeldFfmpeg, type HeldFfmpeg } from './held-ffmpeg.ts';
import { seedSettings, seedUser, seedVideos } from './seed.ts';
import { multipart, someVideo, startTestServer, type TestServer, type TestUser } from './server.ts';
import { listen } from './sockets.ts';

/** What a scraper sees of a server that works, over HTTP. */
let ffmpeg: HeldFfmpeg;
let server: TestServer;
let admin: string;
let site: string;
let user: TestUser;
beforeAll(async () => {
  ffmpeg = await createHeldFfmpeg();
  server = await startTestServer({ ADMIN_PORT: '0', FFMPEG_PATH: ffmpeg.path, ...seedSettings });
  site = `http://127.0.0.1:${await listen(server)}`;
  admin = server.context.admin?.url ?? '';
  user = await seedUser(server);
  await server.publish(user);
  await server.context.jobs.processAll();
});
afterAll(async () => {
  await server.close();
  ffmpeg.remove();
});

/** By how much `name` grew while `work` was done. */
async function growth(name: string, labels: Record<string, string>, work: () => Promise<unknown>): Promise<number> {
  const before = (await scrape(admin)).value(name, labels) ?? 0;
  await work();
  let grown = 0;
  // The end of a request is seen when its connection has written the last byte.
  await vi.waitFor(async () => {
    grown = ((await scrape(admin)).value(name, labels) ?? 0) - before;
    expect(grown).toBeGreaterThan(0);
  });
  return grown;
}

const requests = 'tiktok_request_duration_seconds_count';
const get = async (path: string, headers: Record<string, string> = {}): Promise<void> => {
  await (await fetch(`${site}${path}`, { headers })).arrayBuffer();
};

describe('requests', () => {
  it.each([
    ['an operation', '/douyin/user/?user_id=1', { operation: 'user', status_code: '110001', http_status: '200' }],
    ['an operation that is not allowed', '/douyin/publish/list/?token=x', { operation: 'publishList' }],
    ['a file', '/media/nothing.mp4', { operation: 'media', http_status: '404' }],
    ['a page', '/docs', { operation: 'page', status_code: 'none', http_status: '200' }],
    ['an address of nothing', '/wp-login.php', { operation: 'other', http_status: '404' }],
  ])('are counted by what they ask for and how they end: %s', async (_what, path, labels) => {
    expect(await growth(requests, labels, () => get(path))).toBe(1);
  });

  it('are counted as well on the way of ready answers, with the same names', async () => {
    await seedVideos(server, user, 30);
    await get('/douyin/feed/');
    const labels = { operation: 'feed', status_code: '0', http_status: '200' };
    expect(await growth(requests, labels, () => Promise.all([get('/douyin/feed/'), get('/douyin/feed/')]))).toBe(2);
  });

  it('have no label that a caller chose', async () => {
    await get('/%22%7D%0Ainjected%20666', { 'x-forwarded-for': 'injected' });
    await get('/douyin/nothing/?injected=1');
    const known = new Set<string>([...operationNames, 'media', 'page', 'other']);
    const { samples } = await scrape(admin);
    const seen = samples.filter(({ name }) => name === requests);
    expect(seen.length).toBeGreaterThan(3);
    for (const { labels } of seen) expect(known).toContain(labels['operation']);
  });

  it('fall into the bucket of their duration, which add up', async () => {
    const { samples } = await scrape(admin);
    const of = (name: string) =>
      samples.filter(
        (one) => one.name === `tiktok_request_duration_seconds${name}` && one.labels['operation'] === 'page',
      );
    const buckets = of('_bucket').map(({ value }) => value);
    expect(buckets).toEqual([...buckets].sort((one, other) => one - other));
    expect(of('_bucket').find(({ labels }) => labels['le'] === '+Inf')?.value).toBe(of('_count')[0]?.value);
    expect(of('_sum')[0]?.value).toBeGreaterThan(0);
  });

  it('and uploads are seen while they are under way', async () => {
    const body = multipart([['title', 'slow']], { data: someVideo });
    const controller = new AbortController();
    const half = new ReadableStream({
      start: (stream) => stream.enqueue(body.payload.subarray(0, 1_000)),
    });
    const upload = fetch(`${site}/douyin/publish/action/?token=${user.token}`, {
      method: 'POST',
      headers: body.headers,
      body: half,
      duplex: 'half',
      signal: controller.signal,
    });
    const flying = async (count: number): Promise<void> => {
      await vi.waitFor(async () => {
        const seen = await scrape(admin);
        expect([seen.value('tiktok_uploads_in_flight'), seen.value('tiktok_requests_in_flight')]).toEqual([
          count,
          count,
        ]);
      });
    };
    await flying(1);
    controller.abort();
    await expect(upload).rejects.toThrow();
    await flying(0);
  });
});

describe('the cache', () => {
  it('is counted by family and by the tier that had the value', async () => {
    await server.context.cache.delete([{ family: 'user', id: String(user.id) }]);
    const look = () => get(`/douyin/user/?user_id=${user.id}&token=${user.token}`);
    const found = (seen: Exposition, tier: string) =>
      seen.value('tiktok_cache_lookups_total', { family: 'user', tier }) ?? 0;
    const before = await scrape(admin);
    await look();
    const missed = await scrape(admin);
    expect(found(missed, 'database') - found(before, 'database')).toBe(1);
    await look();
    const hit = await scrape(admin);
    expect(found(hit, 'database')).toBe(found(missed, 'database'));
    expect(found(hit, 'near')).toBeGreaterThan(found(missed, 'near'));
  });
});

describe('jobs', () => {
  it('and the tools that they run are counted by how they ended', async () => {
    const seen = await scrape(admin);
    expect(seen.value('tiktok_jobs_total', { name: 'video.prepare', outcome: 'done' })).toBeGreaterThan(0);
    expect(seen.value('tiktok_job_duration_seconds_count', { name: 'video.prepare' })).toBeGreaterThan(0);
    expect(seen.value('tiktok_tool_runs_total', { tool: 'ffprobe', outcome: 'ok' })).toBeGreaterThan(0);
    expect(seen.value('tiktok_tool_runs_total', { tool: 'ffmpeg', outcome: 'ok' })).toBeGreaterThan(0);
    expect(seen.value('tiktok_tool_duration_seconds_sum', { tool: 'ffmpeg' })).toBeGreaterThan(0);
  });

  it('that fail are counted, and those that nobody knows are given up without becoming a label', async () => {
    const { database, jobs, publishing } = server.context;
    const rows = [
      ['cache.delete', '{"keys":7}'],
      ['made up "name"', '{}'],
    ] as const;
    const now = publishing.clock.now();
    const row = {
      lane: 'quick',
      dedupe_key: null,
      state: 'pending',
      attempts: 0,
      lease_until: null,
      last_error: null,
    } as const;
    await database.transaction((trx) =>
      outboxStore.insertJobs(
        trx,
        rows.map(([name, payload]) => ({
          ...row,
          id: publishing.ids.next(),
          name,
          payload,
          run_at: now - 5_000,
          created_at: now,
        })),
      ),
    );
    const due = await scrape(admin);
    expect(due.value('tiktok_outbox_rows', { lane: 'quick', state: 'due' })).toBe(2);
    expect(due.value('tiktok_outbox_oldest_due_seconds', { lane: 'quick' })).toBeGreaterThanOrEqual(5);
    expect(due.value('tiktok_outbox_lag_seconds', { lane: 'quick' })).toBeGreaterThanOrEqual(5);
    await jobs.processAll();
    const seen = await scrape(admin);
    expect(seen.value('tiktok_jobs_total', { name: 'cache.delete', outcome: 'dead' })).toBe(1);
    expect(seen.value('tiktok_jobs_total', { name: 'other', outcome: 'dead' })).toBe(1);
    expect(seen.value('tiktok_outbox_rows', { state: 'dead' })).toBe(2);
    expect(seen.value('tiktok_outbox_rows', { lane: 'quick', state: 'due' })).toBe(0);
  });

  it('and tools are seen while they run', async () => {
    ffmpeg.hold('covers');
    const upload = server.publish(user, 'slow cover');
    await vi.waitFor(async () => {
      expect((await scrape(admin)).value('tiktok_tools_running', { tool: 'ffmpeg' })).toBeGreaterThan(0);
    });
    ffmpeg.letGo('covers');
    await upload;
    await server.context.jobs.processAll();
    expect((await scrape(admin)).value('tiktok_tools_running', { tool: 'ffmpeg' })).toBe(0);
    expect((await scrape(admin)).value('tiktok_tool_runs_total', { outcome: 'timeout' })).toBe(1);
  });
});

describe('a scrape', () => {
  it('says how the process is', async () => {
    const seen = await scrape(admin);
    expect(seen.value('process_resident_memory_bytes')).toBeGreaterThan(10_000_000);
    expect(seen.value('nodejs_eventloop_lag_p99_seconds')).toBeGreaterThan(0);
    expect(seen.value('tiktok_event_loop_utilization')).toBeLessThanOrEqual(1);
    const connections = seen.value('tiktok_database_connections');
    // The outbox was just read, by a connection if the database is reached by any.
    if (server.context.database.pool === undefined) expect(connections).toBeUndefined();
    else expect(connections).toBeGreaterThan(0);
  });

  it('is answered without the outbox when the database fails', async () => {
    const { database } = server.context;
    await database.transaction((trx) => sql`alter table outbox rename to gone`.execute(trx));
    const seen = await scrape(admin);
    await database.transaction((trx) => sql`alter table gone rename to outbox`.execute(trx));
    expect(seen.value('tiktok_outbox_up')).toBe(0);
    expect(seen.value('tiktok_outbox_rows')).toBeUndefined();
    expect(seen.value(requests)).toBeGreaterThan(0);
    const after = await scrape(admin);
    expect([after.value('tiktok_outbox_up'), after.value('tiktok_outbox_rows', { state: 'dead' })]).toEqual([1, 2]);
  });

  it('is answered within its bound when the database does not answer, which is asked once', async () => {
    const metrics = await createPrometheusMetrics();
    let asked = 0;
    metrics.watch({
      backlog: () => {
        asked += 1;
        return new Promise(() => undefined);
      },
      pool: () => ({ inUse: 3, idle: 2, waiting: 1 }),
    });
    const startedAt = performance.now();
    const texts = await Promise.all([metrics.text(), metrics.text()]);
    expect(performance.now() - startedAt).toBeLessThan(1_500);
    expect(asked).toBe(1);
    expect(texts[0]).toContain('tiktok_outbox_up 0');
    expect(texts[0]).toContain('tiktok_database_connections{state="in_use"} 3');
    expect(texts[0]).toContain('tiktok_database_waiting 1');
  });
});

describe('the admin port', () => {
  it('is not there unless it is set', async () => {
    const plain = await startTestServer();
    expect(plain.context.admin).toBeUndefined();
    await plain.close();
  });

  it('that is taken stops the start in one line that names it', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const address = other.address();
    const port = typeof address === 'object' ? String(address?.port) : '';
    await expect(startTestServer({ ADMIN_PORT: port })).rejects.toThrow(
      `ADMIN_PORT: ${port} on 127.0.0.1 is taken by another program. Set another one.`,
    );
    other.close();
  });

  it('is not public: nothing of it is on the public one', async () => {
    for (const path of ['/metrics', '/debug/pprof/heap']) expect((await fetch(`${site}${path}`)).status).toBe(404);
  });

  it('closes with the server', async () => {
    const one = await startTestServer({ ADMIN_PORT: '0' });
    const url = one.context.admin?.url ?? '';
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    await one.close();
    await expect(fetch(`${url}/healthz`)).rejects.toThrow();
  });
});
