/**
 * Why no read is stale and no deletion is lost: the writer, the loader and the cache of the product, with a write
 * and two readers, the same write twice and a reader, or a write, a reader, a worker and a fault, in every order that there
 * is. To show that the orders matter, the lease, the outbox row and the deletion by who finds the write done are taken out in
 * turn, and the exploration has to find what then goes wrong.
 */
import SqliteDatabase from 'better-sqlite3';
import { Kysely, SqliteDialect } from 'kysely';
import { Migrator } from 'kysely/migration';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMemoryCache } from '../src/adapters/cache-memory.ts';
import { createTimeIdSource } from '../src/adapters/id-source-time.ts';
import type { Database } from '../src/db/index.ts';
import { migrations } from '../src/db/migrations/index.ts';
import type { Tables } from '../src/db/tables.ts';
import { createCacheDeletions, createDeletionBacklog, createWriter } from '../src/jobs/index.ts';
import type { Cache, CacheFamily } from '../src/ports/index.ts';
import { CachedLoader } from '../src/read/index.ts';
import { metaStore } from '../src/store/index.ts';
import { explore, type Turn, type World } from './interleavings.ts';
import { createManualClock } from './manual-clock.ts';

const family: CacheFamily<string> = {
  name: 'thing',
  ttlMs: 3_600_000,
  maxEntries: 10,
  encode: (value) => value,
  decode: (text) => text,
};
const id = 'demo';

type Fault = 'none' | 'the process dies before the deletion' | 'the cache is away at the deletion';
type TakenOut = 'nothing' | 'the lease' | 'the outbox row' | 'the second deletion';

let plain: SqliteDatabase.Database;
let database: Database;
beforeAll(async () => {
  // In memory: what is explored is the order of steps, and thousands of runs need not wait for a disk.
  plain = new SqliteDatabase(':memory:');
  const db = new Kysely<Tables>({ dialect: new SqliteDialect({ database: plain }) });
  await new Migrator({ db, provider: { getMigrations: async () => ({ ...migrations }) } }).migrateToLatest();
  database = {
    engine: 'sqlite',
    reader: db,
    transaction: (work) => db.transaction().execute(work),
    failureOf: () => undefined,
    ping: async () => undefined,
    close: () => db.destroy(),
  };
});
afterAll(() => database.close());

const stored = async (): Promise<string> => (await metaStore.findMeta(database.reader, id)) ?? '';

async function worldWith(
  fault: Fault,
  takenOut: TakenOut,
  beside: 'a reader' | 'the same write' = 'a reader',
): Promise<World> {
  plain.exec("delete from outbox; delete from meta; insert into meta (name, value) values ('demo', '1')");
  const clock = createManualClock();
  const shared = createMemoryCache({ clock });
  const region = shared.region(family);
  /** Over many processes: what is in the cache outlives each of them. */
  const cache: Cache = { ...shared, outlivesProcess: takenOut !== 'the outbox row' };
  let acknowledged = false;
  const ids = createTimeIdSource({ clock, node: 0 });
  const deletions = createCacheDeletions({ database, clock, wake: () => undefined });

  const write = async (turn: Turn): Promise<void> => {
    const writer = createWriter({
      database: {
        ...database,
        transaction: async (work) => {
          await turn('commit');
          return await database.transaction(work);
        },
      },
      cache: {
        ...cache,
        delete: async (keys) => {
          await turn('delete');
          if (fault === 'the process dies before the deletion') await new Promise(() => undefined);
          if (fault === 'the cache is away at the deletion') {
            if (cache.outlivesProcess) throw new Error('away');
            return;
          }
          await cache.delete(keys);
        },
      },
      clock,
      ids,
      deletions,
      wake: () => undefined,
    });
    await writer.write(async ({ trx, invalidate, alreadyMade }) => {
      const key = { family: 'thing', id };
      if ((await metaStore.findMeta(trx, id)) !== '2') {
        await metaStore.putMeta(trx, id, '2');
        invalidate(key);
      } else if (takenOut !== 'the second deletion') alreadyMade(key);
    });
    acknowledged = true;
  };

  /** As one process reads; a loader of its own, so that two readers share the cache alone. */
  const read = async (turn: Turn): Promise<void> => {
    const loader = new CachedLoader(
      {
        lookUp: (asked) => region.lookUp(asked),
        fill: async (entries) => {
          await turn('fill');
          if (takenOut !== 'the lease') return await region.fill(entries);
          // Whoever holds a lease now, the value is stored under it.
          for (const entry of entries) {
            const [now] = await region.lookUp([entry.id]);
            if (now?.hit === false) await region.fill([{ ...entry, lease: now.lease }]);
          }
        },
      },
      async () => {
        await turn('load');
        return new Map([[id, await stored()]]);
      },
    );
    await turn('look up');
    // Until a worker has done it, a deletion that failed is a fault that is still on.
    const mustSee = acknowledged && fault === 'none' ? '2' : '1';
    const seen = (await loader.get([id])).get(id) ?? '';
    if (seen < mustSee) throw new Error(`stale: ${seen} was read, although ${mustSee} had been acknowledged`);
  };

  /** What a worker does for the rows that are there: now and then while the others run, and once more at the end. */
  const work = async (): Promise<void> => {
    const backlog = createDeletionBacklog({ database });
    const { ids: rows, keys } = await backlog.list(0);
    await shared.delete(keys);
    await backlog.remove(rows);
  };

  const readTwice = (turn: Turn): Promise<void> => read(turn).then(() => read(turn));
  const readAndWork = [read, async (turn: Turn) => turn('work').then(work)];
  const others = beside === 'the same write' ? [readTwice, write] : [read, read];
  return {
    actors: [write, ...(fault === 'none' ? others : readAndWork)],
    check: async () => {
      await deletions.flush();
      await work();
      const [found] = await region.lookUp([id]);
      const truth = await stored();
      if (found?.hit === true && found.value !== truth) {
        throw new Error(`lost: ${found.value} stays in the cache, although ${truth} is stored`);
      }
    },
  };
}

const faults: readonly Fault[] = ['none', 'the process dies before the deletion', 'the cache is away at the deletion'];

describe.each(faults)('fault: %s', (fault) => {
  it('agrees in every order', async () => {
    const { runs, failure } = await explore(() => worldWith(fault, 'nothing'));
    expect(failure).toBeUndefined();
    expect(runs).toBeGreaterThan(fault === 'none' ? 300 : 30);
  });
});

it('agrees in every order when a write is made twice', async () => {
  const { runs, failure } = await explore(() => worldWith('none', 'nothing', 'the same write'));
  expect(failure).toBeUndefined();
  expect(runs).toBeGreaterThan(300);
});

it('finds the stale read after a write that was found done, without a deletion of its own', async () => {
  const { failure } = await explore(() => worldWith('none', 'the second deletion', 'the same write'));
  expect(String(failure?.error)).toMatch('stale');
  expect(failure?.steps).not.toEqual(expect.arrayContaining(['0: delete', '2: delete']));
});

it('finds the stale read without the lease', async () => {
  const { failure } = await explore(() => worldWith('none', 'the lease'));
  expect(String(failure?.error)).toMatch(/stale|lost/);
  // Read before the commit, stored after the deletion.
  expect(failure?.steps).toEqual(expect.arrayContaining(['0: commit', '0: delete', '1: load', '1: fill']));
});

it.each(faults.slice(1))('finds the lost deletion without the outbox row: %s', async (fault) => {
  const { failure } = await explore(() => worldWith(fault, 'the outbox row'));
  expect(String(failure?.error)).toMatch('lost');
});
