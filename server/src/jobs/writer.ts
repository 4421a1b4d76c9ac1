import type { Database, OutboxRow, Transaction } from '../db/index.ts';
import type { Cache, CacheKey, Clock, IdSource } from '../ports/index.ts';
import { outboxStore } from '../store/index.ts';
import { type CacheDeletions, ownDeletionMs } from './cache-deletions.ts';
import { type JobName, type JobPayload, jobDefinitions, maxDeletedKeys } from './registry.ts';

/** What a write has beside its SQL: jobs to do after it, and cached values that it makes old. */
export type Unit = {
  readonly trx: Transaction;
  /** Adds a job to this transaction; returns its id. */
  enqueue<N extends JobName>(name: N, payload: JobPayload<N>, options?: EnqueueOptions): Promise<number>;
  /** Names cached values that are old as soon as this commits. */
  invalidate(...keys: readonly CacheKey[]): void;
  /**
   * Names what {@link invalidate} would, where there is nothing to change: whoever made the change may have committed and not
   * deleted yet, and who is told that it is made must see it.
   */
  alreadyMade(...keys: readonly CacheKey[]): void;
};

export type EnqueueOptions = {
  /** Not before this many milliseconds from now. */
  readonly delayMs?: number;
  /** While a row with this key exists, adding another does nothing. */
  readonly dedupeKey?: string;
};

/** Runs writes. The order is the point: rows and outbox rows commit together, then cached values go, then it resolves. */
export interface Writer {
  write<T>(work: (unit: Unit) => Promise<T>): Promise<T>;
}

export function createWriter(deps: {
  readonly database: Database;
  readonly cache: Cache;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly deletions: CacheDeletions;
  /** Tells the relay that there is something to carry. */
  readonly wake: () => void;
}): Writer {
  const { database, cache, clock, ids, deletions } = deps;

  function outboxRow<N extends JobName>(name: N, payload: JobPayload<N>, options: EnqueueOptions): OutboxRow {
    const now = clock.now();
    return {
      id: ids.next(),
      name,
      payload: JSON.stringify(payload),
      lane: jobDefinitions[name].lane,
      dedupe_key: options.dedupeKey ?? null,
      state: 'pending',
      run_at: now + (options.delayMs ?? 0),
      attempts: 0,
      lease_until: null,
      last_error: null,
      created_at: now,
    };
  }

  async function write<T>(work: (unit: Unit) => Promise<T>): Promise<T> {
    const keys: CacheKey[] = [];
    const keysOfOthers: CacheKey[] = [];
    let enqueued = 0;
    let safetyNet: OutboxRow | undefined;
    const result = await database.transaction(async (trx) => {
      // Emptied here because an engine may run a transaction again.
      keys.length = 0;
      keysOfOthers.length = 0;
      enqueued = 0;
      safetyNet = undefined;
      const result = await work({
        trx,
        enqueue: async (name, payload, options = {}) => {
          const row = outboxRow(name, payload, options);
          await outboxStore.insertJobs(trx, [row]);
          enqueued += 1;
          return row.id;
        },
        invalidate: (...more) => {
          keys.push(...more);
        },
        alreadyMade: (...more) => {
          keysOfOthers.push(...more);
        },
      });
      if (cache.outlivesProcess && keys.length > 0) {
        safetyNet = outboxRow('cache.delete', { keys: uniqueKeys(keys) }, { delayMs: ownDeletionMs });
        await outboxStore.insertJobs(trx, [safetyNet]);
      }
      return result;
    });
    const old = [...keys, ...keysOfOthers];
    if (old.length > 0) await deleteCached(old, safetyNet?.id);
    if (enqueued > 0) deps.wake();
    return result;
  }

  /**
   * The commit stands whatever the cache does: where it can fail, a row repeats the deletion until it is done, this write's or
   * that of whoever made the change.
   */
  async function deleteCached(keys: readonly CacheKey[], rowId: number | undefined): Promise<void> {
    try {
      await cache.delete(keys);
      if (rowId !== undefined) deletions.done(rowId);
    } catch (error) {
      if (!cache.outlivesProcess) throw error;
      if (rowId !== undefined) deletions.failed(rowId);
    }
  }

  return { write };
}

/** Each key once. More of them than a row can name would be a deletion that nobody can do: a bug, and no write. */
function uniqueKeys(keys: readonly CacheKey[]): CacheKey[] {
  const unique = [...new Map(keys.map((key) => [`${key.family}:${key.id}`, key])).values()];
  if (unique.length > maxDeletedKeys) throw new RangeError(`a write makes ${unique.length} cached values old`);
  return unique;
}
