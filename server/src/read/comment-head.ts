import { limits } from '@tiktok-server/contract';
import type { CommentRow, Database, Page } from '../db/index.ts';
import type { Cache } from '../ports/index.ts';
import { commentStore } from '../store/index.ts';
import { CachedLoader } from './cached-loader.ts';
import { type CommentHead, commentHeadFamily } from './families.ts';

/** Pages of the comments on a video, newest first. The first one, which everyone opens, is kept. */
export function createCommentPages(deps: {
  readonly database: Database;
  readonly cache: Cache;
}): (videoId: number, cursor: string | undefined) => Promise<Page<CommentRow>> {
  const page = (videoId: number, cursor: string | undefined): Promise<Page<CommentRow>> =>
    commentStore.listComments(deps.database.reader, videoId, cursor, limits.commentPageComments);
  const loader = new CachedLoader(deps.cache.region(commentHeadFamily), async (keys) => {
    const load = async (key: string): Promise<readonly [string, CommentHead]> => {
      const { rows, next } = await page(Number(key), undefined);
      return [key, { rows: [...rows], next }];
    };
    return new Map(await Promise.all(keys.map(load)));
  });
  return async (videoId, cursor) => {
    if (cursor !== undefined) return await page(videoId, cursor);
    const key = String(videoId);
    return (await loader.get([key])).get(key) ?? { rows: [], next: '' };
  };
}
