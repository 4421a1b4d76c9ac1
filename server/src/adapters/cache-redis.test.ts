import { setTimeout as delay } from 'node:timers/promises';
import { createClient } from '@redis/client';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { describeEngine } from '../../test/engines.ts';
import { cacheConformance } from '../ports/cache.conformance.ts';
import type { CacheFamily, CacheKey, CacheRegion, Lookup } from '../ports/cache.ts';
import { createRedisCache, type RedisCache } from './cache-redis.ts';

type Thing = { readonly version: number };
const family: CacheFamily<Thing> = {
  name: 'thing',
  ttlMs: 3_600_000,
  maxEntries: 100,
  encode: (value) => JSON.stringify(value),
  decode: (text) => {
    const { version }: { version?: unknown } = JSON.parse(text);
    return typeof version === 'number' ? { version } : undefined;
  },
};
const keyOf = (id: string): CacheKey => ({ family: 'thing', id });

const open = (url: string): Promise<RedisCache> =>
  createRedisCache({
    url,
    backlog: { list: async () => ({ ids: [], keys: [], more: false }), remove: async () => undefined },
    log: () => undefined,
  });

describeEngine('redis', (url) => {
  const plain = createClient({ url });
  let caches: RedisCache[] = [];
  /** A process of its own, as far as the cache is concerned. */
  async function another(): Promise<{ cache: RedisCache; region: CacheRegion<Thing> }> {
    const cache = await open(url);
    caches.push(cache);
    return { cache, region: cache.region(family) };
  }
  beforeEach(async () => {
    await plain.connect();
    await plain.flushDb();
  });
  afterEach(async () => {
    for (const cache of caches) await cache.close();
    caches = [];
    await plain.flushDb();
    plain.destroy();
  });

  describe('as a cache', () => {
    cacheConformance(async () => {
      const { cache } = await another();
      return { cache, passTime: (ms) => delay(ms), dispose: () => cache.close() };
    });
  });

  const lookUp = async (region: CacheRegion<Thing>, id: string): Promise<Lookup<Thing> | undefined> =>
    (await region.lookUp([id]))[0];
  async function put(region: CacheRegion<Thing>, id: string, version: number): Promise<void> {
    const found = await lookUp(region, id);
    if (found?.hit === false) await region.fill([{ id, lease: found.lease, value: { version } }]);
    // Once more, so that it lies near.
    await lookUp(region, id);
  }
  async function callsOf(command: string): Promise<number> {
    const stats = await plain.info('commandstats');
    return Number(new RegExp(`^cmdstat_${command}:calls=(\\d+)`, 'm').exec(stats)?.[1] ?? 0);
  }

  it('outlives the process, so that deletions need an outbox row', async () => {
    const [one, other] = [await another(), await another()];
    await put(one.region, '1', 7);
    await one.cache.close();
    expect(one.cache.outlivesProcess).toBe(true);
    expect(await lookUp(other.region, '1')).toEqual({ hit: true, value: { version: 7 } });
  });

  it('shows no other process what was deleted, from the moment that the deletion resolves', async () => {
    const [writer, reader] = [await another(), await another()];
    for (let version = 1; version <= 300; version += 1) {
      await writer.cache.delete([keyOf('hot')]);
      const found = await lookUp(reader.region, 'hot');
      expect(found?.hit).toBe(false);
      await put(reader.region, 'hot', version);
      await put(writer.region, 'hot', version);
      expect(await lookUp(reader.region, 'hot')).toEqual({ hit: true, value: { version } });
    }
  });

  it('tells the generation of every process, once it has settled', async () => {
    const [writer, reader] = [await another(), await another()];
    await put(reader.region, '1', 1);
    for (let round = 0; round < 100; round += 1) {
      await reader.cache.settled();
      const before = reader.cache.generation();
      await writer.cache.delete([keyOf('1')]);
      await reader.cache.settled();
      expect(reader.cache.generation()).not.toBe(before);
      await put(reader.region, '1', round);
    }
  });

  it('changes the generation when a fill comes too late: what was made of it may be old', async () => {
    const [writer, reader] = [await another(), await another()];
    const generation = reader.cache.generation();
    const found = await lookUp(reader.region, '1');
    await writer.cache.delete([keyOf('1')]);
    if (found?.hit === false) await reader.region.fill([{ id: '1', lease: found.lease, value: { version: 1 } }]);
    expect(reader.cache.generation()).not.toBe(generation);
  });

  it('asks Redis for a value once, and shares a round trip among those who ask at once', async () => {
    const { region } = await another();
    await put(region, '1', 1);
    // Redis tells who fills as well that the value changed, a little later.
    await vi.waitFor(async () => {
      const before = await callsOf('mget');
      await lookUp(region, '1');
      expect(await callsOf('mget')).toBe(before);
    });
    const [gets, pings] = [await callsOf('mget'), await callsOf('ping')];
    for (let round = 0; round < 10; round += 1) {
      const found = await Promise.all(Array.from({ length: 100 }, () => lookUp(region, '1')));
      expect(found.every((lookup) => lookup?.hit)).toBe(true);
    }
    expect((await callsOf('mget')) - gets).toBe(0);
    expect((await callsOf('ping')) - pings).toBeLessThanOrEqual(20);
  });

  it('takes what it cannot read for missing, and puts it right', async () => {
    const { region } = await another();
    for (const text of ['', 'null?', '{"version":"1"}', '{"ver', '\0']) {
      await plain.set('tiktok:v:thing:1', text);
      expect((await lookUp(region, '1'))?.hit).toBe(false);
      await put(region, '1', 5);
      expect(await lookUp(region, '1')).toEqual({ hit: true, value: { version: 5 } });
      await plain.del('tiktok:v:thing:1');
      expect((await lookUp(region, '1'))?.hit).toBe(false);
      await plain.del('tiktok:l:thing:1');
    }
  });

  it('takes a key of another type for a cache that fails: a miss that fills nothing', async () => {
    const { region } = await another();
    await plain.hSet('tiktok:v:thing:1', 'a', 'b');
    expect((await lookUp(region, '1'))?.hit).toBe(false);
  });

  it('forgets its near values when Redis is emptied by hand', async () => {
    const { region } = await another();
    await put(region, '1', 1);
    await plain.flushDb();
    expect((await lookUp(region, '1'))?.hit).toBe(false);
  });

  it('keeps nothing of what Redis lets go', async () => {
    const { region } = await another();
    await put(region, '1', 1);
    await plain.pExpire('tiktok:v:thing:1', 1);
    await expect.poll(async () => (await lookUp(region, '1'))?.hit).toBe(false);
  });

  it('names every key below tiktok:, and gives each an end', async () => {
    const { region } = await another();
    await put(region, '1', 1);
    await lookUp(region, '2');
    const keys = (await plain.keys('*')).toSorted();
    expect(keys).toEqual(['tiktok:l:thing:2', 'tiktok:run', 'tiktok:v:thing:1']);
    for (const key of keys) if (key !== 'tiktok:run') expect(await plain.pTTL(key)).toBeGreaterThan(0);
  });
});
