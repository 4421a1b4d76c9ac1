import { beforeEach, describe, expect, it } from 'vitest';
import { createManualClock, type ManualClock } from '../../test/manual-clock.ts';
import { cacheConformance } from '../ports/cache.conformance.ts';
import type { Cache, CacheFamily, CacheRegion } from '../ports/cache.ts';
import { createMemoryCache } from './cache-memory.ts';

describe('as a cache', () => {
  cacheConformance(async () => {
    const clock = createManualClock();
    const cache = createMemoryCache({ clock });
    return { cache, passTime: async (ms) => clock.advance(ms), dispose: () => cache.close() };
  });
});

const family: CacheFamily<object> = {
  name: 'thing',
  ttlMs: 3_600_000,
  maxEntries: 3,
  encode: () => {
    throw new Error('nothing in memory needs text');
  },
  decode: () => {
    throw new Error('nothing in memory needs text');
  },
};

let clock: ManualClock;
let cache: Cache;
let region: CacheRegion<object>;
beforeEach(() => {
  clock = createManualClock();
  cache = createMemoryCache({ clock });
  region = cache.region(family);
});

async function put(id: string, value: object = {}): Promise<void> {
  const [lookup] = await region.lookUp([id]);
  if (lookup?.hit === false) await region.fill([{ id, lease: lookup.lease, value }]);
}
const isHit = async (id: string): Promise<boolean> => (await region.lookUp([id]))[0]?.hit === true;

it('dies with the process, so that deletions need no outbox row', () => {
  expect(cache.outlivesProcess).toBe(false);
});

it('keeps values by reference', async () => {
  const value = {};
  await put('1', value);
  const [lookup] = await region.lookUp(['1']);
  expect(lookup?.hit === true && lookup.value === value).toBe(true);
});

it('holds no more than its bound, and lets the one go that was used longest ago', async () => {
  for (const id of ['1', '2', '3']) await put(id);
  expect(await isHit('1')).toBe(true);
  await put('4');
  expect(await isHit('2')).toBe(false);
  // The miss of "2" took the place of "3".
  expect(await isHit('1')).toBe(true);
  expect(await isHit('4')).toBe(true);
});

it('counts leases towards its bound: a flood of misses takes no memory', async () => {
  await put('1');
  await region.lookUp(Array.from({ length: 1_000 }, (_, position) => `miss${position}`));
  expect(await isHit('1')).toBe(false);
});

it('drops a fill whose lease was pushed out', async () => {
  const [lookup] = await region.lookUp(['1']);
  await region.lookUp(['2', '3', '4']);
  if (lookup?.hit === false) await region.fill([{ id: '1', lease: lookup.lease, value: {} }]);
  expect(await isHit('1')).toBe(false);
});

it('takes a reader that did not come back for gone: the next one gets a lease of its own', async () => {
  const [first] = await region.lookUp(['1']);
  clock.advance(10_001);
  const [second] = await region.lookUp(['1']);
  if (first?.hit !== false || second?.hit !== false) throw new Error('two misses were expected');
  expect(second.lease).not.toBe(first.lease);
  await region.fill([{ id: '1', lease: first.lease, value: {} }]);
  expect(await isHit('1')).toBe(false);
  await region.fill([{ id: '1', lease: second.lease, value: {} }]);
  expect(await isHit('1')).toBe(true);
});
