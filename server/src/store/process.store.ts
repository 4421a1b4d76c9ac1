import type { ProcessRow, Reader, Transaction } from '../db/index.ts';

/** All numbers, in order: there are as many rows as numbers. */
export async function listProcesses(db: Reader): Promise<ProcessRow[]> {
  return await db.selectFrom('processes').selectAll().where('node', '>=', 0).orderBy('node', 'asc').execute();
}

/** Takes a number as it was `seen`. Returns false if another process was quicker, or its owner is there after all. */
export async function takeNumber(
  trx: Transaction,
  seen: ProcessRow,
  taken: Omit<ProcessRow, 'node'>,
): Promise<boolean> {
  return await update(trx, seen, { owner: seen.owner, lease_until: seen.lease_until }, taken);
}

/** Moves the end of a lease on. Returns false if the number is not that owner's any more. */
export async function extendNumber(trx: Transaction, held: Omit<ProcessRow, 'role'>): Promise<boolean> {
  return await update(trx, held, { owner: held.owner }, { lease_until: held.lease_until });
}

/** Gives a number back: whoever takes it next begins at the end of the lease. */
export async function releaseNumber(trx: Transaction, held: Omit<ProcessRow, 'role'>): Promise<void> {
  await update(trx, held, { owner: held.owner }, { owner: '', role: '', lease_until: held.lease_until });
}

async function update(
  trx: Transaction,
  { node }: Pick<ProcessRow, 'node'>,
  seen: Partial<ProcessRow>,
  change: Partial<ProcessRow>,
): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('processes')
    .set(change)
    .where('node', '=', node)
    .where((e) => e.and(seen))
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}
