import type { OutboxRow, Reader, Transaction } from '../db/index.ts';

export async function findJob(db: Reader, id: number): Promise<OutboxRow | undefined> {
  return await db.selectFrom('outbox').selectAll().where('id', '=', id).executeTakeFirst();
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

/** Takes up to `limit` due rows of a lane that nobody has, oldest first, for `leaseMs`; returns their ids. */
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
    .execute();
  const ids = due.map((row) => row.id);
  if (ids.length > 0)
    await trx
      .updateTable('outbox')
      .set({ lease_until: now + leaseMs })
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

export async function extendLease(trx: Transaction, id: number, leaseUntil: number): Promise<void> {
  await trx.updateTable('outbox').set({ lease_until: leaseUntil }).where('id', '=', id).execute();
}

/** Gives rows back untouched, to be taken again at once. */
export async function releaseJobs(trx: Transaction, ids: readonly number[]): Promise<void> {
  if (ids.length === 0) return;
  await trx.updateTable('outbox').set({ lease_until: null }).where('id', 'in', ids).execute();
}

/**
 * Voids every lease, for the start of the only process that works on this database. Rows whose dedupe key starts with
 * `dueNowPrefix` need not wait any longer, because what they wait for died with the process before.
 */
export async function releaseAllJobs(trx: Transaction, dueNowPrefix: string, now: number): Promise<void> {
  await trx.updateTable('outbox').set({ lease_until: null }).where('state', '=', 'pending').execute();
  await trx
    .updateTable('outbox')
    .set({ run_at: now })
    .where('state', '=', 'pending')
    .where('dedupe_key', 'like', `${dueNowPrefix}%`)
    .where('run_at', '>', now)
    .execute();
}

export async function updateAfterFailure(
  trx: Transaction,
  id: number,
  change: Pick<OutboxRow, 'attempts' | 'run_at' | 'state' | 'last_error'>,
): Promise<void> {
  await trx
    .updateTable('outbox')
    .set({ ...change, lease_until: null })
    .where('id', '=', id)
    .execute();
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
