/** The writer and the job runner on a real database, with handlers that a test gives: no HTTP, no media. */
import { createMemoryCache } from '../src/adapters/cache-memory.ts';
import { createTimeIdSource } from '../src/adapters/id-source-time.ts';
import { createMemoryQueue } from '../src/adapters/queue-memory.ts';
import type { OutboxRow } from '../src/db/index.ts';
import {
  createJobRunner,
  createWriter,
  type EnqueueOptions,
  type JobHandlers,
  type JobName,
  type JobPayload,
  type JobRunner,
  type Writer,
} from '../src/jobs/index.ts';
import type { Cache, IdSource } from '../src/ports/index.ts';
import { createManualClock, type ManualClock } from './manual-clock.ts';
import { openTemporaryDatabase, type TemporaryDatabase } from './temporary-database.ts';

export type JobBench = {
  readonly clock: ManualClock;
  readonly ids: IdSource;
  readonly cache: Cache;
  readonly writer: Writer;
  readonly store: TemporaryDatabase;
  /** Messages of what was logged as an error. */
  readonly logged: string[];
  enqueue<N extends JobName>(name: N, payload: JobPayload<N>, options?: EnqueueOptions): Promise<number>;
  rows(): Promise<OutboxRow[]>;
  row(id: number): Promise<OutboxRow | undefined>;
  /** A runner that is started, as another process over the same database; the one before is left as it is. */
  startRunner(handlers: Partial<JobHandlers>): Promise<JobRunner>;
  /** Moves the time and waits for what is due by then. */
  later(runner: JobRunner, ms: number): Promise<void>;
  remove(): Promise<void>;
};

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
  'video.prepare': unexpected,
  'video.cover': unexpected,
  'video.erase': unexpected,
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
  const writer = createWriter({ database: store.database, cache, clock, ids, wake });
  return {
    clock,
    ids,
    cache,
    writer,
    store,
    logged,
    enqueue: (name, payload, options) => writer.write((unit) => unit.enqueue(name, payload, options)),
    rows: () => store.database.reader.selectFrom('outbox').selectAll().orderBy('id').execute(),
    row: (id) => store.database.reader.selectFrom('outbox').selectAll().where('id', '=', id).executeTakeFirst(),
    startRunner: async (handlers) => {
      const runner = createJobRunner({
        database: store.database,
        queue: createMemoryQueue({ maxDepth }),
        clock,
        handlers: { ...noHandlers, ...handlers },
        log: { debug: () => undefined, error: (_fields, message) => void logged.push(message) },
        mediaConcurrency: 1,
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
      await Promise.all(runners.map((runner) => runner.close()));
      await cache.close();
      await store.remove();
    },
  };
}
