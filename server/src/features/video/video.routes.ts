import { DomainError, limits } from '@tiktok-server/contract';
import type { Database } from '../../db/index.ts';
import { type Facts, videoPage } from '../../read/index.ts';
import { videoStore } from '../../store/index.ts';
import type { Handlers } from '../handler.ts';
import { ownerOf } from '../owner.ts';
import { type PublishDeps, publishVideo } from './publish.service.ts';
import { deleteVideo } from './video.service.ts';

type Routes = Pick<Handlers, 'publish' | 'publishList' | 'video' | 'deleteVideo'>;

export function videoRoutes(deps: PublishDeps & { readonly database: Database; readonly facts: Facts }): Routes {
  const { database, facts } = deps;
  return {
    publish: async ({ input, files, caller }) => {
      if (files.data === undefined) {
        throw new DomainError('ErrFileMissing', {
          detail: { en: 'send the video as the multipart part "data"', zh: '请以 multipart 的 "data" 部分发送视频' },
        });
      }
      await publishVideo(deps, { authorId: caller.userId, title: input.title ?? '', file: files.data });
      return {};
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
    deleteVideo: async ({ input, caller }) => {
      await deleteVideo(deps, caller.userId, input.video_id);
      return {};
    },
  };
}
