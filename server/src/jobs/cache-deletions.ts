import { Check } from 'typebox/schema';
import type { Database } from '../db/index.ts';
import type { CacheKey, Clock, DeletionBacklog } from '../ports/index.ts';
import { outboxStore } from '../store/index.ts';
import { jobDefinitions } from './registry.ts';

/**
 * The rows that make deletions from a shared cache durable. Each write commits one beside what it changes, then deletes by
 * itself. If that worked the row has done its duty and goes, together with others; if not, it becomes a job like any other.
 */
export type CacheDeletions = {
  /** The deletion of a committed row was done. */
  readonly done: (rowId: number) => void;
  /** It was not: a worker has to do it, now. */
  readonly failed: (rowId: number) => void;
  /** Resolves when what was reported is in the database, or has been given up: the rows then do no harm. */
  readonly flush: () => Promise<void>;
};

/** How long a row waits for its own writer, who needs a millisecond unless something is wrong. */
export const ownDeletionMs = 1_000;
/** How long reports are gathered, to be one transaction. */
const gatherMs = 50;
/** Reports kept while the database is away; the rows of others become due by themselves. */
const maxReports = 10_000;
/** Rows of one statement. */
const batchRows = 500;

export function createCacheDeletions(deps: {
  readonly database: Database;
  readonly clock: Clock;
  /** Tells the relay that rows became due. */
  readonly wake: () => void;
}): CacheDeletions {
  const { database, clock } = deps;
  let done: number[] = [];
  let failed: number[] = [];
  let timer: NodeJS.Timeout | undefined;
  let flushing: Promise<void> = Promise.resolve();

  function report(list: number[], rowId: number): void {
    if (list.length < maxReports) list.push(rowId);
    timer ??= setTimeout(() => void flush(), gatherMs).unref();
  }

  /** A report that is lost costs one more deletion, which changes nothing. */
  async function settle(): Promise<void> {
    const [over, due] = [done, failed];
    done = [];
    failed = [];
    for (let start = 0; start < Math.max(over.length, due.length); start += batchRows) {
      const batch = (list: readonly number[]): number[] => list.slice(start, start + batchRows);
      await database.transaction(async (trx) => {
        await outboxStore.deleteJobs(trx, batch(over));
        await outboxStore.makeJobsDue(trx, batch(due), clock.now());
      });
    }
    if (due.length > 0) deps.wake();
  }

  function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    // One after the other, so that a slow database is not asked twice.
    flushing = flushing.then(settle).catch(() => undefined);
    return flushing;
  }

  return {
    done: (rowId) => report(done, rowId),
    failed: (rowId) => report(failed, rowId),
    flush,
  };
}

/** Rows looked at at once by {@link createDeletionBacklog}. */
const backlogRows = 500;

/** Deletions that were committed and may not have reached the cache: for whoever is to believe it again. */
export function createDeletionBacklog(deps: { readonly database: Database }): DeletionBacklog {
  return {
    list: async (afterId) => {
      const rows = await outboxStore.listJobsNamed(deps.database.reader, 'cache.delete', afterId, backlogRows);
      const ids: number[] = [];
      const keys: CacheKey[] = [];
      for (const { id, payload } of rows) {
        ids.push(id);
        keys.push(...keysOf(payload));
      }
      return { ids, keys, more: rows.length === backlogRows };
    },
    remove: async (ids) => {
      for (let start = 0; start < ids.length; start += batchRows) {
        await deps.database.transaction((trx) => outboxStore.deleteJobs(trx, ids.slice(start, start + batchRows)));
      }
    },
  };
}

/** A row that cannot be read names nothing that could be deleted. */
function keysOf(payload: string): readonly CacheKey[] {
  try {
    const value: unknown = JSON.parse(payload);
    return Check(jobDefinitions['cache.delete'].payload, value) ? value.keys : [];
  } catch {
    return [];
  }
}
