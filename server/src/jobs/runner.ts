import { Parse } from 'typebox/schema';
import type { Database, OutboxRow } from '../db/index.ts';
import { type Clock, type Lane, lanes, type Queue, QueueFullError } from '../ports/index.ts';
import { outboxStore } from '../store/index.ts';
import { isJobName, type JobHandlers, type JobName, type JobPayload, jobDefinitions } from './registry.ts';

/** A row is somebody's for this long; a worker that lives extends it, one that died loses it. */
const leaseMs = 30_000;
const heartbeatMs = leaseMs / 3;
/** Rows carried per round. */
const relayBatchRows = 64;
/** The longest wait before looking again when nothing woke the relay. */
const pollMs = 2_000;
/** How often {@link JobRunner.processAll} looks again while nothing reports a change. */
const settleMs = 10;
const backoffFirstMs = 500;
const backoffMaxMs = 10 * 60_000;
const quickConcurrency = 4;
const errorMaxCharacters = 500;

export type JobLog = {
  readonly debug: (fields: object, message: string) => void;
  readonly error: (fields: object, message: string) => void;
};

/**
 * The relay and the workers. The relay takes due outbox rows and gives them to the queue; a worker reads the row, runs
 * its handler and deletes it, or plans the next attempt. The row is the truth throughout.
 */
export interface JobRunner {
  /** Looks for due rows at once. */
  wake(): void;
  start(): Promise<void>;
  /** Resolves when no due row is left and nothing runs: for tests and for an orderly end. */
  processAll(): Promise<void>;
  /** Aborts what runs; its rows are taken up again at the next start. */
  close(): Promise<void>;
}

export function createJobRunner(deps: {
  readonly database: Database;
  readonly queue: Queue;
  readonly clock: Clock;
  readonly handlers: JobHandlers;
  readonly log: JobLog;
  /** Media jobs at once. */
  readonly mediaConcurrency: number;
}): JobRunner {
  const { database, queue, clock, handlers, log } = deps;
  const stopping = new AbortController();
  let running = 0;
  let relaying: Promise<void> | undefined;
  let again = false;
  /** After the queue was full: the depth at which it has room for another batch. Asking sooner would be for nothing. */
  let roomAtDepth: number | undefined;
  let timer: NodeJS.Timeout | undefined;
  const waiters = new Set<() => void>();

  const changed = (): void => {
    for (const waiter of waiters) waiter();
  };

  /** Resolves when a relay or a job ends; the carrier's own end of a job, which nobody reports, is looked for. */
  async function nextChange(): Promise<void> {
    await new Promise<void>((resolve) => {
      const lookAgain = setTimeout(done, settleMs);
      function done(): void {
        clearTimeout(lookAgain);
        waiters.delete(done);
        resolve();
      }
      waiters.add(done);
    });
  }

  /** Carries one batch of a lane; returns how many rows that were, or that the queue takes no more. */
  async function relayOnce(lane: Lane): Promise<number | 'refused'> {
    const leased = await database.transaction((trx) =>
      outboxStore.leaseDueJobs(trx, lane, clock.now(), leaseMs, relayBatchRows),
    );
    if (leased.length === 0) return 0;
    try {
      await queue.publish(leased.map((jobId) => ({ jobId, lane })));
      return leased.length;
    } catch (error) {
      await database.transaction((trx) => outboxStore.releaseJobs(trx, leased));
      if (!(error instanceof QueueFullError)) log.error({ err: error }, 'jobs could not be handed to the queue');
      return 'refused';
    }
  }

  /** Lane by lane, so that a full one keeps none of the others waiting. Returns whether everything due was carried. */
  async function relayLanes(): Promise<boolean> {
    let all = true;
    for (const lane of lanes) {
      let carried: number | 'refused' = relayBatchRows;
      while (!stopping.signal.aborted && carried === relayBatchRows) carried = await relayOnce(lane);
      if (carried === 'refused') all = false;
    }
    return all;
  }

  async function relay(): Promise<void> {
    let all = true;
    roomAtDepth = undefined;
    do {
      again = false;
      all = await relayLanes();
    } while (again && !stopping.signal.aborted);
    if (!all) roomAtDepth = queue.depth() - relayBatchRows;
    const next = all ? await outboxStore.findNextRunAt(database.reader) : undefined;
    const waitMs = next === undefined ? pollMs : Math.min(pollMs, Math.max(0, next - clock.now()));
    if (!stopping.signal.aborted) timer = setTimeout(wake, Math.max(1, waitMs)).unref();
  }

  function wake(): void {
    if (stopping.signal.aborted) return;
    if (relaying !== undefined) {
      again = true;
      return;
    }
    clearTimeout(timer);
    relaying = relay()
      .catch((error: unknown) => {
        log.error({ err: error }, 'the outbox could not be read');
        timer = setTimeout(wake, pollMs).unref();
      })
      .finally(() => {
        relaying = undefined;
        if (again) wake();
        changed();
      });
  }

  async function handle(jobId: number): Promise<void> {
    if (stopping.signal.aborted) return;
    const row = await outboxStore.findJob(database.reader, jobId);
    if (row === undefined || row.state !== 'pending' || row.run_at > clock.now()) return;
    running += 1;
    const startedAt = clock.now();
    const heartbeat = setInterval(() => {
      void database
        .transaction((trx) => outboxStore.extendLease(trx, jobId, clock.now() + leaseMs))
        .catch((error: unknown) => log.error({ err: error, jobId }, 'a job lease could not be extended'));
    }, heartbeatMs);
    try {
      await runRow(row);
      await database.transaction((trx) => outboxStore.deleteJob(trx, jobId));
      log.debug({ jobId, job: row.name, durationMs: clock.now() - startedAt }, 'job done');
    } catch (error) {
      await afterFailure(row, error);
    } finally {
      clearInterval(heartbeat);
      running -= 1;
      changed();
      if (roomAtDepth !== undefined && queue.depth() <= roomAtDepth) wake();
    }
  }

  async function runRow(row: OutboxRow): Promise<void> {
    if (!isJobName(row.name)) throw new UnreadableRowError(`there is no job named ${row.name}`);
    await runNamed(row.name, row.payload);
  }

  async function runNamed<N extends JobName>(name: N, payload: string): Promise<void> {
    const signal = AbortSignal.any([stopping.signal, AbortSignal.timeout(jobDefinitions[name].timeoutMs)]);
    await handlers[name].run(parsePayload(name, payload), { signal });
    signal.throwIfAborted();
  }

  async function giveUp<N extends JobName>(name: N, payload: string): Promise<void> {
    await handlers[name].gaveUp?.(parsePayload(name, payload));
  }

  async function afterFailure(row: OutboxRow, error: unknown): Promise<void> {
    if (stopping.signal.aborted) {
      await database.transaction((trx) => outboxStore.releaseJobs(trx, [row.id]));
      return;
    }
    const attempts = row.attempts + 1;
    // What cannot be read will not be readable later, and there is nothing that its handler could be told.
    const name = isJobName(row.name) && !(error instanceof UnreadableRowError) ? row.name : undefined;
    const dead = name === undefined || attempts >= jobDefinitions[name].maxAttempts;
    const message = error instanceof Error ? error.message : String(error);
    log.error({ err: error, jobId: row.id, job: row.name, attempts, dead }, dead ? 'job given up' : 'job failed');
    if (dead && name !== undefined) await giveUp(name, row.payload);
    await database.transaction((trx) =>
      outboxStore.updateAfterFailure(trx, row.id, {
        attempts,
        state: dead ? 'dead' : 'pending',
        run_at: clock.now() + Math.min(backoffMaxMs, backoffFirstMs * 2 ** Math.min(attempts - 1, 20)),
        last_error: message.slice(0, errorMaxCharacters),
      }),
    );
    wake();
  }

  async function handleSafely(jobId: number): Promise<void> {
    try {
      await handle(jobId);
    } catch (error) {
      // The row keeps its lease and is taken up again when it has run out.
      log.error({ err: error, jobId }, 'a job could not be brought to an end');
    }
  }

  return {
    wake,
    start: async () => {
      const concurrency: Record<Lane, number> = { quick: quickConcurrency, media: deps.mediaConcurrency };
      for (const lane of lanes) {
        await queue.consume(lane, concurrency[lane], (message) => handleSafely(message.jobId));
      }
      wake();
    },
    processAll: async () => {
      for (;;) {
        const busy = relaying !== undefined || running > 0 || queue.depth() > 0;
        if (!busy && (await outboxStore.countDueJobs(database.reader, clock.now())) === 0) return;
        // Only when nothing is under way: a relay that is asked again and again never lets the event loop turn.
        if (!busy) wake();
        await nextChange();
      }
    },
    close: async () => {
      stopping.abort(new Error('the server is stopping'));
      clearTimeout(timer);
      await relaying;
      await queue.close();
    },
  };
}

/** The row was not written by this version, or by nobody: trying again is for nothing. */
class UnreadableRowError extends Error {
  override readonly name = 'UnreadableRowError';
}

function parsePayload<N extends JobName>(name: N, payload: string): JobPayload<N>;
function parsePayload(name: JobName, payload: string): unknown {
  try {
    return Parse(jobDefinitions[name].payload, JSON.parse(payload));
  } catch (error) {
    throw new UnreadableRowError(`the payload is none of ${name}`, { cause: error });
  }
}
