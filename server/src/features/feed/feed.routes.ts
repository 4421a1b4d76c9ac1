import { limits } from '@tiktok-server/contract';
import type { Database } from '../../db/index.ts';
import type { Cache, Clock } from '../../ports/index.ts';
import { createFeedHead, type Facts, videoPage } from '../../read/index.ts';
import { videoStore } from '../../store/index.ts';
import type { VideoEntry } from '../../store/video.store.ts';
import { type Caller, type Handlers, ReadyAnswer } from '../handler.ts';

type FeedDeps = { readonly database: Database; readonly cache: Cache; readonly facts: Facts; readonly clock: Clock };

/** Ready answers of the first page for guests, one per address under which clients reach this server. */
const maxReadyAnswers = 64;

/**
 * The feed pages by publish time, which no two videos share. `next_time` comes from the ids of the page and not from what
 * is left of it after the rules, so that a video that vanishes in between neither repeats nor skips others.
 */
export function feedRoutes(deps: FeedDeps): Pick<Handlers, 'feed' | 'followingFeed'> {
  const { database, cache, facts, clock } = deps;
  const feedHead = createFeedHead(deps);
  const ready = new Map<string, { readonly generation: number; readonly answer: ReadyAnswer }>();

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
   * parts were read: the cache's generation says so. A page that is not full names the present moment, so it is not kept.
   */
  async function guestHead(caller: Caller): Promise<ReadyAnswer> {
    const generation = cache.generation();
    const kept = ready.get(caller.baseUrl);
    if (kept !== undefined && kept.generation === generation) return kept.answer;
    const entries = await feedHead();
    const page = await pageOf(entries, caller);
    const answer = new ReadyAnswer(Buffer.from(JSON.stringify({ status_code: 0, status_msg: '', ...page })));
    ready.delete(caller.baseUrl);
    if (entries.length === limits.feedPageVideos) {
      ready.set(caller.baseUrl, { generation, answer });
      for (const oldest of ready.keys()) {
        if (ready.size <= maxReadyAnswers) break;
        ready.delete(oldest);
      }
    }
    return answer;
  }

  /**
   * A moment in the future is now: it bounds nothing that was published. Only when the clock was set back are there
   * publish moments ahead of it, and then such a moment is the end of a page like any other.
   */
  async function isPastTheNewest(latestTime: number): Promise<boolean> {
    if (latestTime <= clock.now()) return false;
    const [newest] = await feedHead();
    return newest === undefined || newest.publishedAt < latestTime;
  }

  return {
    feed: async ({ input, caller }) => {
      const latest = input.latest_time;
      if (latest !== undefined && !(await isPastTheNewest(latest))) {
        return await pageOf(await videoStore.listFeed(database.reader, latest, limits.feedPageVideos), caller);
      }
      return caller.userId === undefined ? await guestHead(caller) : await pageOf(await feedHead(), caller);
    },
    followingFeed: async ({ input, caller }) =>
      await pageOf(
        await videoStore.listFollowingFeed(database.reader, caller.userId, input.latest_time, limits.feedPageVideos),
        caller,
      ),
  };
}
