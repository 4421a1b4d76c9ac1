import { DomainError } from '@tiktok-server/contract';
import type { CommentRow, Database } from '../../db/index.ts';
import type { Writer } from '../../jobs/index.ts';
import type { Clock, IdSource } from '../../ports/index.ts';
import { commentHeadKey, videoKey } from '../../read/index.ts';
import { commentStore, videoStore } from '../../store/index.ts';
import { keepOpenAccount } from '../actor.ts';
import { openVideo } from '../open-video.ts';

export type CommentDeps = {
  readonly database: Database;
  readonly writer: Writer;
  readonly ids: IdSource;
  readonly clock: Clock;
};

export async function addComment(
  deps: CommentDeps,
  userId: number,
  videoId: number,
  content: string,
): Promise<CommentRow> {
  return await deps.writer.write(async ({ trx, invalidate }) => {
    await openVideo(trx, videoId, userId);
    await keepOpenAccount(trx, userId);
    const comment: CommentRow = {
      id: deps.ids.next(),
      video_id: videoId,
      user_id: userId,
      content,
      created_at: deps.clock.now(),
    };
    await commentStore.insertComment(trx, comment);
    await videoStore.addToVideoCounter(trx, [videoId], 'comment_count', 1);
    invalidate(videoKey(videoId), commentHeadKey(videoId));
    return comment;
  });
}

/** Deletes a comment: open to its author and to the author of the video. */
export async function removeComment(
  deps: CommentDeps,
  userId: number,
  videoId: number,
  commentId: number,
): Promise<void> {
  await deps.writer.write(async ({ trx, invalidate }) => {
    const video = await openVideo(trx, videoId, userId);
    const comment = await commentStore.findComment(trx, commentId);
    if (comment === undefined || comment.video_id !== videoId) throw new DomainError('ErrCommentNotFound');
    if (comment.user_id !== userId && video.author_id !== userId) throw new DomainError('ErrPermissionDenied');
    if (!(await commentStore.deleteComment(trx, commentId))) throw new DomainError('ErrCommentNotFound');
    await videoStore.addToVideoCounter(trx, [videoId], 'comment_count', -1);
    invalidate(videoKey(videoId), commentHeadKey(videoId));
  });
}
