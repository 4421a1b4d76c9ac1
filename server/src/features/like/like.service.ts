import type { Database } from '../../db/index.ts';
import type { Writer } from '../../jobs/index.ts';
import type { IdSource } from '../../ports/index.ts';
import { likedKey, userKey, videoKey } from '../../read/index.ts';
import { likeStore, userStore, videoStore } from '../../store/index.ts';
import { requireOpenAccount } from '../actor.ts';
import { openVideo } from '../open-video.ts';

export type LikeDeps = { readonly database: Database; readonly writer: Writer; readonly ids: IdSource };

/**
 * Likes or unlikes. Both are idempotent: the three counters (of the video, its author and who likes) change only if a row
 * was inserted or deleted, in the same transaction.
 */
export async function setLike(deps: LikeDeps, userId: number, videoId: number, liked: boolean): Promise<void> {
  await deps.writer.write(async ({ trx, invalidate, alreadyMade }) => {
    const video = await openVideo(trx, videoId, userId);
    await requireOpenAccount(trx, userId, [video.author_id]);
    const changed = liked
      ? await likeStore.insertLike(trx, { id: deps.ids.next(), user_id: userId, video_id: videoId })
      : await likeStore.deleteLike(trx, userId, videoId);
    const old = [videoKey(videoId), userKey(video.author_id), userKey(userId), likedKey(userId)];
    if (!changed) return alreadyMade(...old);
    const by = liked ? 1 : -1;
    await videoStore.addToVideoCounter(trx, [videoId], 'favorite_count', by);
    await userStore.addToUserCounter(trx, [video.author_id], 'total_favorited', by);
    await userStore.addToUserCounter(trx, [userId], 'favorite_count', by);
    invalidate(...old);
  });
}
