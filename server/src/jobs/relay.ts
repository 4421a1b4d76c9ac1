/**
 * The relay: takes due outbox rows and hands their ids to the queue. Any number of processes may have one; the lease on a
 * row says which of them carries it.
 */
import type { Database } from '../db/index.ts';
import { type Clock, type Lane, lanes, type Queue, QueueFullError, type Tracer } from '../ports/index.ts';
import { outboxStore } from '../store/index.ts';
import type { JobLog } from './runner.ts';

/** A row that is carried comes to a worker within this; if it does not, its message is lost and it is sent again. */
const carryLeaseMs = 30_000;
/** Rows carried per round. */
const relayBatchRows = 64;
/** The longest wait before looking again when nothing woke the relay: also how late a dead worker's job is found. */
const pollMs = 2_000;
/** A carrier that refused is left alone for this long, whatever wakes the relay: each try costs two transactions. */
const refusedRetryMs = 250;

export interface Relay {
  /** Looks for due rows at once. */
  wake(): void;
  busy(): boolean;
  /** A job has ended: a queue that was full may have room. */
  jobEnded(): void;
  /** Resolves when what it was doing is done; it does nothing more. */
  stop(): Promise<void>;
}

export function createRelay(deps: {
  readonly database: Database;
  readonly queue: Queue;
  readonly clock: Clock;
  readonly log: JobLog;
  readonly tracer: Tracer | undefined;
  /** Called when a round has ended. */
  readonly changed: () => void;
}): Relay {
  const { database, queue, clock, log, tracer } = deps;
  let stopped = false;
  let relaying: Promise<void> | undefined;
  let again = false;
  let timer: NodeJS.Timeout | undefined;
  /** After the queue was full: the depth at which it has room for another batch. Asking sooner would be for nothing. */
  let roomAtDepth: number | undefined;
  /** Whether the carrier was away when it was tried last; said once, not with each try. */
  let away = false;
  /** By lane, on the process's own clock. */
  const refusedUntilMs = new Map<Lane, number>();

  /** Carries one batch of a lane; returns how many rows that were, or that the queue takes no more. */
  async function relayOnce(lane: Lane): Promise<number | 'refused'> {
    const leased = await database.transaction((trx) =>
      outboxStore.leaseDueJobs(trx, lane, clock.now(), carryLeaseMs, relayBatchRows),
    );
    if (leased.length === 0) return 0;
    try {
      await queue.publish(leased.map((jobId) => ({ jobId, lane })));
      away = false;
      return leased.length;
    } catch (error) {
      refusedUntilMs.set(lane, performance.now() + refusedRetryMs);
      const full = error instanceof QueueFullError;
      const reason = error instanceof Error ? error.message : String(error);
      if (!full && !away) log.error({ reason }, 'jobs could not be handed to the queue: they wait in the outbox');
      away = !full;
      // Some may have arrived in spite of it, and a worker may have one already: that one is left alone.
      await database.transaction((trx) => outboxStore.releaseJobs(trx, leased, null));
      return 'refused';
    }
  }

  const refusesNow = (lane: Lane): boolean => performance.now() < (refusedUntilMs.get(lane) ?? 0);

  /** Lane by lane, so that a full one keeps none of the others waiting. Returns whether everything due was carried. */
  async function relayLanes(): Promise<boolean> {
    let all = true;
    for (const lane of lanes) {
      let carried: number | 'refused' = refusesNow(lane) ? 'refused' : relayBatchRows;
      while (!stopped && carried === relayBatchRows) carried = await relayOnce(lane);
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
    } while (again && !stopped);
    if (!all) roomAtDepth = queue.depth() - relayBatchRows;
    const next = all ? await outboxStore.findNextRunAt(database.reader) : undefined;
    const waitMs = next === undefined ? pollMs : Math.min(pollMs, Math.max(0, next - clock.now()));
    if (!stopped) timer = setTimeout(wake, Math.max(1, waitMs)).unref();
  }

  function wake(): void {
    if (stopped) return;
    if (relaying !== undefined) {
      again = true;
      return;
    }
    clearTimeout(timer);
    // Not within the request that woke it.
    relaying = (tracer === undefined ? relay() : tracer.outside(relay))
      .catch((error: unknown) => {
        log.error({ err: error }, 'the outbox could not be read');
        timer = setTimeout(wake, pollMs).unref();
      })
      .finally(() => {
        relaying = undefined;
        if (again) wake();
        deps.changed();
      });
  }

  return {
    wake,
    busy: () => relaying !== undefined,
    jobEnded: () => {
      if (roomAtDepth === undefined || queue.depth() > roomAtDepth) return;
      refusedUntilMs.clear();
      wake();
    },
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await relaying;
    },
  };
}
