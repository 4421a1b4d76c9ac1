import type { Database, OutboxRow, Transaction } from '../db/index.ts';
import type { Cache, CacheKey, Clock, IdSource } from '../ports/index.ts';
import { outboxStore } from '../store/index.ts';
import { type JobName, type JobPayload, jobDefinitions } from './registry.ts';

/** What a write has beside its SQL: jobs to do after it, and cached values that it makes old. */
export type Unit = {
  readonly trx: Transaction;
  /** Adds a job to this transaction; returns its id. */
  enqueue<N extends JobName>(name: N, payload: JobPayload<N>, options?: EnqueueOptions): Promise<number>;
  /** Names cached values that are old as soon as this commits. */
  invalidate(...keys: readonly CacheKey[]): void;
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
  /** Tells the relay that there is something to carry. */
  readonly wake: () => void;
}): Writer {
  const { database, cache, clock, ids } = deps;

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
    let enqueued = 0;
    const result = await database.transaction(async (trx) => {
      // Emptied here because an engine may run a transaction again.
      keys.length = 0;
      enqueued = 0;
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
      });
      if (cache.outlivesProcess && keys.length > 0) {
        await outboxStore.insertJobs(trx, [outboxRow('cache.delete', { keys: [...keys] }, {})]);
        enqueued += 1;
      }
      return result;
    });
    if (keys.length > 0) await deleteCached(cache, keys);
    if (enqueued > 0) deps.wake();
    return result;
  }

  return { write };
}

/** The commit stands whatever the cache does: where it can fail, the outbox row repeats the deletion until it is done. */
async function deleteCached(cache: Cache, keys: readonly CacheKey[]): Promise<void> {
  try {
    await cache.delete(keys);
  } catch (error) {
    if (!cache.outlivesProcess) throw error;
  }
}
