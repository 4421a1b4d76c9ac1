import type { Transaction } from '../../db/index.ts';
import type { JobHandler, Unit, Writer } from '../../jobs/index.ts';
import { commentHeadKey, feedHeadKey, followedKey, likedKey, userKey, videoKey } from '../../read/index.ts';
import {
  commentStore,
  followStore,
  likeStore,
  messageStore,
  uploadStore,
  userStore,
  videoStore,
} from '../../store/index.ts';

export type EraseDeps = { readonly writer: Writer };

/** Rows removed per transaction: short enough that nobody waits noticeably for the one writer. */
const batchRows = 200;

/**
 * Removes what belongs to a closed account, batch by batch. Each transaction takes rows and what they were counted in, so
 * counters equal rows at every moment, and an interrupted run goes on where it stopped.
 */
export function eraseAccountHandler(deps: EraseDeps): JobHandler<'account.erase'> {
  const steps: readonly ((unit: Unit, userId: number) => Promise<number>)[] = [
    removeUploads,
    hideVideos,
    removeLikes,
    removeComments,
    removeFollowees,
    removeFollowers,
    ({ trx }, userId) => messageStore.deleteMessagesOfUser(trx, userId, batchRows),
  ];
  return {
    run: async ({ userId }, { signal }) => {
      for (const step of steps) {
        while ((await deps.writer.write((unit) => step(unit, userId))) > 0) signal.throwIfAborted();
      }
      await deps.writer.write(async ({ trx, enqueue, invalidate }) => {
        await userStore.deleteUser(trx, userId);
        await enqueue('blobs.erase', { owner: 'user', ownerId: userId });
        invalidate(userKey(userId), likedKey(userId), followedKey(userId));
      });
    },
  };
}

/** What has come of each goes by its own job, which finds it without a row. */
async function removeUploads({ trx, enqueue }: Unit, userId: number): Promise<number> {
  const uploads = await uploadStore.listUploadsOf(trx, userId, batchRows);
  for (const uploadId of uploads) {
    await uploadStore.deleteUpload(trx, uploadId);
    await enqueue('upload.expire', { uploadId });
  }
  return uploads.length;
}

async function hideVideos({ trx, enqueue, invalidate }: Unit, userId: number): Promise<number> {
  const videos = await videoStore.listShownByAuthor(trx, userId, batchRows);
  let ready = 0;
  for (const { id } of videos.toSorted((one, other) => one.id - other.id)) {
    const hidden = await videoStore.hideVideo(trx, id);
    if (hidden?.state === 'ready') ready += 1;
    await enqueue('video.erase', { videoId: id }, { dedupeKey: `video.erase:${id}` });
    invalidate(videoKey(id), feedHeadKey);
  }
  await userStore.addToUserCounter(trx, [userId], 'work_count', -ready);
  return videos.length;
}

async function removeLikes({ trx, invalidate }: Unit, userId: number): Promise<number> {
  const liked = await likeStore.listLikedBy(trx, userId, batchRows);
  const videos = await videoStore.lockVideos(trx, liked);
  await userStore.lockUsers(trx, [userId, ...videos.map((video) => video.author_id)]);
  for (const video of videos) {
    if (!(await likeStore.deleteLike(trx, userId, video.id))) continue;
    await videoStore.addToVideoCounter(trx, [video.id], 'favorite_count', -1);
    await userStore.addToUserCounter(trx, [video.author_id], 'total_favorited', -1);
    await userStore.addToUserCounter(trx, [userId], 'favorite_count', -1);
    invalidate(videoKey(video.id), userKey(video.author_id));
  }
  return videos.length;
}

async function removeComments({ trx, invalidate }: Unit, userId: number): Promise<number> {
  const comments = await commentStore.listCommentsByUser(trx, userId, batchRows);
  await videoStore.lockVideos(
    trx,
    comments.map((comment) => comment.video_id),
  );
  for (const comment of comments) {
    if (!(await commentStore.deleteComment(trx, comment.id))) continue;
    await videoStore.addToVideoCounter(trx, [comment.video_id], 'comment_count', -1);
    invalidate(videoKey(comment.video_id), commentHeadKey(comment.video_id));
  }
  return comments.length;
}

async function removeFollowees({ trx, invalidate }: Unit, userId: number): Promise<number> {
  const followees = await followStore.listFolloweeIds(trx, userId, batchRows);
  await userStore.lockUsers(trx, [userId, ...followees]);
  for (const id of followees) await removeFollow(trx, userId, id);
  invalidate(...followees.map(userKey));
  return followees.length;
}

async function removeFollowers({ trx, invalidate }: Unit, userId: number): Promise<number> {
  const followers = await followStore.listFollowerIds(trx, userId, batchRows);
  await userStore.lockUsers(trx, [userId, ...followers]);
  for (const id of followers) await removeFollow(trx, id, userId);
  invalidate(...followers.flatMap((id) => [userKey(id), followedKey(id)]));
  return followers.length;
}

/** Both counters beside the row, and only if it was there. */
async function removeFollow(trx: Transaction, followerId: number, followeeId: number): Promise<void> {
  if (!(await followStore.deleteFollow(trx, followerId, followeeId))) return;
  await userStore.addToUserCounter(trx, [followerId], 'follow_count', -1);
  await userStore.addToUserCounter(trx, [followeeId], 'follower_count', -1);
}
