/**
 * What every cache must do. The suite keeps to what the port promises: a value may go at any time before its life is over
 * (eviction), so a hit is asked for only right after a fill, with room to spare.
 */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Cache, CacheFamily, CacheRegion, Lease, Lookup } from './cache.ts';

export type CacheUnderTest = {
  /** An empty one. */
  readonly cache: Cache;
  /** Lets this much of the cache's time pass: moves a manual clock, or really waits. */
  readonly passTime: (ms: number) => Promise<void>;
  readonly dispose: () => Promise<void>;
};

const hourMs = 3_600_000;
const shortMs = 200;

type Thing = { readonly version: number; readonly text: string } | null;

const family = (name: string, ttlMs = hourMs): CacheFamily<Thing> => ({
  name,
  ttlMs,
  maxEntries: 1_000,
  encode: (value) => JSON.stringify(value),
  decode: (text) => {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object') return undefined;
    if (value === null) return null;
    const [version, words] = ['version', 'text'].map((name) => Reflect.get(value, name));
    return typeof version === 'number' && typeof words === 'string' ? { version, text: words } : undefined;
  },
});
const thing = (version: number, text = ''): Thing => ({ version, text });

function leaseOf(lookup: Lookup<Thing> | undefined): Lease {
  if (lookup === undefined || lookup.hit) throw new Error('a miss was expected');
  return lookup.lease;
}

export function cacheConformance(make: () => Promise<CacheUnderTest>): void {
  let under: CacheUnderTest;
  let cache: Cache;
  let region: CacheRegion<Thing>;
  let regions = 0;
  const openRegion = (ttlMs?: number): { region: CacheRegion<Thing>; name: string } => {
    regions += 1;
    const name = `family${regions}`;
    return { region: cache.region(family(name, ttlMs)), name };
  };
  let name: string;
  beforeEach(async () => {
    under = await make();
    cache = under.cache;
    ({ region, name } = openRegion());
  });
  afterEach(() => under.dispose());

  const lookUp = async (id: string, from = region): Promise<Lookup<Thing> | undefined> => (await from.lookUp([id]))[0];
  const miss = async (id: string, from = region): Promise<Lease> => leaseOf(await lookUp(id, from));
  const put = async (id: string, value: Thing, into = region): Promise<void> =>
    into.fill([{ id, lease: await miss(id, into), value }]);
  const remove = (...ids: string[]): Promise<void> => cache.delete(ids.map((id) => ({ family: name, id })));

  describe('values', () => {
    it('misses what nobody filled, and hits what somebody did', async () => {
      const lease = await miss('1');
      await region.fill([{ id: '1', lease, value: thing(1, 'ü 名 🎬 "\\ \n') }]);
      expect(await lookUp('1')).toEqual({ hit: true, value: thing(1, 'ü 名 🎬 "\\ \n') });
    });

    it('keeps what is empty as a value: that something is missing can be known', async () => {
      await put('1', null);
      expect(await lookUp('1')).toEqual({ hit: true, value: null });
    });

    it('answers ids in their order, hits and misses mixed, repeated ones and none at all', async () => {
      await put('b', thing(2));
      await put('d', thing(4));
      const found = await region.lookUp(['a', 'b', 'c', 'd', 'b', 'a']);
      expect(found.map((lookup) => (lookup.hit ? lookup.value?.version : 'miss'))).toEqual([
        'miss',
        2,
        'miss',
        4,
        2,
        'miss',
      ]);
      expect(leaseOf(found[0])).toBe(leaseOf(found[5]));
      expect(await region.lookUp([])).toEqual([]);
      await region.fill([]);
      await cache.delete([]);
    });

    it('fills and deletes many at once', async () => {
      const ids = Array.from({ length: 500 }, (_, position) => String(position));
      const found = await region.lookUp(ids);
      await region.fill(ids.map((id, position) => ({ id, lease: leaseOf(found[position]), value: thing(position) })));
      expect((await region.lookUp(ids)).map((lookup) => lookup.hit && lookup.value?.version)).toEqual(ids.map(Number));
      await remove(...ids.slice(0, 250));
      expect((await region.lookUp(ids)).map((lookup) => lookup.hit)).toEqual(ids.map((id) => Number(id) >= 250));
    });

    it('keeps families apart, whatever their keys are made of', async () => {
      const other = openRegion();
      for (const id of ['1', 'a:b', 'a b', '名', '*', '__proto__', 'x'.repeat(200)]) {
        await put(id, thing(1));
        await put(id, thing(2), other.region);
        await cache.delete([{ family: other.name, id }]);
        expect(await lookUp(id)).toEqual({ hit: true, value: thing(1) });
        expect(await lookUp(id, other.region)).toMatchObject({ hit: false });
      }
    });

    it('forgets a value when its life is over', async () => {
      const short = openRegion(shortMs);
      await put('1', thing(1), short.region);
      await under.passTime(2 * shortMs);
      expect(await lookUp('1', short.region)).toMatchObject({ hit: false });
      await put('1', thing(2), short.region);
      expect(await lookUp('1', short.region)).toEqual({ hit: true, value: thing(2) });
    });

    it('opens a family once', () => {
      expect(() => cache.region(family(name))).toThrow(name);
    });

    it('does not mind the deletion of what is not there, nor of an unknown family', async () => {
      await remove('nothing');
      await cache.delete([{ family: 'unknown', id: '1' }]);
    });
  });

  describe('leases', () => {
    it('gives concurrent misses of a key one lease', async () => {
      const leases = await Promise.all([miss('1'), miss('1'), miss('1')]);
      expect(new Set(leases).size).toBe(1);
      expect(await miss('1')).toBe(leases[0]);
    });

    it('drops a fill after a deletion, and gives the next miss another lease', async () => {
      const old = await miss('1');
      await remove('1');
      const fresh = await miss('1');
      expect(fresh).not.toBe(old);
      await region.fill([{ id: '1', lease: old, value: thing(1) }]);
      expect(await miss('1')).toBe(fresh);
      await region.fill([{ id: '1', lease: fresh, value: thing(2) }]);
      expect(await lookUp('1')).toEqual({ hit: true, value: thing(2) });
      await region.fill([{ id: '1', lease: old, value: thing(1) }]);
      expect(await lookUp('1')).toEqual({ hit: true, value: thing(2) });
    });

    it('drops a fill after a deletion also when nobody asked in between', async () => {
      const old = await miss('1');
      await remove('1');
      await region.fill([{ id: '1', lease: old, value: thing(1) }]);
      expect(await lookUp('1')).toMatchObject({ hit: false });
    });

    it('drops a fill with the lease of another key, of a value that is gone, or of nobody', async () => {
      const [one, two] = [await miss('1'), await miss('2')];
      await region.fill([{ id: '1', lease: two, value: thing(1) }]);
      expect(await miss('1')).toBe(one);
      await region.fill([{ id: '1', lease: one, value: thing(1) }]);
      await remove('1');
      await region.fill([{ id: '1', lease: one, value: thing(1) }]);
      expect(await lookUp('1')).toMatchObject({ hit: false });
      await region.fill([{ id: '3', lease: 'made up', value: thing(3) }]);
      expect(await lookUp('3')).toMatchObject({ hit: false });
    });

    it('lets one of those who share a lease fill', async () => {
      const lease = await miss('1');
      await region.fill([{ id: '1', lease, value: thing(1) }]);
      await region.fill([{ id: '1', lease, value: thing(1) }]);
      expect(await lookUp('1')).toEqual({ hit: true, value: thing(1) });
    });
  });

  describe('generation', () => {
    it('changes with a deletion, whether or not anything was cached', async () => {
      const seen = new Set([cache.generation()]);
      await put('1', thing(1));
      for (const id of ['1', '2', '3']) {
        await remove(id);
        expect(seen.has(cache.generation())).toBe(false);
        seen.add(cache.generation());
      }
    });
  });

  it('stays with what nobody deletes: what was assembled from it can be sent again', async () => {
    await put('1', thing(1));
    await put('2', null);
    await lookUp('1');
    await lookUp('2');
    await cache.settled();
    const generation = cache.generation();
    for (let round = 0; round < 5; round += 1) {
      await lookUp('1');
      await lookUp('2');
      await cache.settled();
    }
    expect(cache.generation()).toBe(generation);
  });

  it('answers a ping', async () => {
    await cache.ping();
  });

  /**
   * A source of truth whose versions only grow, readers that load and fill with any delay, writers that commit and then
   * delete. Once a deletion has resolved, no look-up may return what is older than the version committed before it.
   */
  it('never returns a value older than the last completed deletion, in any interleaving', async () => {
    const anyKey = fc.constantFrom('a', 'b', 'c');
    const anySteps = fc.array(
      fc.oneof(
        fc.record({ kind: fc.constant('write' as const), key: anyKey }),
        fc.record({ kind: fc.constant('read' as const), key: anyKey }),
        fc.record({ kind: fc.constant('load' as const), pick: fc.nat() }),
        fc.record({ kind: fc.constant('fill' as const), pick: fc.nat() }),
      ),
      { maxLength: 40 },
    );
    await fc.assert(
      fc.asyncProperty(anySteps, fc.scheduler(), async (steps, scheduler) => {
        const world = openRegion();
        const committed = new Map<string, number>();
        const atLeast = new Map<string, number>();
        const missed: { key: string; lease: Lease }[] = [];
        const loaded: { id: string; lease: Lease; value: Thing }[] = [];
        const pickFrom = <T>(list: T[], pick: number): T | undefined => list.splice(pick % (list.length || 1), 1)[0];
        const doStep = async (step: (typeof steps)[number]): Promise<void> => {
          if (step.kind === 'write') {
            const version = (committed.get(step.key) ?? 0) + 1;
            committed.set(step.key, version);
            await cache.delete([{ family: world.name, id: step.key }]);
            atLeast.set(step.key, Math.max(version, atLeast.get(step.key) ?? 0));
          } else if (step.kind === 'read') {
            const bound = atLeast.get(step.key) ?? 0;
            const lookup = await lookUp(step.key, world.region);
            if (lookup?.hit === true) expect(lookup.value?.version).toBeGreaterThanOrEqual(bound);
            else missed.push({ key: step.key, lease: leaseOf(lookup) });
          } else if (step.kind === 'load') {
            const one = pickFrom(missed, step.pick);
            if (one !== undefined) {
              loaded.push({ id: one.key, lease: one.lease, value: thing(committed.get(one.key) ?? 0) });
            }
          } else {
            const one = pickFrom(loaded, step.pick);
            if (one !== undefined) await world.region.fill([one]);
          }
        };
        const started = steps.map((step) => scheduler.schedule(Promise.resolve()).then(() => doStep(step)));
        await scheduler.waitIdle();
        await Promise.all(started);
      }),
      { numRuns: 100 },
    );
  });
}
