import { limits } from '@tiktok-server/contract';
import type { Database } from '../../db/index.ts';
import type { Cache, Clock } from '../../ports/index.ts';
import { createFeedHead, type Facts, videoPage } from '../../read/index.ts';
import { videoStore } from '../../store/index.ts';
import type { VideoEntry } from '../../store/video.store.ts';
import { type Caller, type Handlers, ReadyAnswer, type ReadyHandler } from '../handler.ts';

type FeedDeps = { readonly database: Database; readonly cache: Cache; readonly facts: Facts; readonly clock: Clock };

/** Ready answers of the first page for guests, one per address under which clients reach this server. */
const maxReadyAnswers = 64;

/** A first page as bytes, and what must still be so for it to be right. */
type Kept = { readonly generation: number; readonly newestAt: number; readonly answer: ReadyAnswer };

export type Feed = {
  readonly handlers: Pick<Handlers, 'feed' | 'followingFeed'>;
  /** Right once {@link settled} is over. */
  readonly ready: ReadyHandler<'feed'>;
  readonly settled: () => Promise<void> | undefined;
};

/**
 * The feed pages by publish time, which no two videos share. `next_time` comes from the ids of the page and not from what
 * is left of it after the rules, so that a video that vanishes in between neither repeats nor skips others.
 */
export function createFeed(deps: FeedDeps): Feed {
  const { database, cache, facts, clock } = deps;
  const feedHead = createFeedHead(deps);
  const kept = new Map<string, Kept>();

  const pageOf = async (entries: readonly VideoEntry[], caller: Caller) => ({
    video_list: await videoPage(
      facts,
      entries.map((entry) => entry.id),
      caller,
    ),
    next_time: entries.length < limits.feedPageVideos ? clock.now() : (entries.at(-1)?.publishedAt ?? clock.now()),
  });

  /**
   * The page that most requests ask for, kept as bytes. It holds as long as no cached value was deleted since before its
   * parts were read: the cache's generation says so.
   */
  const ready: Feed['ready'] = ({ latest_time: latest }, baseUrl) => {
    const found = kept.get(baseUrl);
    if (found === undefined || found.generation !== cache.generation()) return undefined;
    return isFirstPage(latest, found.newestAt) ? found.answer : undefined;
  };

  /** A page that is not full names the present moment, so it is not kept. */
  function keep(baseUrl: string, page: Kept): void {
    kept.delete(baseUrl);
    kept.set(baseUrl, page);
    for (const oldest of kept.keys()) {
      if (kept.size <= maxReadyAnswers) break;
      kept.delete(oldest);
    }
  }

  return {
    ready,
    settled: () => cache.settled(),
    handlers: {
      feed: async ({ input, caller }) => {
        const isGuest = caller.userId === undefined;
        if (isGuest) await cache.settled();
        const found = isGuest ? ready(input, caller.baseUrl) : undefined;
        if (found !== undefined) return found;
        // Before the parts are read: what changes meanwhile makes the page old.
        const generation = cache.generation();
        const head = await feedHead();
        const newestAt = head[0]?.publishedAt ?? 0;
        if (input.latest_time !== undefined && !isFirstPage(input.latest_time, newestAt)) {
          const entries = await videoStore.listFeed(database.reader, input.latest_time, limits.feedPageVideos);
          return await pageOf(entries, caller);
        }
        const page = await pageOf(head, caller);
        if (!isGuest || head.length < limits.feedPageVideos) return page;
        const answer = new ReadyAnswer(Buffer.from(JSON.stringify({ status_code: 0, status_msg: '', ...page })));
        keep(caller.baseUrl, { generation, newestAt, answer });
        return answer;
      },
      followingFeed: async ({ input, caller }) =>
        await pageOf(
          await videoStore.listFollowingFeed(database.reader, caller.userId, input.latest_time, limits.feedPageVideos),
          caller,
        ),
    },
  };
}

/**
 * Whether a page begins with the newest video: nothing that was published is bounded by a later moment, be it a minute
 * ago or in the future.
 */
const isFirstPage = (latest: number | undefined, newestAt: number): boolean =>
  latest === undefined || latest > newestAt;
