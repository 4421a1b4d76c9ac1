import { limits } from '@tiktok-server/contract';
import type { Database } from '../db/index.ts';
import type { Cache } from '../ports/index.ts';
import { videoStore } from '../store/index.ts';
import type { VideoEntry } from '../store/video.store.ts';
import { CachedLoader } from './cached-loader.ts';
import { feedHeadFamily, feedHeadId } from './families.ts';

/** The first page of the feed, which most requests ask for, kept as a ready list of entries. */
export function createFeedHead(deps: {
  readonly database: Database;
  readonly cache: Cache;
}): () => Promise<VideoEntry[]> {
  const loader = new CachedLoader(deps.cache.region(feedHeadFamily), async () => {
    const entries = await videoStore.listFeed(deps.database.reader, undefined, limits.feedPageVideos);
    return new Map([[feedHeadId, entries]]);
  });
  return async () => (await loader.get([feedHeadId])).get(feedHeadId) ?? [];
}
