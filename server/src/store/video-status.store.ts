import type { Reader, VideoRow } from '../db/index.ts';

/** How far a video has come; `percent` of the processing, null before it has begun. */
export type VideoStatusRow = Pick<VideoRow, 'id' | 'author_id' | 'state' | 'failure' | 'prepared_at'> & {
  readonly percent: number | null;
};

export async function findStatuses(db: Reader, ids: readonly number[]): Promise<VideoStatusRow[]> {
  if (ids.length === 0) return [];
  return await db
    .selectFrom('videos')
    .leftJoin('video_progress', 'video_progress.video_id', 'videos.id')
    .select([
      'videos.id',
      'videos.author_id',
      'videos.state',
      'videos.failure',
      'videos.prepared_at',
      'video_progress.percent',
    ])
    .where('videos.id', 'in', ids)
    .execute();
}
