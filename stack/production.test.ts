/** The production form as `npm run stack` starts it, with real engines: used through its balancer, with parts of it gone. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { Engine } from '../engines/index.ts';
import { describeStack } from './description.ts';
import { runMigration, type ServerProcess } from './server-process.ts';
import { type Stack, startStack } from './stack.ts';

const startTimeoutMs = 120_000;
/** A job that was published is prepared within seconds. */
const preparedWithinMs = 20_000;
const clip = readFileSync(new URL('../server/test/short.mp4', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'production-'));
const lines: string[] = [];
const ends: string[] = [];
let stack: Stack;
let user: { readonly id: string; readonly token: string };

type Answer = { readonly status: number; readonly body: string; readonly of: (name: string) => string };

async function call(url: string, method: string, path: string, body?: FormData): Promise<Answer> {
  const response = await fetch(`${url}${path}`, { method, ...(body !== undefined && { body }) });
  const text = await response.text();
  return {
    status: response.status,
    body: text,
    of: (name) => new RegExp(`"${name}":"?([^",}]*)`).exec(text)?.[1] ?? '',
  };
}

const list = (url: string): Promise<Answer> =>
  call(url, 'GET', `/douyin/publish/list/?user_id=${user.id}&token=${user.token}`);

async function publish(url: string, title: string): Promise<void> {
  const form = new FormData();
  form.set('token', user.token);
  form.set('title', title);
  form.set('data', new Blob([clip]), 'clip.mp4');
  expect((await call(url, 'POST', '/douyin/publish/action/', form)).of('status_code')).toBe('0');
}

function first<T>(all: readonly T[]): T {
  const [one] = all;
  if (one === undefined) throw new Error('there is none');
  return one;
}

const linesOf = (name: string): string[] => lines.filter((line) => line.startsWith(`${name} `));

beforeAll(async () => {
  stack = await startStack({
    folder: join(folder, 'run'),
    workers: 2,
    // The test waits for a conversion, while others keep the processors busy.
    settings: { RATE_LIMIT: 'off', MEDIA_PRIORITY: 'normal' },
    onLine: (name, line) => lines.push(`${name} ${line}`),
    onEnd: (name, how) => ends.push(`${name} ${how}`),
  });
  const registered = await call(stack.url, 'POST', '/douyin/user/register/?username=anna&password=secret+words');
  user = { id: registered.of('user_id'), token: registered.of('token') };
}, startTimeoutMs);
afterAll(async () => {
  await stack?.stop();
  rmSync(folder, { recursive: true, force: true });
});

it('a video that one api took is prepared by a worker, and every api shows it', async () => {
  await publish(stack.url, 'one');
  const before = (await list(stack.url)).of('play_url');
  expect(before).toContain(`${stack.url}/media/videos/`);
  await vi.waitFor(async () => expect((await list(stack.url)).of('play_url')).not.toBe(before), preparedWithinMs);
  const shown = await Promise.all(stack.apis.map(async ({ url }) => (await list(url)).of('play_url')));
  const keys = shown.map((url) => new URL(url).pathname);
  expect(keys).toEqual([keys[0], keys[0]]);
  const part = await fetch((await list(stack.url)).of('play_url'), { headers: { Range: 'bytes=4-7' } });
  expect([part.status, await part.text()]).toEqual([206, 'ftyp']);
});

it('workers listen to operators alone, and jobs are theirs alone', async () => {
  for (const { port, adminUrl } of stack.workers) {
    await expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow();
    expect(await (await fetch(`${adminUrl}/readyz`)).text()).toBe('ok\n');
  }
  const done = async ({ adminUrl }: ServerProcess): Promise<number> => {
    const text = await (await fetch(`${adminUrl}/metrics`)).text();
    const counts = [...text.matchAll(/^tiktok_jobs_total\{.*outcome="done".*\} (\d+)$/gm)];
    return counts.reduce((sum, [, count]) => sum + Number(count), 0);
  };
  const sum = (all: readonly number[]): number => all.reduce((total, one) => total + one, 0);
  expect(sum(await Promise.all(stack.workers.map(done)))).toBeGreaterThan(0);
  expect(sum(await Promise.all(stack.apis.map(done)))).toBe(0);
});

it('goes on while an api is gone, and takes it back', async () => {
  const one = first(stack.apis);
  await one.kill();
  await publish(stack.url, 'two');
  expect((await list(stack.url)).body).toContain('"title":"two"');
  await one.start();
  expect((await list(one.url)).body).toContain('"title":"two"');
  expect(ends).toEqual([]);
});

it('names an engine that is gone, once, and is ready again when it is back', async () => {
  const redis = first(stack.engines.filter(({ name }: Engine) => name === 'redis'));
  const { url } = first(stack.apis);
  await redis.kill();
  const dead = await call(url, 'GET', '/readyz');
  expect([dead.status, dead.body]).toEqual([503, expect.stringContaining('not ready: cache')]);
  for (let count = 0; count < 20; count += 1) expect((await list(stack.url)).status).toBe(200);
  await redis.start();
  await vi.waitFor(async () => expect((await call(url, 'GET', '/readyz')).status).toBe(200), 10_000);
  await vi.waitFor(() => expect(linesOf('api-2').filter((line) => /Redis is back/.test(line))).toHaveLength(1));
  expect(linesOf('api-2').filter((line) => /"level":50/.test(line))).toEqual([
    expect.stringContaining('Redis is away'),
  ]);
});

it('migrate has nothing to do the second time, and says that in one line', async () => {
  const said: string[] = [];
  await runMigration({
    folder: join(folder, 'migrate'),
    settings: stack.settings,
    onLine: (line) => said.push(line),
  });
  expect(said).toEqual([expect.stringContaining('is up to date')]);
});

it('is described in a table, which says that nothing of it stays', async () => {
  const text = describeStack(stack);
  for (const { name, adminUrl } of [...stack.apis, ...stack.workers]) {
    expect(text).toMatch(new RegExp(`${name} .*${adminUrl}/metrics`));
  }
  for (const name of ['DATABASE_URL', 'REDIS_URL', 'AMQP_URL', 'STORAGE_URL']) {
    expect(text).toMatch(new RegExp(`${name} .*private, gone at the end`));
  }
  expect(text).toContain('Each run begins empty');
  expect(text).not.toContain(stack.settings['STORAGE_SECRET_KEY']);
});

it('every process ends in order when it is asked to, and nothing is left', async () => {
  const codes = await Promise.all([...stack.apis, ...stack.workers].map((one) => one.stop()));
  expect(codes).toEqual([0, 0, 0, 0]);
  await stack.stop();
  expect(existsSync(join(folder, 'run'))).toBe(false);
  expect(lines.filter((line) => /secret words|testsecretkey/.test(line))).toEqual([]);
});
