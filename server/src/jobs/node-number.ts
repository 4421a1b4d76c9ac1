/**
 * The number that a process makes its ids with, one of 64, taken from a table for a while at a time. What it is good for is
 * said in terms of the ids: whoever holds a number makes ids for moments before the end of the lease alone, and whoever
 * takes it next for moments from that end on. So no two processes ever make the same id, whatever their clocks say and
 * however long one of them was stopped.
 */
import { randomBytes } from 'node:crypto';
import type { Database } from '../db/index.ts';
import type { Clock, NodeNumber } from '../ports/index.ts';
import { processStore } from '../store/index.ts';
import type { JobLog } from './runner.ts';

/** How long the database may be away, or a process stopped, before it makes no more ids; and a dead one keeps its number. */
const leaseMs = 30_000;
const renewEveryMs = 5_000;
/** When the database did not answer: writes wait for it as well. */
const renewAgainMs = 1_000;

export type ClaimedNumber = NodeNumber & {
  /** Moves the end of the lease on, or takes another number if this one is lost. By itself every few seconds. */
  renew(): Promise<void>;
  /** Gives the number back, if the database answers. No id is made after that. */
  close(): Promise<void>;
};

/** Rejects if all numbers are taken. */
export async function claimNodeNumber(deps: {
  readonly database: Database;
  readonly clock: Clock;
  readonly role: string;
  readonly log: JobLog;
  /** The moment of the newest id that is stored: those of this process are to be newer. */
  readonly afterMs: number;
}): Promise<ClaimedNumber> {
  const { database, clock, role, log } = deps;
  const owner = randomBytes(16).toString('hex');
  /** The latest moment that an id was made for. */
  let seenMs = deps.afterMs;
  let closed = false;
  let timer: NodeJS.Timeout | undefined;

  /** What the next id would be for, at the least: a clock that was set back does not set ids back. */
  const nowMs = (): number => Math.max(clock.now(), seenMs + 1);

  async function claim(): Promise<{ node: number; fromMs: number; untilMs: number }> {
    const now = nowMs();
    const processes = await processStore.listProcesses(database.reader);
    const over = processes.filter((one) => one.lease_until <= now);
    // Given back by a process whose clock was ahead of this one's: ids with it begin where its own ended.
    const ahead = processes.filter((one) => one.lease_until > now && one.owner === '');
    // Many that start at once should not all want the same one.
    const first = Math.floor(Math.random() * over.length);
    for (const seen of [...over.slice(first), ...over.slice(0, first), ...ahead]) {
      const fromMs = Math.max(now, seen.lease_until);
      const untilMs = fromMs + leaseMs;
      const taken = { owner, role, lease_until: untilMs };
      if (await database.transaction((trx) => processStore.takeNumber(trx, seen, taken))) {
        seenMs = Math.max(seenMs, fromMs - 1);
        return { node: seen.node, fromMs, untilMs };
      }
    }
    throw new Error(
      `DATABASE_URL: ${processes.length} processes work on this database already, and no more can. Stop one; the number of one that was killed is free after ${leaseMs / 1_000} s.`,
    );
  }

  let held = await claim();

  async function renew(): Promise<void> {
    const { node } = held;
    const untilMs = nowMs() + leaseMs;
    const extended = { node, owner, lease_until: untilMs };
    if (await database.transaction((trx) => processStore.extendNumber(trx, extended))) {
      if (!closed) held = { ...held, untilMs };
      return;
    }
    log.error({ node }, 'the number of this process was taken over: it takes another');
    held = await claim();
  }

  function renewLater(afterMs: number): void {
    timer = setTimeout(() => {
      renewing = renew()
        .then(
          () => renewEveryMs,
          (error: unknown) => {
            log.error({ err: error, node: held.node }, 'the number of this process could not be renewed');
            return renewAgainMs;
          },
        )
        .then((nextMs) => {
          if (!closed) renewLater(nextMs);
        });
    }, afterMs).unref();
  }
  let renewing: Promise<void> = Promise.resolve();
  renewLater(renewEveryMs);

  return {
    get node() {
      return held.node;
    },
    get fromMs() {
      return held.fromMs;
    },
    holds: (ms) => {
      if (closed || ms >= held.untilMs) return false;
      seenMs = Math.max(seenMs, ms);
      return true;
    },
    renew,
    close: async () => {
      closed = true;
      clearTimeout(timer);
      await renewing;
      // Whoever is next begins after the last id, and never among those of who had the number before.
      const released = { node: held.node, owner, lease_until: seenMs + 1 };
      try {
        await database.transaction((trx) => processStore.releaseNumber(trx, released));
      } catch (error) {
        // It is free when its lease is over.
        log.error({ err: error, node: held.node }, 'the number of this process could not be given back');
      }
    },
  };
}
