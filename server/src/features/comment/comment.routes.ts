import { DomainError } from '@tiktok-server/contract';
import type { Cache } from '../../ports/index.ts';
import { commentPage, createCommentPages, type Facts, videoIsVisible } from '../../read/index.ts';
import type { Handlers } from '../handler.ts';
import { addComment, type CommentDeps, removeComment } from './comment.service.ts';

type RouteDeps = CommentDeps & {
  readonly cache: Cache;
  readonly facts: Facts;
  readonly monthAndDay: (momentMs: number) => string;
};

export function commentRoutes(deps: RouteDeps): Pick<Handlers, 'comment' | 'commentList'> {
  const { facts, monthAndDay } = deps;
  const comments = createCommentPages(deps);
  return {
    comment: async ({ input, caller }) => {
      if (input.action_type === 2) {
        if (input.comment_id === undefined) {
          throw new DomainError('ErrValidation', {
            detail: { en: 'comment_id is required to delete a comment', zh: '删除评论时必须提供 comment_id' },
          });
        }
        await removeComment(deps, caller.userId, input.video_id, input.comment_id);
        return { comment: null };
      }
      const content = input.comment_text ?? '';
      if (content.trim() === '') {
        throw new DomainError('ErrCommentEmpty', {
          detail: { en: 'comment_text is required to add a comment', zh: '发布评论时必须提供 comment_text' },
        });
      }
      const row = await addComment(deps, caller.userId, input.video_id, content);
      const [comment = null] = await commentPage(facts, [row], caller, monthAndDay);
      return { comment };
    },
    commentList: async ({ input, caller }) => {
      const video = (await facts.videos([input.video_id])).get(input.video_id);
      const author = video === undefined ? undefined : (await facts.users([video.author_id])).get(video.author_id);
      if (!videoIsVisible(video, author, caller.userId)) throw new DomainError('ErrVideoNotFound');
      const page = await comments(video.id, input.cursor);
      return {
        comment_list: await commentPage(facts, page.rows, caller, monthAndDay),
        has_more: page.next !== '',
        next_cursor: page.next,
      };
    },
  };
}
