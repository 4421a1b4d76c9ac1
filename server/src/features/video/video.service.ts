import { DomainError } from '@tiktok-server/contract';
import type { VideoFailure, VideoRow } from '../../db/index.ts';
import type { Unit, Writer } from '../../jobs/index.ts';
import { commentHeadKey, feedHeadKey, likedKey, userKey, videoKey } from '../../read/index.ts';
import { commentStore, likeStore, userStore, videoStore } from '../../store/index.ts';

/** Rows removed per transaction: short enough that nobody waits noticeably for the one writer. */
const batchRows = 200;

/** Deletes one of the caller's videos: gone from every list at once, and from the disk as soon as its job has run. */
export async function deleteVideo(deps: { readonly writer: Writer }, userId: number, videoId: number): Promise<void> {
  await deps.writer.write(async (unit) => {
    const [video] = await videoStore.lockVideos(unit.trx, [videoId]);
    const visible = video !== undefined && (video.state === 'ready' || video.author_id === userId);
    if (!visible || video.state === 'deleted') throw new DomainError('ErrVideoNotFound');
    if (video.author_id !== userId) throw new DomainError('ErrPermissionDenied');
    await videoStore.hideVideo(unit.trx, videoId);
    // A video with few likes and comments is gone with this transaction; a popular one takes a job.
    if (!(await eraseBatch(unit, video))) {
      await unit.enqueue('video.erase', { videoId }, { dedupeKey: `video.erase:${videoId}` });
    }
    // Behind the batch, which holds the author in turn with the others.
    if (video.state === 'ready') await userStore.addToUserCounter(unit.trx, [userId], 'work_count', -1);
    unit.invalidate(videoKey(videoId), userKey(userId), feedHeadKey);
  });
}

/** Has one of the caller's failed videos processed once more. */
export async function retryVideo(deps: { readonly writer: Writer }, userId: number, videoId: number): Promise<void> {
  await deps.writer.write(async (unit) => {
    const [video] = await videoStore.lockVideos(unit.trx, [videoId]);
    if (video === undefined || video.state === 'deleted') throw new DomainError('ErrVideoNotFound');
    if (video.author_id !== userId) {
      throw new DomainError(video.state === 'ready' ? 'ErrPermissionDenied' : 'ErrVideoNotFound');
    }
    if (video.failure === 'missing') {
      throw new DomainError('ErrVideoNotFailed', {
        detail: { en: 'its file is gone; upload it again', zh: '文件已丢失，请重新上传' },
      });
    }
    if (!(await videoStore.restartProcessing(unit.trx, videoId))) {
      throw new DomainError('ErrVideoNotFailed', { detail: { en: 'it has not failed', zh: '该视频没有处理失败' } });
    }
    // Without a key: the job that gave up may still lie there under it.
    await unit.enqueue('video.prepare', { videoId });
    unit.invalidate(videoKey(videoId));
  });
}

/** Says of a video why it cannot be shown; of one that was shown, it takes back what it counted for. */
export async function failVideo(
  deps: { readonly writer: Writer },
  videoId: number,
  failure: VideoFailure,
): Promise<void> {
  await deps.writer.write(async ({ trx, invalidate }) => {
    const [video] = await videoStore.lockVideos(trx, [videoId]);
    if (video === undefined || !(await videoStore.failVideo(trx, videoId, failure))) return;
    await videoStore.deleteProgress(trx, videoId);
    invalidate(videoKey(videoId));
    if (video.state !== 'ready') return;
    await userStore.lockUsers(trx, [video.author_id]);
    await userStore.addToUserCounter(trx, [video.author_id], 'work_count', -1);
    invalidate(userKey(video.author_id), feedHeadKey);
  });
}

/**
 * Removes some of what refers to a hidden video, which the caller holds, with the counters that it was counted in; when
 * nothing is left, the row, and the files by a job. Returns whether that was the end.
 */
export async function eraseBatch({ trx, enqueue, invalidate }: Unit, video: VideoRow): Promise<boolean> {
  const likers = await likeStore.listLikersOf(trx, video.id, batchRows);
  await userStore.lockUsers(trx, [video.author_id, ...likers]);
  for (const userId of likers) await likeStore.deleteLike(trx, userId, video.id);
  await userStore.addToUserCounter(trx, likers, 'favorite_count', -1);
  await userStore.addToUserCounter(trx, [video.author_id], 'total_favorited', -likers.length);
  await videoStore.addToVideoCounter(trx, [video.id], 'favorite_count', -likers.length);
  const comments = await commentStore.deleteCommentsOfVideo(trx, video.id, batchRows);
  await videoStore.addToVideoCounter(trx, [video.id], 'comment_count', -comments);
  invalidate(...likers.flatMap((id) => [userKey(id), likedKey(id)]));
  invalidate(userKey(video.author_id), videoKey(video.id), commentHeadKey(video.id));
  if (likers.length === batchRows || comments === batchRows) return false;
  await videoStore.deleteVideo(trx, video.id);
  await enqueue('blobs.erase', { owner: 'video', ownerId: video.id });
  return true;
}
