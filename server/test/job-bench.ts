/** The writer and the job runner on a real database, with handlers that a test gives: no HTTP, no media. */
import { createMemoryCache } from '../src/adapters/cache-memory.ts';
import { createTimeIdSource } from '../src/adapters/id-source-time.ts';
import { createMemoryQueue } from '../src/adapters/queue-memory.ts';
import type { OutboxRow } from '../src/db/index.ts';
import {
  type CacheDeletions,
  createCacheDeletions,
  createJobRunner,
  createWriter,
  type EnqueueOptions,
  type JobHandlers,
  type JobName,
  type JobPayload,
  type JobRunner,
  type Writer,
} from '../src/jobs/index.ts';
import type { Cache, IdSource, Queue } from '../src/ports/index.ts';
import { outboxStore } from '../src/store/index.ts';
import { createManualClock, type ManualClock } from './manual-clock.ts';
import { openTemporaryDatabase, type TemporaryDatabase } from './temporary-database.ts';

export type JobBench = {
  readonly clock: ManualClock;
  readonly ids: IdSource;
  readonly cache: Cache;
  readonly deletions: CacheDeletions;
  readonly writer: Writer;
  readonly store: TemporaryDatabase;
  /** Messages of what was logged as an error. */
  readonly logged: string[];
  enqueue<N extends JobName>(name: N, payload: JobPayload<N>, options?: EnqueueOptions): Promise<number>;
  /** Adds a row that no version of the program understands. */
  enqueueUnreadable(row: Pick<OutboxRow, 'id'> & Partial<Pick<OutboxRow, 'name' | 'payload' | 'lane'>>): Promise<void>;
  rows(): Promise<outboxStore.Job[]>;
  row(id: number): Promise<outboxStore.Job | undefined>;
  /** A runner that is started, as another process over the same database; the one before is left as it is. */
  startRunner(handlers: Partial<JobHandlers>, place?: Place): Promise<JobRunner>;
  /** Moves the time and waits for what is due by then. */
  later(runner: JobRunner, ms: number): Promise<void>;
  remove(): Promise<void>;
};

/** Where a runner stands; without it, alone in the embedded form. */
export type Place = { readonly queue: Queue; readonly consumes: boolean; readonly alone: boolean };

const maxDepth = 100;

/** Fails the job: a test names the handlers that it needs. */
const unexpected = {
  run: async () => {
    throw new Error('no test asked for this job');
  },
};
const noHandlers: JobHandlers = {
  'cache.delete': unexpected,
  'blobs.reconcile': unexpected,
  'blobs.erase': unexpected,
  'blobs.audit': unexpected,
  'video.prepare': unexpected,
  'video.cover': unexpected,
  'video.erase': unexpected,
  'upload.publish': unexpected,
  'upload.expire': unexpected,
  'account.erase': unexpected,
};

export async function createJobBench(wrapCache: (cache: Cache) => Cache = (cache) => cache): Promise<JobBench> {
  const clock = createManualClock();
  const ids = createTimeIdSource({ clock, node: 0 });
  const cache = wrapCache(createMemoryCache({ clock }));
  const store = await openTemporaryDatabase();
  const runners: JobRunner[] = [];
  const logged: string[] = [];
  const wake = (): void => {
    for (const runner of runners) runner.wake();
  };
  const deletions = createCacheDeletions({ database: store.database, clock, wake });
  const writer = createWriter({ database: store.database, cache, clock, ids, deletions, wake });
  return {
    clock,
    ids,
    cache,
    deletions,
    writer,
    store,
    logged,
    enqueue: (name, payload, options) => writer.write((unit) => unit.enqueue(name, payload, options)),
    enqueueUnreadable: (row) =>
      store.database.transaction((trx) =>
        outboxStore.insertJobs(trx, [
          {
            name: 'no.such.job',
            payload: '{}',
            lane: 'quick',
            dedupe_key: null,
            state: 'pending',
            run_at: 0,
            attempts: 0,
            lease_until: null,
            last_error: null,
            created_at: 0,
            ...row,
          },
        ]),
      ),
    rows: () => store.database.reader.selectFrom('outbox').selectAll().orderBy('id').execute(),
    row: (id) => store.database.reader.selectFrom('outbox').selectAll().where('id', '=', id).executeTakeFirst(),
    startRunner: async (handlers, place) => {
      const runner = createJobRunner({
        database: store.database,
        clock,
        handlers: { ...noHandlers, ...handlers },
        log: { debug: () => undefined, error: (_fields, message) => void logged.push(message) },
        mediaConcurrency: 1,
        ...(place ?? { queue: createMemoryQueue({ maxDepth }), consumes: true, alone: true }),
      });
      runners.push(runner);
      await runner.start();
      return runner;
    },
    later: async (runner, ms) => {
      clock.advance(ms);
      runner.wake();
      await runner.processAll();
    },
    remove: async () => {
      await deletions.flush();
      await Promise.all(runners.map((runner) => runner.close()));
      await cache.close();
      await store.remove();
    },
  };
}
