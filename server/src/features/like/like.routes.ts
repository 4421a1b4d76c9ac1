import { limits } from '@tiktok-server/contract';
import { type Facts, videoPage } from '../../read/index.ts';
import { likeStore } from '../../store/index.ts';
import type { Handlers } from '../handler.ts';
import { ownerOf } from '../owner.ts';
import { type LikeDeps, setLike } from './like.service.ts';

export function likeRoutes(deps: LikeDeps & { readonly facts: Facts }): Pick<Handlers, 'like' | 'likeList'> {
  return {
    like: async ({ input, caller }) => {
      await setLike(deps, caller.userId, input.video_id, input.action_type === 1);
      return {};
    },
    likeList: async ({ input, caller }) => {
      const owner = await ownerOf(deps.facts, input.user_id, caller);
      const page = await likeStore.listLikedVideos(deps.database.reader, owner, input.cursor, limits.videoPageVideos);
      return {
        video_list: await videoPage(
          deps.facts,
          page.rows.map((row) => row.videoId),
          caller,
        ),
        has_more: page.next !== '',
        next_cursor: page.next,
      };
    },
  };
}
