import { gunzipSync } from 'node:zlib';
import { Profile } from 'pprof-format';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startTestServer, type TestServer } from './server.ts';

/** Profiles as `go tool pprof` gets them, over HTTP. */
let server: TestServer;
let admin: string;
beforeAll(async () => {
  server = await startTestServer({ ADMIN_PORT: '0' });
  admin = server.context.admin?.url ?? '';
});
afterAll(() => server.close());

type Sample = { readonly stack: readonly string[]; readonly values: readonly number[] };
type Read = { readonly types: readonly string[]; readonly samples: readonly Sample[]; readonly period: string };

function read(body: ArrayBuffer): Read {
  const profile = Profile.decode(gunzipSync(Buffer.from(body)));
  const text = (index: number | bigint): string => profile.stringTable.strings[Number(index)] ?? '?';
  const codes = new Map(profile.function.map((code) => [Number(code.id), `${text(code.name)} ${text(code.filename)}`]));
  const locations = new Map(
    profile.location.map(({ id, line: [line] }) => [
      Number(id),
      `${codes.get(Number(line?.functionId)) ?? '?'}:${Number(line?.line)}`,
    ]),
  );
  const { periodType } = profile;
  return {
    types: profile.sampleType.map(({ type, unit }) => `${text(type)}/${text(unit)}`),
    samples: profile.sample.map(({ locationId, value }) => ({
      stack: locationId.map((id) => locations.get(Number(id)) ?? '?'),
      values: value.map(Number),
    })),
    period:
      periodType === undefined ? '' : `${text(periodType.type)}/${text(periodType.unit)} ${Number(profile.period)}`,
  };
}

const get = async (path: string): Promise<Read> => {
  const response = await fetch(`${admin}/debug/pprof/${path}`);
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/octet-stream']);
  return read(await response.arrayBuffer());
};

/** Resolves once a profile of a minute is being taken. Whoever asks to see whether it is, may have come first. */
async function startLongProfile(
  url: string,
  attempts = 5,
): Promise<{ readonly profile: Promise<Response | undefined>; stopWaiting(): void }> {
  const controller = new AbortController();
  const asked = fetch(`${url}/debug/pprof/profile?seconds=60`, { signal: controller.signal });
  const profile = asked.catch(() => undefined);
  const other = await fetch(`${url}/debug/pprof/profile?seconds=1`);
  if (other.status === 409) return { profile, stopWaiting: () => controller.abort() };
  if (attempts === 1) throw new Error('no profile is being taken');
  return await startLongProfile(url, attempts - 1);
}

/** Something to find in a profile. */
function burnForTheProfile(forMs: number): number {
  const until = performance.now() + forMs;
  let sum = 0;
  while (performance.now() < until) for (let i = 0; i < 10_000; i += 1) sum += Math.sqrt(i);
  return sum;
}

function callWhatBurns(): number {
  return burnForTheProfile(20);
}

describe('a CPU profile', () => {
  it('says which functions took the time, in which file and line, as nanoseconds and samples', async () => {
    const asked = get('profile?seconds=1');
    let done = false;
    const profile = asked.finally(() => {
      done = true;
    });
    while (!done) {
      callWhatBurns();
      await new Promise((resolve) => setImmediate(resolve));
    }
    const { types, samples, period } = await profile;
    expect(types).toEqual(['samples/count', 'cpu/nanoseconds']);
    expect(period).toBe('cpu/nanoseconds 1000000');
    const burning = samples.filter(({ stack }) => stack.some((at) => at.startsWith('burnForTheProfile ')));
    const sum = (position: number): number => burning.reduce((all, { values }) => all + (values[position] ?? 0), 0);
    expect(sum(0)).toBeGreaterThan(50);
    // Of one second, most; never more than there was.
    expect(sum(1)).toBeGreaterThan(0.3e9);
    expect(sum(1)).toBeLessThan(1.5e9);
    // From the innermost call outwards.
    const positions = burning.map(({ stack }) =>
      ['burnForTheProfile ', 'callWhatBurns '].map((name) => stack.findIndex((one) => one.startsWith(name))),
    );
    for (const [inner = -1, outer = -1] of positions) expect(outer).toBe(inner + 1);
    const at = burning[0]?.stack.find((one) => one.startsWith('burnForTheProfile ')) ?? '';
    expect(at).toMatch(/profiles\.test\.ts:\d+$/);
    expect(at).not.toContain('file:');
    expect(samples.some(({ stack }) => stack.some((one) => /^\((?:root|idle)\)/.test(one)))).toBe(false);
  });

  it('is taken by one at a time', async () => {
    const first = get('profile?seconds=1');
    let second = await fetch(`${admin}/debug/pprof/profile?seconds=1`);
    // Whichever came first.
    if (second.status === 200) second = await fetch(`${admin}/debug/pprof/profile?seconds=1`);
    expect([second.status, await second.text()]).toEqual([
      409,
      'a CPU profile is being taken already: one at a time\n',
    ]);
    await first;
  });

  it('ends when nobody waits for it any more, so that the next one can be taken', async () => {
    const long = await startLongProfile(admin);
    long.stopWaiting();
    await vi.waitFor(
      async () => expect((await fetch(`${admin}/debug/pprof/profile?seconds=1`)).status).toBe(200),
      5_000,
    );
  });

  it.each(['0', '61', '999', '-1', '1.5', 'ten', '', '1e1', '0x10'])(
    'of %j seconds is refused in words',
    async (seconds) => {
      const response = await fetch(`${admin}/debug/pprof/profile?seconds=${seconds}`);
      expect([response.status, await response.text()]).toEqual([400, 'seconds must be a whole number from 1 to 60\n']);
    },
  );
});

describe('a heap profile', () => {
  it('says who took the memory that is alive', async () => {
    const kept = keepForTheProfile();
    const { types, samples, period } = await get('heap');
    expect(types).toEqual(['inuse_objects/count', 'inuse_space/bytes']);
    expect(period).toBe('space/bytes 524288');
    const keeping = samples.filter(({ stack }) => stack.some((at) => at.startsWith('keepForTheProfile ')));
    const bytes = keeping.reduce((all, { values }) => all + (values[1] ?? 0), 0);
    expect(kept).toHaveLength(400_000);
    expect(bytes).toBeGreaterThan(5_000_000);
    expect(keeping.every(({ values }) => (values[0] ?? 0) > 0)).toBe(true);
  });
});

function keepForTheProfile(): object[] {
  const kept: object[] = [];
  for (let i = 0; i < 400_000; i += 1) kept.push({ i, half: i / 2, text: `${i}` });
  return kept;
}

describe('the admin port', () => {
  it.each([
    ['POST', '/metrics', 405, 'use GET\n'],
    ['HEAD', '/metrics', 405, ''],
    ['GET', '/', 404, 'There is: /metrics /healthz /readyz /debug/pprof/profile /debug/pprof/heap\n'],
    ['GET', '/debug/pprof/../../etc/passwd', 404, expect.stringMatching('^There is: ')],
    ['GET', '/healthz', 200, 'ok\n'],
    ['GET', '/readyz?x=1', 200, 'ok\n'],
  ])('answers %s %s with %i', async (method, path, status, body) => {
    const response = await fetch(`${admin}${path}`, { method });
    expect([response.status, await response.text()]).toEqual([status, body]);
    expect(response.headers.get('cache-control')).toBe('no-store');
    if (status === 405) expect(response.headers.get('allow')).toBe('GET');
  });

  it('names the part that is not ready', async () => {
    const one = await startTestServer({ ADMIN_PORT: '0' });
    const url = one.context.admin?.url ?? '';
    await one.context.database.transaction((trx) => trx.schema.alterTable('meta').renameTo('gone').execute());
    const response = await fetch(`${url}/readyz`);
    expect([response.status, await response.text()]).toEqual([503, 'not ready: database\n']);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    await one.close();
  });

  it('does not hold up the end of the server while a profile is being taken', async () => {
    const one = await startTestServer({ ADMIN_PORT: '0' });
    const url = one.context.admin?.url ?? '';
    const { profile } = await startLongProfile(url);
    const startedAt = performance.now();
    await one.close();
    expect(performance.now() - startedAt).toBeLessThan(2_500);
    expect((await profile)?.status).toBe(200);
  });
});
