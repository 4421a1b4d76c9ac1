/** Rows by the files that they name, for who compares the two. */
import type { Reader, Transaction, UserRow, VideoRow } from '../db/index.ts';

const videoColumns = [
  'id',
  'author_id',
  'state',
  'failure',
  'play_key',
  'received_key',
  'cover_key',
  'derived',
  'prepared_at',
] as const;
const userColumns = ['id', 'avatar_key', 'background_key', 'deleted_at'] as const;

export type VideoFiles = Pick<VideoRow, (typeof videoColumns)[number]>;
export type UserFiles = Pick<UserRow, (typeof userColumns)[number]>;

export async function findVideoFiles(db: Reader, ids: readonly number[]): Promise<VideoFiles[]> {
  if (ids.length === 0) return [];
  return await db.selectFrom('videos').select(videoColumns).where('id', 'in', ids).execute();
}

export async function findUserFiles(db: Reader, ids: readonly number[]): Promise<UserFiles[]> {
  if (ids.length === 0) return [];
  return await db.selectFrom('users').select(userColumns).where('id', 'in', ids).execute();
}

/** Up to `limit` videos with ids from `from` to `to`, both included, by their ids. */
export async function listVideoFiles(db: Reader, from: number, to: number, limit: number): Promise<VideoFiles[]> {
  return await db
    .selectFrom('videos')
    .select(videoColumns)
    .where('id', '>=', from)
    .where('id', '<=', to)
    .orderBy('id', 'asc')
    .limit(limit)
    .execute();
}

export async function listUserFiles(db: Reader, from: number, to: number, limit: number): Promise<UserFiles[]> {
  return await db
    .selectFrom('users')
    .select(userColumns)
    .where('id', '>=', from)
    .where('id', '<=', to)
    .orderBy('id', 'asc')
    .limit(limit)
    .execute();
}

/** The same of one video, held until the transaction ends; before any user is held. */
export async function lockVideoFiles(trx: Transaction, id: number): Promise<VideoFiles | undefined> {
  return await trx.selectFrom('videos').select(videoColumns).where('id', '=', id).forUpdate().executeTakeFirst();
}

export async function lockUserFiles(trx: Transaction, id: number): Promise<UserFiles | undefined> {
  return await trx.selectFrom('users').select(userColumns).where('id', '=', id).forUpdate().executeTakeFirst();
}

export type VideoFileChanges = Partial<
  Pick<
    VideoRow,
    | 'state'
    | 'failure'
    | 'play_key'
    | 'received_key'
    | 'cover_key'
    | 'placeholder'
    | 'derived'
    | 'prepared_at'
    | 'size_bytes'
  >
>;

/** Changes what a video names; the caller holds the row, and counts what its state changes. */
export async function updateVideoFiles(trx: Transaction, id: number, changes: VideoFileChanges): Promise<void> {
  if (changes.state !== undefined) await trx.deleteFrom('video_progress').where('video_id', '=', id).execute();
  await trx.updateTable('videos').set(changes).where('id', '=', id).execute();
}
