import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { describeStack } from './description.ts';
import { type Stack, type StackOptions, startStack } from './stack.ts';

let folder: string;
let stack: Stack | undefined;
const lines: string[] = [];
const ends: string[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stack-'));
  lines.length = 0;
  ends.length = 0;
});
afterEach(async () => {
  await stack?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const start = async (options: Partial<StackOptions> = {}): Promise<Stack> => {
  stack = await startStack({
    folder: join(folder, 'run'),
    form: 'embedded',
    workers: 0,
    onLine: (name, line) => lines.push(`${name} ${line}`),
    onEnd: (name, how) => ends.push(`${name} ${how}`),
    ...options,
    settings: { DEMO: 'off', ...options.settings },
  });
  return stack;
};

const statusOf = async (url: string): Promise<number> => (await fetch(`${url}/healthz`)).status;

it('is several processes behind one address, which can be killed and started one by one', async () => {
  const { url, apis, balancer } = await start({
    settingsOf: (name) => ({ UPLOADS_TOTAL: name === 'api-1' ? '3' : '4' }),
  });
  expect(apis.map(({ name }) => name)).toEqual(['api-1', 'api-2']);
  expect(await statusOf(url)).toBe(200);
  const [first, second] = apis;
  if (first === undefined || second === undefined) throw new Error('two are missing');
  await first.kill();
  expect([await statusOf(url), await statusOf(url), await statusOf(url)]).toEqual([200, 200, 200]);
  second.signal('SIGKILL');
  await vi.waitFor(() => expect(ends).toEqual(['api-2 SIGKILL']));
  expect(await statusOf(url)).toBe(502);
  await Promise.all([first.start(), second.start()]);
  expect(await statusOf(first.url)).toBe(200);
  // The balancer tries those that were gone again within a second or so.
  await vi.waitFor(async () => expect(await statusOf(url)).toBe(200), 5_000);

  expect(lines.some((line) => line.startsWith('api-2 {"level":30'))).toBe(true);
  const pids = [balancer, first, second].map(({ pid }) => pid ?? 0);
  await stack?.stop();
  for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow();
  expect(readdirSync(folder)).toEqual([]);
});

it('hands the client on to the server, which believes its balancer', async () => {
  const { url } = await start({ apis: 1 });
  await fetch(`${url}/douyin/feed/`, { headers: { 'X-Forwarded-For': '9.9.9.9' } });
  await vi.waitFor(() =>
    expect(lines.find((line) => line.includes('/douyin/feed/'))).toContain('"address":"127.0.0.1"'),
  );
});

it('that cannot be started names the setting, and leaves nothing behind', async () => {
  const settings = { DATABASE_URL: 'mysql://me:hidden@127.0.0.1:1/x?tls=maybe' };
  await expect(start({ form: 'production', settings })).rejects.toThrow(/^DATABASE_URL must have tls=on or tls=off$/);
  await expect(start({ form: 'production', settings: { STORAGE_URL: 'file:./x' } })).rejects.toThrow(
    /^STORAGE_URL must be s3:/,
  );
  await expect(start({ settingsOf: () => ({ HOST: '!' }) })).rejects.toThrow(/^HOST must be/);
  expect(readdirSync(folder)).toEqual([]);
});

it('says where everything is, without the passwords of others', async () => {
  const running = await start({ apis: 1 });
  const text = describeStack({
    ...running,
    settings: {
      ...running.settings,
      DATABASE_URL: 'mysql://me:hidden@db.example:3306/x',
      REDIS_URL: 'redis://127.0.0.1:1',
    },
  });
  expect(text).toContain(`site`);
  expect(text).toMatch(new RegExp(`api-1 +${running.apis[0]?.url} +${running.apis[0]?.adminUrl}/metrics +pid \\d+`));
  expect(text).toMatch(/DATABASE_URL +mysql:\/\/me:…@db\.example:3306\/x +yours/);
  expect(text).not.toContain('hidden');
});
