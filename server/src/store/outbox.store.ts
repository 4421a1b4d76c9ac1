import type { OutboxRow, OutboxState, Reader, Transaction } from '../db/index.ts';
import type { Backlog } from '../ports/index.ts';

/** An outbox row and the run that has it, null if none has. */
export type Job = OutboxRow & { readonly claimed_by: string | null };

export async function findJob(db: Reader, id: number): Promise<Job | undefined> {
  return await db.selectFrom('outbox').selectAll().where('id', '=', id).executeTakeFirst();
}

export async function findJobByDedupeKey(db: Reader, key: string): Promise<Job | undefined> {
  return await db.selectFrom('outbox').selectAll().where('dedupe_key', '=', key).executeTakeFirst();
}

/** Adds rows; one whose dedupe key is there already is left out. */
export async function insertJobs(trx: Transaction, rows: readonly OutboxRow[]): Promise<void> {
  if (rows.length === 0) return;
  await trx
    .insertInto('outbox')
    .values([...rows])
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/**
 * Takes up to `limit` due rows of a lane that nobody has, oldest first, for `leaseMs`, to carry them to a worker; returns
 * their ids. A run whose lease is over has lost its row with this.
 */
export async function leaseDueJobs(
  trx: Transaction,
  lane: string,
  now: number,
  leaseMs: number,
  limit: number,
): Promise<number[]> {
  const due = await trx
    .selectFrom('outbox')
    .select('id')
    .where('state', '=', 'pending')
    .where('lane', '=', lane)
    .where('run_at', '<=', now)
    .where((e) => e.or([e('lease_until', 'is', null), e('lease_until', '<=', now)]))
    .orderBy('run_at', 'asc')
    .limit(limit)
    // Those that another process is taking, or that a transaction is ending, are not waited for.
    .forUpdate()
    .skipLocked()
    .execute();
  const ids = due.map((row) => row.id);
  if (ids.length > 0)
    await trx
      .updateTable('outbox')
      .set({ lease_until: now + leaseMs, claimed_by: null })
      .where('id', 'in', ids)
      .execute();
  return ids;
}

/** When the next pending row that nobody has becomes due; undefined if there is none. */
export async function findNextRunAt(db: Reader): Promise<number | undefined> {
  const row = await db
    .selectFrom('outbox')
    .select('run_at')
    .where('state', '=', 'pending')
    .where('lease_until', 'is', null)
    .orderBy('run_at', 'asc')
    .limit(1)
    .executeTakeFirst();
  return row?.run_at;
}

/** The run that a change is for: a row that another has meanwhile is left alone. */
const isOf = (owner: string | null) => ['claimed_by', owner === null ? 'is' : '=', owner] as const;

/**
 * Takes a row for a run, if it is pending, due at `dueBy` and no other run has it. Returns undefined if not: the job is done,
 * another runs it, or its message came too early.
 */
export async function claimJob(
  trx: Transaction,
  id: number,
  claim: { readonly owner: string; readonly now: number; readonly dueBy: number; readonly leaseUntil: number },
): Promise<Job | undefined> {
  const { numUpdatedRows } = await trx
    .updateTable('outbox')
    .set({ claimed_by: claim.owner, lease_until: claim.leaseUntil })
    .where('id', '=', id)
    .where('state', '=', 'pending')
    .where('run_at', '<=', claim.dueBy)
    .where((e) => e.or([e('claimed_by', 'is', null), e('lease_until', '<=', claim.now)]))
    .executeTakeFirst();
  return numUpdatedRows > 0n ? await findJob(trx, id) : undefined;
}

/** Returns false if the row is not of that run any more. */
export async function extendLease(
  trx: Transaction,
  id: number,
  owner: string | null,
  leaseUntil: number,
): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('outbox')
    .set({ lease_until: leaseUntil })
    .where('id', '=', id)
    .where(...isOf(owner))
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** Gives rows back untouched, to be taken again at once: those of a run, or, with null, those that no run has. */
export async function releaseJobs(trx: Transaction, ids: readonly number[], owner: string | null): Promise<void> {
  if (ids.length === 0) return;
  await trx
    .updateTable('outbox')
    .set({ lease_until: null, claimed_by: null })
    .where('id', 'in', ids)
    .where(...isOf(owner))
    .execute();
}

/**
 * Voids every lease, for the start of the only process that works on this database. Rows whose dedupe key starts with
 * `dueNowPrefix` need not wait any longer, because what they wait for died with the process before.
 */
export async function releaseAllJobs(trx: Transaction, dueNowPrefix: string, now: number): Promise<void> {
  await trx.updateTable('outbox').set({ lease_until: null, claimed_by: null }).where('state', '=', 'pending').execute();
  await trx
    .updateTable('outbox')
    .set({ run_at: now })
    .where('state', '=', 'pending')
    .where('dedupe_key', 'like', `${dueNowPrefix}%`)
    .where('run_at', '>', now)
    .execute();
}

/** Returns false, and changes nothing, if the row is not of that run any more. */
export async function updateAfterFailure(
  trx: Transaction,
  id: number,
  owner: string | null,
  change: Pick<OutboxRow, 'attempts' | 'run_at' | 'state' | 'last_error'>,
): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('outbox')
    .set({ ...change, lease_until: null, claimed_by: null })
    .where('id', '=', id)
    .where(...isOf(owner))
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

export async function deleteJob(trx: Transaction, id: number): Promise<void> {
  await trx.deleteFrom('outbox').where('id', '=', id).execute();
}

/** Pending rows that are due at `now`, leased or not. */
export async function countDueJobs(db: Reader, now: number): Promise<number> {
  const row = await db
    .selectFrom('outbox')
    .select((e) => e.fn.countAll<number>().as('rows'))
    .where('state', '=', 'pending')
    .where('run_at', '<=', now)
    .executeTakeFirst();
  return row?.rows ?? 0;
}

/** Jobs of a state, those first that were due first. */
export async function listJobs(db: Reader, state: OutboxState, limit: number): Promise<Job[]> {
  return await db
    .selectFrom('outbox')
    .selectAll()
    .where('state', '=', state)
    .orderBy('run_at', 'asc')
    .limit(limit)
    .execute();
}

export async function countJobs(db: Reader, state: OutboxState): Promise<number> {
  const row = await db
    .selectFrom('outbox')
    .select((e) => e.fn.countAll<number>().as('rows'))
    .where('state', '=', state)
    .executeTakeFirst();
  return row?.rows ?? 0;
}

/** Makes a dead job pending and due, as if it had never run. Returns false if it is not dead. */
export async function reviveJob(trx: Transaction, id: number, now: number): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('outbox')
    .set({ state: 'pending', run_at: now, attempts: 0, lease_until: null, claimed_by: null, last_error: null })
    .where('id', '=', id)
    .where('state', '=', 'dead')
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** Removes a dead job. Returns false if it is not dead. */
export async function deleteDeadJob(trx: Transaction, id: number): Promise<boolean> {
  const { numDeletedRows } = await trx
    .deleteFrom('outbox')
    .where('id', '=', id)
    .where('state', '=', 'dead')
    .executeTakeFirst();
  return numDeletedRows > 0n;
}

/** Rows of one job after `afterId`, whatever their state, oldest first: along the ids, so that nothing has to be sorted. */
export async function listJobsNamed(
  db: Reader,
  name: string,
  afterId: number,
  limit: number,
): Promise<Pick<OutboxRow, 'id' | 'payload'>[]> {
  return await db
    .selectFrom('outbox')
    .select(['id', 'payload'])
    .where('name', '=', name)
    .where('id', '>', afterId)
    .orderBy('id', 'asc')
    .limit(limit)
    .execute();
}

export async function deleteJobs(trx: Transaction, ids: readonly number[]): Promise<void> {
  if (ids.length === 0) return;
  await trx.deleteFrom('outbox').where('id', 'in', ids).execute();
}

/** Rows that were to wait need not wait any longer. */
export async function makeJobsDue(trx: Transaction, ids: readonly number[], now: number): Promise<void> {
  if (ids.length === 0) return;
  await trx
    .updateTable('outbox')
    .set({ run_at: now })
    .where('id', 'in', ids)
    .where('state', '=', 'pending')
    .where('run_at', '>', now)
    .execute();
}

/** Rows of one kind that are counted at most: who watches the outbox must not be what makes it slow. */
const countMaxRows = 10_000;

/** What lies in the outbox at `now`: the oldest {@link countMaxRows} due rows by lane, and how many others there are. */
export async function findBacklog(db: Reader, now: number): Promise<Backlog> {
  const due = await db
    .selectFrom(
      db
        .selectFrom('outbox')
        .select(['lane', 'run_at', 'lease_until'])
        .where('state', '=', 'pending')
        .where('run_at', '<=', now)
        .orderBy('run_at', 'asc')
        .limit(countMaxRows)
        .as('due'),
    )
    .select((e) => [
      'lane',
      e.fn.countAll<number>().as('rows'),
      e.fn.min('run_at').as('oldest'),
      e.fn
        .min(
          e
            .case()
            .when(e.or([e('lease_until', 'is', null), e('lease_until', '<=', now)]))
            .then(e.ref('run_at'))
            .end(),
        )
        .as('oldestFree'),
    ])
    .groupBy('lane')
    .execute();
  const laterRows = await countRows(db, 'pending', now);
  const deadRows = await countRows(db, 'dead', undefined);
  return {
    lanes: due.map(({ lane, rows, oldest, oldestFree }) => ({
      lane,
      dueRows: Number(rows),
      oldestDueMs: now - Number(oldest),
      lagMs: oldestFree === null ? 0 : now - Number(oldestFree),
    })),
    laterRows,
    deadRows,
  };
}

async function countRows(db: Reader, state: OutboxRow['state'], after: number | undefined): Promise<number> {
  let rows = db.selectFrom('outbox').select('id').where('state', '=', state).limit(countMaxRows);
  if (after !== undefined) rows = rows.where('run_at', '>', after);
  const counted = await db
    .selectFrom(rows.as('counted'))
    .select((e) => e.fn.countAll<number>().as('rows'))
    .executeTakeFirst();
  return Number(counted?.rows ?? 0);
}
