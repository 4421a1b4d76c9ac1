import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { createManualClock, type ManualClock } from '../../test/manual-clock.ts';
import { createMemoryCache } from '../adapters/cache-memory.ts';
import type { Cache, CacheFamily, CacheRegion } from '../ports/index.ts';
import { CachedLoader } from './cached-loader.ts';

const family: CacheFamily<number | null> = {
  name: 'number',
  ttlMs: 3_600_000,
  maxEntries: 1_000,
  encode: JSON.stringify,
  decode: () => undefined,
};

/** A source that answers when a test lets it, with what is in it at that moment or at the moment it was asked. */
let clock: ManualClock;
let cache: Cache;
let region: CacheRegion<number | null>;
let source: Map<string, number>;
let asked: string[][];
let gate: PromiseWithResolvers<void> | undefined;
let loader: CachedLoader<number | null>;
beforeEach(() => {
  clock = createManualClock();
  cache = createMemoryCache({ clock });
  region = cache.region(family);
  source = new Map([
    ['1', 10],
    ['2', 20],
    ['3', 30],
  ]);
  asked = [];
  gate = undefined;
  loader = new CachedLoader(region, async (ids) => {
    asked.push([...ids]);
    const found = new Map(ids.map((id) => [id, source.get(id) ?? null]));
    await gate?.promise;
    return found;
  });
});

const get = async (id: string): Promise<number | null | undefined> => (await loader.get([id])).get(id);
const change = async (id: string, value: number): Promise<void> => {
  source.set(id, value);
  await cache.delete([{ family: 'number', id }]);
};
const hold = (): PromiseWithResolvers<void> => {
  gate = Promise.withResolvers();
  return gate;
};

describe('what is cached', () => {
  it('is loaded once, until it is deleted or its life is over', async () => {
    expect([await get('1'), await get('1')]).toEqual([10, 10]);
    expect(asked).toEqual([['1']]);
    await change('1', 11);
    expect([await get('1'), await get('1')]).toEqual([11, 11]);
    expect(asked).toEqual([['1'], ['1']]);
    clock.advance(family.ttlMs + 1);
    expect(await get('1')).toBe(11);
    expect(asked.length).toBe(3);
  });

  it('includes that something does not exist', async () => {
    expect([await get('9'), await get('9')]).toEqual([null, null]);
    expect(asked).toEqual([['9']]);
    await change('9', 90);
    expect(await get('9')).toBe(90);
  });

  it('is loaded together with what else is missing, and only that', async () => {
    await get('2');
    expect(await loader.get(['3', '2', '1', '3', '9'])).toEqual(
      new Map([
        ['1', 10],
        ['2', 20],
        ['3', 30],
        ['9', null],
      ]),
    );
    expect(asked).toEqual([['2'], ['3', '1', '9']]);
    expect(await loader.get([])).toEqual(new Map());
    expect(asked.length).toBe(2);
  });
});

describe('one load at a time', () => {
  it('is shared by all who ask meanwhile', async () => {
    const { resolve } = hold();
    const getting = [get('1'), get('1'), loader.get(['1', '2']), loader.get(['2', '1'])];
    for (let turn = 0; turn < 5; turn += 1) await setImmediate();
    resolve();
    await Promise.all(getting);
    expect(asked).toEqual([['1'], ['2']]);
  });

  it('is not joined across a deletion: what was read before a write is given to nobody who asks after it', async () => {
    const first = hold();
    const before = get('1');
    await setImmediate();
    await change('1', 11);
    const second = hold();
    const after = get('1');
    await setImmediate();
    expect(asked).toEqual([['1'], ['1']]);
    // The late answer of the first load comes last, and is neither shown to others nor kept.
    second.resolve();
    expect(await after).toBe(11);
    first.resolve();
    expect(await before).toBe(10);
    expect(await get('1')).toBe(11);
    expect(asked.length).toBe(2);
  });

  it('keeps the flights of one key apart: the end of an old load does not end the new one', async () => {
    const first = hold();
    const before = get('1');
    await setImmediate();
    await change('1', 11);
    const second = hold();
    const after = get('1');
    await setImmediate();
    first.resolve();
    await before;
    const joined = get('1');
    await setImmediate();
    expect(asked.length).toBe(2);
    second.resolve();
    expect(await Promise.all([after, joined])).toEqual([11, 11]);
  });

  it('is not joined by another id of a batch that is deleted meanwhile', async () => {
    const first = hold();
    const before = loader.get(['1', '2']);
    await setImmediate();
    await change('1', 11);
    gate = undefined;
    const after = loader.get(['1', '2']);
    await setImmediate();
    expect(asked).toEqual([['1', '2'], ['1']]);
    first.resolve();
    expect(await after).toEqual(
      new Map([
        ['1', 11],
        ['2', 20],
      ]),
    );
    expect(await before).toEqual(
      new Map([
        ['1', 10],
        ['2', 20],
      ]),
    );
    expect(await get('1')).toBe(11);
  });
});

describe('a load that fails', () => {
  it('is seen by all who wait for it, and not kept', async () => {
    let broken = true;
    let loads = 0;
    const failing = new CachedLoader(region, async (ids) => {
      loads += 1;
      await setImmediate();
      if (broken) throw new Error('the database is away');
      return new Map(ids.map((id) => [id, 1]));
    });
    const results = await Promise.allSettled([failing.get(['1']), failing.get(['1', '2']), failing.get(['2'])]);
    expect(results.map((result) => result.status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(loads).toBe(2);
    broken = false;
    expect(await failing.get(['1', '2'])).toEqual(
      new Map([
        ['1', 1],
        ['2', 1],
      ]),
    );
    expect(loads).toBe(3);
  });

  it('ends no process when nobody waits for one of its ids', async () => {
    const failing = new CachedLoader(region, () => Promise.reject(new Error('the database is away')));
    await expect(failing.get(['1', '2', '3'])).rejects.toThrow('away');
    await setImmediate();
  });

  it('is one that leaves an id out', async () => {
    const forgetful = new CachedLoader(region, async () => new Map([['1', 1]]));
    await expect(forgetful.get(['1', '2'])).rejects.toThrow('left out 2');
    expect((await region.lookUp(['1']))[0]?.hit).toBe(false);
  });

  it('is not one whose value the cache does not keep', async () => {
    const unkept = new CachedLoader({ ...region, fill: async () => undefined }, async () => new Map([['1', 1]]));
    expect(await unkept.get(['1'])).toEqual(new Map([['1', 1]]));
    expect(await unkept.get(['1'])).toEqual(new Map([['1', 1]]));
  });
});

it('never gives a value older than a write that was finished before it was asked, in any interleaving', async () => {
  const anyStep = fc.oneof(
    fc.record({ kind: fc.constant('write' as const), id: fc.constantFrom('1', '2') }),
    fc.record({ kind: fc.constant('read' as const), ids: fc.subarray(['1', '2'], { minLength: 1 }) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { maxLength: 25 }), fc.scheduler(), async (steps, scheduler) => {
      const own = createMemoryCache({ clock });
      const versions = new Map([
        ['1', 0],
        ['2', 0],
      ]);
      const finished = new Map(versions);
      const versioned = new CachedLoader(own.region(family), async (ids) => {
        const found = new Map(ids.map((id) => [id, versions.get(id) ?? 0]));
        await scheduler.schedule(Promise.resolve(), 'load');
        return found;
      });
      const run = async (step: (typeof steps)[number]): Promise<void> => {
        await scheduler.schedule(Promise.resolve(), step.kind);
        if (step.kind === 'write') {
          const version = (versions.get(step.id) ?? 0) + 1;
          versions.set(step.id, version);
          await scheduler.schedule(Promise.resolve(), 'delete');
          await own.delete([{ family: 'number', id: step.id }]);
          finished.set(step.id, Math.max(version, finished.get(step.id) ?? 0));
          return;
        }
        const atLeast = new Map(finished);
        const got = await versioned.get(step.ids);
        for (const id of step.ids) expect(got.get(id)).toBeGreaterThanOrEqual(atLeast.get(id) ?? 0);
      };
      const running = Promise.all(steps.map(run));
      await scheduler.waitFor(running);
    }),
    { numRuns: 200 },
  );
});
