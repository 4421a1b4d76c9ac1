import { cutPage, keyFromCursor, type LikeRow, type Page, type Reader, type Transaction } from '../db/index.ts';

/** Returns false if the like was there already. */
export async function insertLike(trx: Transaction, like: LikeRow): Promise<boolean> {
  const result = await trx
    .insertInto('likes')
    .values(like)
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  return (result.numInsertedOrUpdatedRows ?? 0n) > 0n;
}

/** Returns false if there was no such like. */
export async function deleteLike(trx: Transaction, userId: number, videoId: number): Promise<boolean> {
  const result = await trx
    .deleteFrom('likes')
    .where('user_id', '=', userId)
    .where('video_id', '=', videoId)
    .executeTakeFirst();
  return result.numDeletedRows > 0n;
}

/** Which of the videos the user likes. */
export async function findLikedAmong(db: Reader, userId: number, videoIds: readonly number[]): Promise<Set<number>> {
  if (videoIds.length === 0) return new Set();
  const rows = await db
    .selectFrom('likes')
    .select('video_id')
    .where('user_id', '=', userId)
    .where('video_id', 'in', videoIds)
    .execute();
  return new Set(rows.map((row) => row.video_id));
}

/** The videos that a user likes and everyone can see, latest like first. */
export async function listLikedVideos(
  db: Reader,
  userId: number,
  cursor: string | undefined,
  size: number,
): Promise<Page<{ readonly likeId: number; readonly videoId: number }>> {
  const rows = await db
    .selectFrom('likes')
    .innerJoin('videos', 'videos.id', 'likes.video_id')
    .select(['likes.id as likeId', 'likes.video_id as videoId'])
    .where('likes.user_id', '=', userId)
    .where('likes.id', '<', keyFromCursor(cursor))
    .where('videos.state', '=', 'ready')
    .orderBy('likes.id', 'desc')
    .limit(size + 1)
    .execute();
  return cutPage(rows, size, (row) => String(row.likeId));
}

/** Some likes of a video that is being erased. */
export async function listLikersOf(db: Reader, videoId: number, limit: number): Promise<number[]> {
  const rows = await db.selectFrom('likes').select('user_id').where('video_id', '=', videoId).limit(limit).execute();
  return rows.map((row) => row.user_id);
}

/** The videos that a user liked last. */
export async function listLikedBy(db: Reader, userId: number, limit: number): Promise<number[]> {
  const rows = await db
    .selectFrom('likes')
    .select('video_id')
    .where('user_id', '=', userId)
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();
  return rows.map((row) => row.video_id);
}
