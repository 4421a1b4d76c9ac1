/**
 * Who may write to an upload, or publish it: one at a time, among all processes. Within a process a map says it; among several,
 * a lease in the upload's row. Whoever asks makes the holder give way: most often it is the request of a connection that was
 * lost without this side knowing, and the asker is the same client, which wants to go on.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Database } from '../../db/index.ts';
import type { Clock } from '../../ports/index.ts';
import { uploadStore } from '../../store/index.ts';

/** The lock of a process that died is free after this. */
const leaseMs = 5_000;
/** How often a holder moves the end of its lease on, and learns that somebody else wants it. */
const heartbeatMs = 1_000;
const lookAgainMs = 250;
/** Longest wait for a lock. */
const waitMs = 10_000;

/** The lock was not to be had in time. */
export class UploadLockedError extends Error {
  override readonly name = 'UploadLockedError';
}

export interface UploadLocks {
  /**
   * Waits for the lock and resolves with what gives it back. `makeWay` is called when somebody else wants it, or when it is
   * lost. Rejects with {@link UploadLockedError} if it cannot be had, or when `signal` is aborted.
   */
  acquire(id: string, options: { readonly signal?: AbortSignal; readonly makeWay: () => void }): Promise<Release>;
}
export type Release = () => Promise<void>;

type Holder = { readonly makeWay: () => void; readonly released: Promise<void> };

export function createUploadLocks(deps: {
  readonly database: Database;
  readonly clock: Clock;
  /** Whether no other process works on this database: then rows need not say anything. */
  readonly alone: boolean;
}): UploadLocks {
  const { database, clock } = deps;
  const self = randomBytes(8).toString('hex');
  const held = new Map<string, Holder>();
  let locks = 0;

  async function lease(id: string, late: AbortSignal, makeWay: () => void): Promise<Release> {
    locks += 1;
    const owner = `${self}.${locks}`;
    const take = (): Promise<boolean> => {
      const now = clock.now();
      return database.transaction((trx) => uploadStore.takeLock(trx, id, { owner, now, until: now + leaseMs }));
    };
    while (!(await take())) await pause(lookAgainMs, undefined, { signal: late }).catch(throwLocked);
    const heartbeat = setInterval(() => {
      void database
        .transaction((trx) => uploadStore.extendLock(trx, id, { owner, until: clock.now() + leaseMs }))
        .then((is) => is !== 'held' && makeWay())
        // If the database stays away, the lease ends and another writer begins: this one had better stop.
        .catch(makeWay);
    }, heartbeatMs);
    return async () => {
      clearInterval(heartbeat);
      // If it cannot be given back now, it ends by itself.
      await database.transaction((trx) => uploadStore.releaseLock(trx, id, owner)).catch(() => undefined);
    };
  }

  return {
    acquire: async (id, { signal, makeWay }) => {
      const timeout = AbortSignal.timeout(waitMs);
      const late = signal === undefined ? timeout : AbortSignal.any([timeout, signal]);
      for (let holder = held.get(id); holder !== undefined; holder = held.get(id)) {
        holder.makeWay();
        await unless(late, holder.released);
      }
      let free = (): void => undefined;
      const released = new Promise<void>((resolve) => {
        free = resolve;
      });
      held.set(id, { makeWay, released });
      const giveBack = (): void => {
        held.delete(id);
        free();
      };
      try {
        const end = deps.alone ? async () => undefined : await lease(id, late, makeWay);
        return () => end().finally(giveBack);
      } catch (error) {
        giveBack();
        throw error;
      }
    },
  };
}

function throwLocked(): never {
  throw new UploadLockedError('another request has the upload');
}

/** Waits for `work`, but not longer than until `late` is aborted. */
async function unless(late: AbortSignal, work: Promise<void>): Promise<void> {
  if (late.aborted) throwLocked();
  const waiting = new AbortController();
  const aborted = new Promise<void>((_resolve, reject) => {
    late.addEventListener('abort', reject, { once: true, signal: waiting.signal });
  });
  await Promise.race([work, aborted])
    .catch(throwLocked)
    .finally(() => waiting.abort());
}
