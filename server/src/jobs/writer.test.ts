import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createJobBench, type JobBench } from '../../test/job-bench.ts';
import type { Database } from '../db/index.ts';
import type { Cache, CacheKey } from '../ports/index.ts';
import { metaStore } from '../store/index.ts';
import { createCacheDeletions, createDeletionBacklog, createWriter } from './index.ts';

const key: CacheKey = { family: 'user', id: '1' };

/** A cache that tells what is deleted when, and may outlive the process or fail. */
type Watched = { deletions: (readonly CacheKey[])[]; onDelete: () => Promise<void> };
const watching =
  (watched: Watched, outlivesProcess: boolean) =>
  (cache: Cache): Cache => ({
    ...cache,
    outlivesProcess,
    delete: async (keys) => {
      watched.deletions.push(keys);
      await watched.onDelete();
      await cache.delete(keys);
    },
  });

let bench: JobBench;
let watched: Watched;
const start = async (outlivesProcess: boolean): Promise<void> => {
  watched = { deletions: [], onDelete: async () => undefined };
  bench = await createJobBench(watching(watched, outlivesProcess));
};
const stored = (): Promise<string | undefined> => metaStore.findMeta(bench.store.database.reader, 'demo');
const put = (): Promise<void> =>
  bench.writer.write(async ({ trx, invalidate }) => {
    invalidate(key);
    await metaStore.putMeta(trx, 'demo', 'written');
  });
afterEach(() => bench.remove());

describe('with a cache that dies with the process', () => {
  beforeEach(() => start(false));

  it('commits rows and jobs together, then deletes cached values, then resolves', async () => {
    const seen: unknown[] = [];
    watched.onDelete = async () => {
      seen.push(
        'deleting',
        await stored(),
        (await bench.rows()).map((row) => row.name),
      );
    };
    await bench.writer.write(async ({ trx, enqueue, invalidate }) => {
      invalidate(key, { family: 'video', id: '2' });
      await metaStore.putMeta(trx, 'demo', 'written');
      await enqueue('video.cover', { videoId: 1 });
      seen.push('working', await stored(), watched.deletions.length);
    });
    seen.push('resolved');
    expect(seen).toEqual(['working', undefined, 0, 'deleting', 'written', ['video.cover'], 'resolved']);
    expect(watched.deletions).toEqual([[key, { family: 'video', id: '2' }]]);
  });

  it('does not resolve before the deletion has', async () => {
    const gate = Promise.withResolvers<void>();
    const deleting = Promise.withResolvers<void>();
    watched.onDelete = async () => {
      deleting.resolve();
      await gate.promise;
    };
    let resolved = false;
    const writing = put().then(() => {
      resolved = true;
    });
    await deleting.promise;
    expect(await stored()).toBe('written');
    expect(resolved).toBe(false);
    gate.resolve();
    await writing;
  });

  it('leaves nothing and deletes nothing when it is rolled back, and passes the error on', async () => {
    const failed = new Error('changed my mind');
    const writing = bench.writer.write(async ({ trx, enqueue, invalidate }) => {
      invalidate(key);
      await metaStore.putMeta(trx, 'demo', 'written');
      await enqueue('video.cover', { videoId: 1 });
      throw failed;
    });
    await expect(writing).rejects.toBe(failed);
    expect(await stored()).toBeUndefined();
    expect(await bench.rows()).toEqual([]);
    expect(watched.deletions).toEqual([]);
  });

  it('writes no row for the deletion, and does not hide that it failed', async () => {
    await put();
    expect(await bench.rows()).toEqual([]);
    watched.onDelete = () => Promise.reject(new Error('broken'));
    await expect(put()).rejects.toThrow('broken');
  });

  it('deletes also what somebody else made old and may not have deleted yet, before it resolves', async () => {
    await bench.writer.write(async ({ alreadyMade }) => alreadyMade(key));
    expect(watched.deletions).toEqual([[key]]);
    watched.onDelete = () => Promise.reject(new Error('broken'));
    await expect(bench.writer.write(async ({ alreadyMade }) => alreadyMade(key))).rejects.toThrow('broken');
  });

  it('touches no cached value when none became old', async () => {
    const before = bench.cache.generation();
    await bench.writer.write(({ trx }) => metaStore.putMeta(trx, 'demo', 'written'));
    expect(watched.deletions).toEqual([]);
    expect(bench.cache.generation()).toBe(before);
  });

  it('forgets what a first try noted when the engine runs the transaction again', async () => {
    const { database } = bench.store;
    const rerunning = createWriter({
      ...bench,
      database: {
        ...database,
        transaction: async (work) => {
          await database
            .transaction(async (trx) => {
              await work(trx);
              throw new Error('deadlock');
            })
            .catch(() => undefined);
          return await database.transaction(work);
        },
      },
      wake: () => undefined,
    });
    await rerunning.write(async ({ enqueue, invalidate }) => {
      invalidate(key);
      await enqueue('video.cover', { videoId: 1 });
    });
    expect(watched.deletions).toEqual([[key]]);
    expect((await bench.rows()).length).toBe(1);
  });
});

describe('with a cache that outlives the process', () => {
  beforeEach(() => start(true));

  const runner = () => bench.startRunner({ 'cache.delete': { run: ({ keys }) => bench.cache.delete(keys) } });

  it('writes the deletion as a row of the same transaction, deletes at once, and the row has done its duty', async () => {
    watched.onDelete = async () => {
      expect((await bench.rows()).map((row) => row.name)).toEqual(['cache.delete']);
    };
    await bench.writer.write(async ({ trx, invalidate }) => {
      invalidate(key, key);
      await metaStore.putMeta(trx, 'demo', 'written');
    });
    expect(watched.deletions).toEqual([[key, key]]);
    const [row] = await bench.rows();
    expect(JSON.parse(row?.payload ?? '')).toEqual({ keys: [key] });
    expect(row?.run_at).toBeGreaterThan(bench.clock.now());
    await bench.deletions.flush();
    expect(await bench.rows()).toEqual([]);
  });

  it('removes the rows of many writes by itself, in few transactions', async () => {
    let transactions = 0;
    const { database } = bench.store;
    const counting: Database = {
      ...database,
      transaction: (work) => {
        transactions += 1;
        return database.transaction(work);
      },
    };
    const deletions = createCacheDeletions({ ...bench, database: counting, wake: () => undefined });
    const writer = createWriter({ ...bench, database, deletions, wake: () => undefined });
    await Promise.all(Array.from({ length: 40 }, () => writer.write(async ({ invalidate }) => invalidate(key))));
    await expect.poll(() => bench.rows()).toEqual([]);
    expect(transactions).toBeLessThanOrEqual(5);
  });

  it('stands although the cache is down, and a worker does the deletion, again and again until it is done', async () => {
    watched.onDelete = () => Promise.reject(new Error('the cache is down'));
    await put();
    expect(await stored()).toBe('written');
    const working = await runner();
    await bench.deletions.flush();
    await working.processAll();
    expect((await bench.rows()).map((row) => row.attempts)).toEqual([1]);
    watched.onDelete = async () => undefined;
    watched.deletions = [];
    await bench.later(working, 60_000);
    expect(watched.deletions).toEqual([[key]]);
    expect(await bench.rows()).toEqual([]);
  });

  it('leaves the deletion to a worker when the process dies between the commit and it', async () => {
    const never = new Promise<void>(() => undefined);
    watched.onDelete = () => never;
    void put();
    await expect.poll(() => watched.deletions.length).toBe(1);
    watched.onDelete = async () => undefined;
    watched.deletions = [];
    await bench.later(await runner(), 1_000);
    expect(watched.deletions).toEqual([[key]]);
    expect(await bench.rows()).toEqual([]);
  });

  it('needs no row for what somebody else made old, who has one, and stands although it cannot be deleted', async () => {
    await bench.writer.write(async ({ alreadyMade }) => alreadyMade(key));
    expect(watched.deletions).toEqual([[key]]);
    expect(await bench.rows()).toEqual([]);
    watched.onDelete = () => Promise.reject(new Error('the cache is down'));
    await bench.writer.write(async ({ alreadyMade }) => alreadyMade(key));
    await bench.deletions.flush();
    expect(await bench.rows()).toEqual([]);
  });

  it('refuses a write that makes more old than a row can name', async () => {
    const many = Array.from({ length: 1_001 }, (_, position) => ({ family: 'user', id: String(position) }));
    const writing = bench.writer.write(async ({ trx, invalidate }) => {
      await metaStore.putMeta(trx, 'demo', 'written');
      invalidate(...many);
    });
    await expect(writing).rejects.toThrow('1001 cached values');
    expect(await stored()).toBeUndefined();
  });

  it('lists what may not have reached the cache, for whoever is to believe it again', async () => {
    const backlog = createDeletionBacklog(bench.store);
    expect(await backlog.list(0)).toEqual({ ids: [], keys: [], more: false });
    watched.onDelete = () => Promise.reject(new Error('the cache is down'));
    for (const id of ['1', '2']) await bench.writer.write(async ({ invalidate }) => invalidate({ family: 'user', id }));
    await bench.enqueue('video.cover', { videoId: 1 });
    const { ids, keys, more } = await backlog.list(0);
    expect([keys, more]).toEqual([[key, { family: 'user', id: '2' }], false]);
    await backlog.remove(ids);
    expect((await bench.rows()).map((row) => row.name)).toEqual(['video.cover']);
  });

  it('writes no job for a deletion that was rolled back', async () => {
    const writing = bench.writer.write(async ({ invalidate }) => {
      invalidate(key);
      throw new Error('changed my mind');
    });
    await expect(writing).rejects.toThrow();
    expect(await bench.rows()).toEqual([]);
    expect(watched.deletions).toEqual([]);
  });
});

describe('jobs that are added', () => {
  beforeEach(() => start(false));

  it('wakes the relay after the commit, and only if there is something to carry', async () => {
    const wakes: number[] = [];
    const wake = (): void => {
      wakes.push(1);
    };
    const writer = createWriter({ ...bench, database: bench.store.database, wake });
    await writer.write(({ trx }) => metaStore.putMeta(trx, 'demo', 'x'));
    expect(wakes.length).toBe(0);
    await writer.write(async ({ enqueue }) => {
      await enqueue('video.cover', { videoId: 1 });
      expect(wakes.length).toBe(0);
    });
    expect(wakes.length).toBe(1);
  });

  it('adds one row of a key as long as it is there', async () => {
    const options = { dedupeKey: 'cover:1' };
    await bench.enqueue('video.cover', { videoId: 1 }, options);
    await bench.enqueue('video.cover', { videoId: 1 }, options);
    await bench.enqueue('video.cover', { videoId: 2 }, { dedupeKey: 'cover:2' });
    await bench.enqueue('video.cover', { videoId: 3 });
    await bench.enqueue('video.cover', { videoId: 3 });
    expect((await bench.rows()).map((row) => row.dedupe_key)).toEqual(['cover:1', 'cover:2', null, null]);
    const runner = await bench.startRunner({ 'video.cover': { run: async () => undefined } });
    await runner.processAll();
    await runner.close();
    expect(await bench.rows()).toEqual([]);
    await bench.enqueue('video.cover', { videoId: 1 }, options);
    expect((await bench.rows()).length).toBe(1);
  });
});
