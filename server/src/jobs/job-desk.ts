/**
 * Jobs as a person sees them: what waits, runs and has failed for good, to be tried again or dropped. The rows are the
 * truth; the broker's dead letters are a copy that goes with them.
 */
import type { Database } from '../db/index.ts';
import type { Clock, DeadLetter, DeadLetters } from '../ports/index.ts';
import { outboxStore } from '../store/index.ts';

export type JobState = 'waiting' | 'running' | 'dead';

export type ListedJob = {
  readonly id: number;
  readonly name: string;
  readonly payload: string;
  readonly state: JobState;
  readonly attempts: number;
  readonly lastError: string | null;
  readonly ageMs: number;
  /** Until the next run; 0 or less if it is due. */
  readonly dueInMs: number;
};

/** What became of the job that a dead letter is about. */
export type ListedLetter = DeadLetter & { readonly job: JobState | 'done' | 'unreadable' };

export type Outcome = {
  /** Rows that changed. */
  readonly jobs: number;
  /** Dead letters that were removed with them. */
  readonly letters: number;
  /** Of a single job that is not dead. */
  readonly instead?: JobState | 'done';
};

export interface JobDesk {
  /** Up to `limit` of each kind, and how many there are. */
  list(options: { readonly deadOnly: boolean; readonly limit: number }): Promise<{
    readonly jobs: readonly ListedJob[];
    readonly pending: number;
    readonly dead: number;
    readonly letters: readonly ListedLetter[];
  }>;
  find(id: number): Promise<ListedJob | undefined>;
  /** Makes dead jobs pending again, as if they had never run. */
  replay(which: number | 'all'): Promise<Outcome>;
  /** Removes a dead job, or the letters that name none. */
  discard(which: number | 'unreadable'): Promise<Outcome>;
}

/** Rows revived in one round; rounds go on until there is none. */
const batchRows = 100;

export function createJobDesk(deps: {
  readonly database: Database;
  readonly clock: Clock;
  /** Undefined where there is no broker, or it is away. */
  readonly letters: DeadLetters | undefined;
}): JobDesk {
  const { database, clock, letters } = deps;

  function listed(row: outboxStore.Job): ListedJob {
    const now = clock.now();
    const runs = row.claimed_by !== null && (row.lease_until ?? 0) > now;
    return {
      id: row.id,
      name: row.name,
      payload: row.payload,
      state: row.state === 'dead' ? 'dead' : runs ? 'running' : 'waiting',
      attempts: row.attempts,
      lastError: row.last_error,
      ageMs: now - row.created_at,
      dueInMs: row.run_at - now,
    };
  }

  async function find(id: number): Promise<ListedJob | undefined> {
    const row = await outboxStore.findJob(database.reader, id);
    return row === undefined ? undefined : listed(row);
  }

  async function listedLetters(limit: number): Promise<ListedLetter[]> {
    const all = (await letters?.list()) ?? [];
    const shown: ListedLetter[] = [];
    for (const letter of all.slice(0, limit)) {
      const job = letter.jobId === undefined ? 'unreadable' : ((await find(letter.jobId))?.state ?? 'done');
      shown.push({ ...letter, job });
    }
    return shown;
  }

  const removeLetters = async (which: (letter: DeadLetter) => boolean): Promise<number> =>
    (await letters?.remove(which)) ?? 0;

  async function changeOne(id: number, change: typeof outboxStore.deleteDeadJob): Promise<Outcome> {
    const changed = await database.transaction((trx) => change(trx, id));
    const instead = changed ? undefined : ((await find(id))?.state ?? 'done');
    const removed = await removeLetters(({ jobId }) => jobId === id);
    return { jobs: changed ? 1 : 0, letters: removed, ...(instead !== undefined && { instead }) };
  }

  async function replayAll(): Promise<Outcome> {
    const total = await outboxStore.countJobs(database.reader, 'dead');
    let jobs = 0;
    // No more than were dead when it began: one that dies again at once is not tried for ever.
    while (jobs < total) {
      const rows = await outboxStore.listJobs(database.reader, 'dead', Math.min(batchRows, total - jobs));
      if (rows.length === 0) break;
      for (const { id } of rows) {
        await database.transaction((trx) => outboxStore.reviveJob(trx, id, clock.now()));
      }
      jobs += rows.length;
    }
    return { jobs, letters: await removeLetters(({ jobId }) => jobId !== undefined) };
  }

  return {
    list: async ({ deadOnly, limit }) => {
      const dead = await outboxStore.listJobs(database.reader, 'dead', limit);
      const pending = deadOnly ? [] : await outboxStore.listJobs(database.reader, 'pending', limit);
      return {
        jobs: [...pending, ...dead].map(listed),
        pending: await outboxStore.countJobs(database.reader, 'pending'),
        dead: await outboxStore.countJobs(database.reader, 'dead'),
        letters: await listedLetters(limit),
      };
    },
    find,
    replay: async (which) =>
      which === 'all'
        ? await replayAll()
        : await changeOne(which, (trx, id) => outboxStore.reviveJob(trx, id, clock.now())),
    discard: async (which) =>
      which === 'unreadable'
        ? { jobs: 0, letters: await removeLetters(({ jobId }) => jobId === undefined) }
        : await changeOne(which, outboxStore.deleteDeadJob),
  };
}
