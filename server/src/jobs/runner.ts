/**
 * The workers behind the queue, and the relay before it. A worker takes the row that a message names, runs its handler and
 * deletes it, or plans the next attempt. The row is the truth throughout: messages may come twice, late or not at all.
 */
import { randomBytes } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { Parse } from 'typebox/schema';
import type { Database, OutboxRow } from '../db/index.ts';
import {
  type Clock,
  GivenUpError,
  type JobOutcome,
  type Lane,
  lanes,
  type Metrics,
  type Queue,
  type QueueMessage,
  type Tracer,
} from '../ports/index.ts';
import { outboxStore } from '../store/index.ts';
import { isJobName, type JobHandlers, type JobName, type JobPayload, jobDefinitions } from './registry.ts';
import { createRelay } from './relay.ts';

/**
 * A row is its run's for this long. A worker that lives extends it three times as often; the job of one that died is taken
 * over when it has run out. Media runs are long: a worker that is only slow should not lose one.
 */
const claimLeaseMs: Readonly<Record<Lane, number>> = { quick: 5_000, media: 30_000 };
const heartbeatsPerLease = 3;
/**
 * A row that is due by the clock of the process that sent it may not be due yet by this one's. Clocks of one installation
 * are expected to be this close.
 */
const clockSkewMs = 1_000;
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

export interface JobRunner {
  /** Looks for due rows at once. */
  wake(): void;
  start(): Promise<void>;
  /** Resolves when no due row is left and nothing runs here: for tests and for an orderly end. */
  processAll(): Promise<void>;
  /** Aborts what runs; its rows are given back, to be taken up by another process or at the next start. */
  close(): Promise<void>;
}

/** A row, and the run that has it: null where no other process could take it. */
type Taken = { readonly row: OutboxRow; readonly owner: string | null };

export function createJobRunner(deps: {
  readonly database: Database;
  readonly queue: Queue;
  readonly clock: Clock;
  readonly handlers: JobHandlers;
  readonly log: JobLog;
  /** Media jobs at once. */
  readonly mediaConcurrency: number;
  readonly metrics?: Pick<Metrics, 'jobEnded'>;
  readonly tracer?: Tracer | undefined;
  /** Whether this process does jobs, and not only hands them to others. */
  readonly consumes: boolean;
  /**
   * Whether no other process works on this database and the queue never gives a job twice. Rows then need not be claimed,
   * which saves a commit for each job.
   */
  readonly alone: boolean;
}): JobRunner {
  const { database, queue, clock, handlers, log, tracer } = deps;
  /** A row may carry a name that is no job's: it must not become one of the names that are counted by. */
  const ended = (row: OutboxRow, outcome: JobOutcome, durationMs: number): void =>
    deps.metrics?.jobEnded(isJobName(row.name) ? row.name : 'other', outcome, durationMs);
  const stopping = new AbortController();
  const self = randomBytes(8).toString('hex');
  let runs = 0;
  let running = 0;
  const waiters = new Set<() => void>();

  const changed = (): void => {
    for (const waiter of waiters) waiter();
  };
  const relay = createRelay({ database, queue, clock, log, tracer, changed });

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

  async function take({ jobId, lane }: QueueMessage): Promise<Taken | undefined> {
    const now = clock.now();
    if (deps.alone) {
      const row = await outboxStore.findJob(database.reader, jobId);
      return row === undefined || row.state !== 'pending' || row.run_at > now ? undefined : { row, owner: null };
    }
    runs += 1;
    const claim = { owner: `${self}.${runs}`, now, dueBy: now + clockSkewMs, leaseUntil: now + claimLeaseMs[lane] };
    const row = await database.transaction((trx) => outboxStore.claimJob(trx, jobId, claim));
    return row === undefined ? undefined : { row, owner: claim.owner };
  }

  /** Extends the lease of a run as long as it lasts; `lost` is called when another process has the row. */
  function keepLease({ row, owner }: Taken, lane: Lane, lost: () => void): NodeJS.Timeout {
    return setInterval(() => {
      void database
        .transaction((trx) => outboxStore.extendLease(trx, row.id, owner, clock.now() + claimLeaseMs[lane]))
        .then((extended) => {
          if (!extended && owner !== null) lost();
        })
        .catch((error: unknown) => log.error({ err: error, jobId: row.id }, 'a job lease could not be extended'));
    }, claimLeaseMs[lane] / heartbeatsPerLease);
  }

  async function handle(message: QueueMessage): Promise<void> {
    running += 1;
    try {
      const taken = await take(message);
      if (taken !== undefined) await run(taken, message.lane);
    } finally {
      running -= 1;
      changed();
      relay.jobEnded();
    }
  }

  async function run(taken: Taken, lane: Lane): Promise<void> {
    const { row } = taken;
    const startedAt = clock.now();
    const lost = new AbortController();
    const heartbeat = keepLease(taken, lane, () =>
      lost.abort(new LostRunError('another process has taken the job over')),
    );
    try {
      await runTraced(row, AbortSignal.any([stopping.signal, lost.signal]));
      // Whoever may have the row by now: the job is done.
      await database.transaction((trx) => outboxStore.deleteJob(trx, row.id));
      ended(row, 'done', clock.now() - startedAt);
      log.debug({ jobId: row.id, job: row.name, durationMs: clock.now() - startedAt }, 'job done');
    } catch (error) {
      await afterFailure(taken, error, { lost: lost.signal.aborted, startedAt });
    } finally {
      clearInterval(heartbeat);
    }
  }

  async function runTraced(row: OutboxRow, signal: AbortSignal): Promise<void> {
    if (tracer === undefined) return await runRow(row, signal);
    const attributes = { 'job.name': row.name, 'job.id': row.id, 'job.attempt': row.attempts + 1 };
    await tracer.background(`job ${row.name}`, attributes, () => runRow(row, signal));
  }

  async function runRow(row: OutboxRow, signal: AbortSignal): Promise<void> {
    if (!isJobName(row.name)) throw new UnreadableRowError(`there is no job named ${row.name}`);
    await runNamed(row.name, row.payload, signal);
  }

  async function runNamed<N extends JobName>(name: N, payload: string, ended: AbortSignal): Promise<void> {
    const signal = AbortSignal.any([ended, AbortSignal.timeout(jobDefinitions[name].timeoutMs)]);
    await handlers[name].run(parsePayload(name, payload), { signal });
    signal.throwIfAborted();
  }

  async function giveUp<N extends JobName>(name: N, payload: string): Promise<void> {
    await handlers[name].gaveUp?.(parsePayload(name, payload));
  }

  async function afterFailure(
    { row, owner }: Taken,
    error: unknown,
    { lost, startedAt }: { readonly lost: boolean; readonly startedAt: number },
  ): Promise<void> {
    if (stopping.signal.aborted) {
      await database.transaction((trx) => outboxStore.releaseJobs(trx, [row.id], owner));
      return;
    }
    const attempts = row.attempts + 1;
    if (lost) {
      log.error({ err: error, jobId: row.id, job: row.name, attempts }, 'job left to the process that took it over');
      return;
    }
    // What cannot be read will not be readable later, and there is nothing that its handler could be told.
    const name = isJobName(row.name) && !(error instanceof UnreadableRowError) ? row.name : undefined;
    const dead = name === undefined || attempts >= jobDefinitions[name].maxAttempts;
    const message = error instanceof Error ? error.message : String(error);
    ended(row, dead ? 'dead' : 'failed', clock.now() - startedAt);
    log.error({ err: error, jobId: row.id, job: row.name, attempts, dead }, dead ? 'job given up' : 'job failed');
    if (dead && name !== undefined) await giveUp(name, row.payload);
    const noted = await database.transaction((trx) =>
      outboxStore.updateAfterFailure(trx, row.id, owner, {
        attempts,
        state: dead ? 'dead' : 'pending',
        run_at: clock.now() + Math.min(backoffMaxMs, backoffFirstMs * 2 ** Math.min(attempts - 1, 20)),
        last_error: message.slice(0, errorMaxCharacters),
      }),
    );
    relay.wake();
    if (dead && noted) throw new GivenUpError(message);
  }

  async function handleOrReport(message: QueueMessage): Promise<void> {
    // Not run here any more: the carrier brings it to another process, or the relay does after the next start.
    stopping.signal.throwIfAborted();
    try {
      await handle(message);
    } catch (error) {
      if (!(error instanceof GivenUpError)) {
        // The row keeps its lease and is taken up again when it has run out.
        log.error({ err: error, jobId: message.jobId }, 'a job could not be brought to an end');
      }
      throw error;
    }
  }

  return {
    wake: relay.wake,
    start: async () => {
      const concurrency: Record<Lane, number> = { quick: quickConcurrency, media: deps.mediaConcurrency };
      if (deps.consumes) for (const lane of lanes) await queue.consume(lane, concurrency[lane], handleOrReport);
      relay.wake();
    },
    processAll: async () => {
      for (;;) {
        const busy = relay.busy() || running > 0 || queue.depth() > 0;
        if (!busy && (await outboxStore.countDueJobs(database.reader, clock.now())) === 0) return;
        // Only when nothing is under way here: a relay that is asked again and again never lets the event loop turn. What is
        // due may be on its way to another process, or back from the broker.
        if (!busy) relay.wake();
        await nextChange();
        if (!busy) await setImmediate();
      }
    },
    close: async () => {
      stopping.abort(new Error('the server is stopping'));
      await relay.stop();
      await queue.close();
    },
  };
}

class LostRunError extends Error {
  override readonly name = 'LostRunError';
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
