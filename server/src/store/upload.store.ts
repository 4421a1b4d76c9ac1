import type { Reader, Transaction, UploadRow } from '../db/index.ts';

/** Those that count against their user's quota. */
const unfinished = ['open', 'complete'] as const;

export async function findUpload(db: Reader, id: string): Promise<UploadRow | undefined> {
  return await db.selectFrom('uploads').selectAll().where('id', '=', id).executeTakeFirst();
}

/** How many a user has that are neither finished nor expired, and what they will have together, in bytes. */
export async function findUnfinished(
  db: Reader,
  userId: number,
  now: number,
): Promise<{ readonly count: number; readonly bytes: number }> {
  const row = await db
    .selectFrom('uploads')
    .select((e) => [e.fn.countAll<number>().as('count'), e.fn.sum<number | null>('size_bytes').as('bytes')])
    .where('user_id', '=', userId)
    .where('state', 'in', unfinished)
    .where('expires_at', '>', now)
    .executeTakeFirst();
  return { count: Number(row?.count ?? 0), bytes: Number(row?.bytes ?? 0) };
}

export async function insertUpload(
  trx: Transaction,
  upload: Omit<UploadRow, 'state' | 'video_id' | 'failure' | 'locked_by' | 'lock_until' | 'lock_wanted'>,
): Promise<void> {
  const open = { state: 'open', video_id: null, failure: null, locked_by: null, lock_until: null, lock_wanted: null };
  await trx
    .insertInto('uploads')
    .values({ ...upload, ...open, state: 'open' })
    .execute();
}

/** Notes that bytes came. Returns false if the upload is gone, or has ended. */
export async function touchUpload(
  trx: Transaction,
  id: string,
  change: Pick<UploadRow, 'expires_at'> & { readonly state: 'open' | 'complete' },
): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('uploads')
    .set(change)
    .where('id', '=', id)
    .where('state', '=', 'open')
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** `complete → published | refused`; false if somebody else has said what became of it, or it is gone. */
export async function settleUpload(
  trx: Transaction,
  id: string,
  outcome:
    | { readonly state: 'published'; readonly video_id: number }
    | { readonly state: 'refused'; readonly failure: string },
): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('uploads')
    .set(outcome)
    .where('id', '=', id)
    .where('state', '=', 'complete')
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

export async function deleteUpload(trx: Transaction, id: string): Promise<void> {
  await trx.deleteFrom('uploads').where('id', '=', id).execute();
}

/** Removes one that has expired by `now`, unless it is just being published. Returns false if it has not. */
export async function deleteExpired(trx: Transaction, id: string, now: number): Promise<boolean> {
  const { numDeletedRows } = await trx
    .deleteFrom('uploads')
    .where('id', '=', id)
    .where('expires_at', '<=', now)
    .where('state', '!=', 'complete')
    .executeTakeFirst();
  return numDeletedRows > 0n;
}

/** Ids of some uploads of a user, whatever their state. */
export async function listUploadsOf(db: Reader, userId: number, limit: number): Promise<string[]> {
  const rows = await db.selectFrom('uploads').select('id').where('user_id', '=', userId).limit(limit).execute();
  return rows.map(({ id }) => id);
}

/** Takes the lock of an upload that nobody holds at `now`; who cannot have it leaves word that it is wanted. */
export async function takeLock(
  trx: Transaction,
  id: string,
  lock: { readonly owner: string; readonly now: number; readonly until: number },
): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('uploads')
    .set({ locked_by: lock.owner, lock_until: lock.until, lock_wanted: null })
    .where('id', '=', id)
    .where((e) => e.or([e('locked_by', 'is', null), e('lock_until', '<=', lock.now)]))
    .executeTakeFirst();
  if (numUpdatedRows > 0n) return true;
  await trx.updateTable('uploads').set({ lock_wanted: lock.now }).where('id', '=', id).execute();
  return false;
}

/** Moves the end of a lock on; says whether it is that owner's still, and whether somebody else wants it. */
export async function extendLock(
  trx: Transaction,
  id: string,
  lock: { readonly owner: string; readonly until: number },
): Promise<'held' | 'wanted' | 'lost'> {
  const { numUpdatedRows } = await trx
    .updateTable('uploads')
    .set({ lock_until: lock.until })
    .where('id', '=', id)
    .where('locked_by', '=', lock.owner)
    .executeTakeFirst();
  if (numUpdatedRows === 0n) return 'lost';
  const row = await findUpload(trx, id);
  return row?.lock_wanted === null ? 'held' : 'wanted';
}

export async function releaseLock(trx: Transaction, id: string, owner: string): Promise<void> {
  await trx
    .updateTable('uploads')
    .set({ locked_by: null, lock_until: null, lock_wanted: null })
    .where('id', '=', id)
    .where('locked_by', '=', owner)
    .execute();
}
