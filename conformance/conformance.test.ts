/** The kit against our own server, and against it behind a proxy that does one thing wrong at a time. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../server/test/server.ts';
import type { Check } from './check.ts';
import { allChecks } from './checks/index.ts';
import { createApi } from './client.ts';
import { createKit, type Kit } from './kit.ts';
import { conforms, faultRows, textReport } from './report.ts';
import { type Result, runChecks } from './run.ts';
import { bluntFaults } from './test/blunt-faults.ts';
import { sectionFiveFaults } from './test/faults.ts';
import { type FaultyProxy, startProxy } from './test/faulty-proxy.ts';
import { otherFaults } from './test/other-faults.ts';
import { seedFeed } from './test/seed-feed.ts';
import { wireFaults } from './test/wire-faults.ts';

const faultCases = [...sectionFiveFaults, ...wireFaults, ...otherFaults];

let server: TestServer;
let base: string;
let proxy: FaultyProxy;
let kit: Kit;
let results: readonly Result[];

/** Checks of what the others stand on. */
const looksAtFixtures = new Set(['course.feed', 'videos.publish', 'videos.part-order']);

const checksNamed = (ids: readonly string[]): Check[] =>
  ids.map((id) => {
    const found = allChecks.find((check) => check.id === id);
    if (found === undefined) throw new Error(`there is no check ${id}`);
    return found;
  });

beforeAll(async () => {
  server = await startTestServer();
  await seedFeed(server);
  base = await server.context.app.listen({ port: 0, host: '127.0.0.1' });
  proxy = await startProxy(base);
  kit = createKit(createApi(base), false);
  results = await runChecks(kit, allChecks);
});

afterAll(async () => {
  await proxy?.close();
  await server?.close();
});

describe('our own server', () => {
  test('holds everything, ours included, and nothing is blocked or left unchecked', () => {
    const others = results.filter(({ outcome }) => outcome !== 'holds');
    expect(textReport(base, others, false).split('section  ')[0]?.trim()).toBe('');
    expect(results).toHaveLength(allChecks.length);
    expect(conforms(results)).toBe(true);
  });

  test('has none of the known faults, and each of them has a check', () => {
    const rows = faultRows(results);
    expect(rows.filter(({ state }) => state !== 'absent')).toEqual([]);
    expect(rows).toHaveLength(17);
  });

  test('a proxy that does nothing wrong changes nothing', async () => {
    proxy.setFault({});
    const names = faultCases.flatMap(({ checks }) => checks);
    const quick = checksNamed([...new Set(names)].filter((name) => /^(?:media|objects|feed|paths)\./.test(name)));
    const through = await runChecks(kit.through(createApi(proxy.base)), quick);
    expect(through.filter(({ outcome }) => outcome !== 'holds')).toEqual([]);
  });
});

describe.each(faultCases)('a server where $name', ({ checks, make, says }) => {
  test(`is found by ${checks.join(', ')}`, async () => {
    proxy.setFault(make([(await kit.alice()).token, (await kit.bob()).token]));
    // What is looked at when a fixture is made needs one of its own; the others share what was made before.
    const fresh = checks.some((id) => looksAtFixtures.has(id));
    const api = createApi(proxy.base);
    const found = await runChecks(fresh ? createKit(api, false) : kit.through(api), checksNamed(checks));
    expect(found.map(({ check, outcome }) => `${check.id} ${outcome}`)).toEqual(checks.map((id) => `${id} fails`));
    const report = textReport(proxy.base, found, false);
    if (typeof says === 'string') expect(report).toContain(says);
    else expect(report).toMatch(says);
  });
});

test('every known fault of section 5 is injected by a test', () => {
  const injected = new Set(sectionFiveFaults.flatMap(({ checks }) => checksNamed(checks)).map(({ fault }) => fault));
  expect(faultRows(results).filter(({ fault }) => !injected.has(fault))).toEqual([]);
});

test('every check that no fault of its own was made for fails on some server that is wrong in many things', async () => {
  const named = new Set(faultCases.flatMap(({ checks }) => checks));
  let left = allChecks.filter(({ id }) => !named.has(id));
  expect(left.length).toBeGreaterThan(0);
  for (const fault of Object.values(bluntFaults)) {
    proxy.setFault(fault);
    const found = await runChecks(kit.through(createApi(proxy.base)), left);
    left = found.flatMap(({ check, outcome }) => (outcome === 'fails' || outcome === 'not offered' ? [] : [check]));
  }
  expect(left.map(({ id }) => id)).toEqual([]);
});
