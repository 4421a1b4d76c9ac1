import { DomainError, limits } from '@tiktok-server/contract';
import type { Database } from '../../db/index.ts';
import { type Facts, videoPage } from '../../read/index.ts';
import { videoStore } from '../../store/index.ts';
import type { Handlers } from '../handler.ts';
import { ownerOf } from '../owner.ts';
import { type PublishDeps, publishVideo } from './publish.service.ts';
import type { StatusWatch } from './status-watch.ts';
import { deleteVideo, retryVideo } from './video.service.ts';
import { followStatus, statusOf } from './video-status.ts';

type Routes = Pick<
  Handlers,
  'publish' | 'publishList' | 'publishStatus' | 'publishEvents' | 'publishRetry' | 'video' | 'deleteVideo'
>;

export function videoRoutes(
  deps: PublishDeps & { readonly database: Database; readonly facts: Facts; readonly watch: StatusWatch },
): Routes {
  const { database, facts, watch } = deps;
  return {
    publish: async ({ input, files, caller }) => {
      if (files.data === undefined) {
        throw new DomainError('ErrFileMissing', {
          detail: { en: 'send the video as the multipart part "data"', zh: '请以 multipart 的 "data" 部分发送视频' },
        });
      }
      const video = { authorId: caller.userId, title: input.title ?? '', file: files.data };
      return { video_id: await publishVideo(deps, video) };
    },
    publishList: async ({ input, caller }) => {
      const owner = await ownerOf(facts, input.user_id, caller);
      const page = await videoStore.listByAuthor(
        database.reader,
        owner,
        owner === caller.userId,
        input.cursor,
        limits.videoPageVideos,
      );
      const ids = page.rows.map((row) => row.id);
      return { video_list: await videoPage(facts, ids, caller), has_more: page.next !== '', next_cursor: page.next };
    },
    video: async ({ input, caller }) => {
      const [video] = await videoPage(facts, [input.video_id], caller);
      if (video === undefined) throw new DomainError('ErrVideoNotFound');
      return { video };
    },
    publishStatus: ({ input, caller }) => statusOf(database, input.video_id, caller),
    publishEvents: ({ input, caller }) => followStatus({ database, watch }, input.video_id, caller),
    publishRetry: async ({ input, caller }) => {
      await retryVideo(deps, caller.userId, input.video_id);
      return {};
    },
    deleteVideo: async ({ input, caller }) => {
      await deleteVideo(deps, caller.userId, input.video_id);
      return {};
    },
  };
}
