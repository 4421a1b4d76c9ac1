import { type CommentRow, cutPage, keyFromCursor, type Page, type Reader, type Transaction } from '../db/index.ts';

export async function insertComment(trx: Transaction, comment: CommentRow): Promise<void> {
  await trx.insertInto('comments').values(comment).execute();
}

export async function findComment(db: Reader, id: number): Promise<CommentRow | undefined> {
  return await db.selectFrom('comments').selectAll().where('id', '=', id).executeTakeFirst();
}

/** Returns false if it was gone already. */
export async function deleteComment(trx: Transaction, id: number): Promise<boolean> {
  const result = await trx.deleteFrom('comments').where('id', '=', id).executeTakeFirst();
  return result.numDeletedRows > 0n;
}

/** The comments on a video, newest first. */
export async function listComments(
  db: Reader,
  videoId: number,
  cursor: string | undefined,
  size: number,
): Promise<Page<CommentRow>> {
  const rows = await db
    .selectFrom('comments')
    .selectAll()
    .where('video_id', '=', videoId)
    .where('id', '<', keyFromCursor(cursor))
    .orderBy('id', 'desc')
    .limit(size + 1)
    .execute();
  return cutPage(rows, size, (row) => String(row.id));
}

/** Deletes up to `limit` comments of a video that is being erased; returns how many. */
export async function deleteCommentsOfVideo(trx: Transaction, videoId: number, limit: number): Promise<number> {
  const rows = await trx.selectFrom('comments').select('id').where('video_id', '=', videoId).limit(limit).execute();
  return await deleteComments(
    trx,
    rows.map((row) => row.id),
  );
}

/** Some comments of an account that is being erased. */
export async function listCommentsByUser(
  db: Reader,
  userId: number,
  limit: number,
): Promise<{ id: number; video_id: number }[]> {
  return await db
    .selectFrom('comments')
    .select(['id', 'video_id'])
    .where('user_id', '=', userId)
    .limit(limit)
    .execute();
}

async function deleteComments(trx: Transaction, ids: readonly number[]): Promise<number> {
  if (ids.length === 0) return 0;
  const result = await trx.deleteFrom('comments').where('id', 'in', ids).executeTakeFirst();
  return Number(result.numDeletedRows);
}
