import type { BlobAuditRow, Reader, Transaction } from '../db/index.ts';

export async function findAudit(db: Reader, id: number): Promise<BlobAuditRow | undefined> {
  return await db.selectFrom('blob_audits').selectAll().where('id', '=', id).executeTakeFirst();
}

/** The one that was asked for last. */
export async function findLastAudit(db: Reader): Promise<BlobAuditRow | undefined> {
  return await db.selectFrom('blob_audits').selectAll().orderBy('id', 'desc').limit(1).executeTakeFirst();
}

export async function insertAudit(trx: Transaction, row: BlobAuditRow): Promise<void> {
  await trx.insertInto('blob_audits').values(row).execute();
}

/** Returns false if there is none of that id. */
export async function updateAudit(
  trx: Transaction,
  id: number,
  change: Partial<Pick<BlobAuditRow, 'state' | 'position' | 'report'>> & Pick<BlobAuditRow, 'updated_at'>,
): Promise<boolean> {
  const { numUpdatedRows } = await trx.updateTable('blob_audits').set(change).where('id', '=', id).executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** Removes those up to `id`. */
export async function deleteAuditsUpTo(trx: Transaction, id: number): Promise<void> {
  await trx.deleteFrom('blob_audits').where('id', '<=', id).execute();
}
