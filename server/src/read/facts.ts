import { type Database, readDerived } from '../db/index.ts';
import type { Cache, CacheRegion } from '../ports/index.ts';
import { followStore, likeStore, userStore, videoStore } from '../store/index.ts';
import { CachedLoader } from './cached-loader.ts';
import {
  type ChosenSet,
  followedFamily,
  likedFamily,
  type UserFacts,
  userFamily,
  type VideoFacts,
  videoFamily,
} from './families.ts';

/** Rows by id. An id that is not in the map does not exist. */
export type Users = ReadonlyMap<number, UserFacts>;
export type Videos = ReadonlyMap<number, VideoFacts>;

/** What the viewer has to do with what is shown; empty for a guest. */
export type ViewerFacts = { readonly liked: ReadonlySet<number>; readonly followed: ReadonlySet<number> };

/** Facts in batches: the cache first, then one query per noun for the rest. */
export interface Facts {
  users(ids: readonly number[]): Promise<Users>;
  videos(ids: readonly number[]): Promise<Videos>;
  /** What one viewer likes and follows of what is asked: never part of a cached object, applied beside it. */
  viewer(
    viewerId: number | undefined,
    asked: { readonly videoIds: readonly number[]; readonly userIds: readonly number[] },
  ): Promise<ViewerFacts>;
}

/** Of a viewer's likes and follows, those that are kept together; what is older is asked for by itself. */
const chosenMaxIds = 500;

const noOne: ViewerFacts = { liked: new Set(), followed: new Set() };

export function createFacts(deps: { readonly database: Database; readonly cache: Cache }): Facts {
  const { reader } = deps.database;
  const users = loaderOf(deps.cache, userFamily, async (ids) => {
    const rows = await userStore.findUsers(reader, ids);
    // The hash stays in the database: the cache may be another machine.
    return rows.map(({ password_hash: _hash, name_key: _key, ...facts }) => facts);
  });
  const videos = loaderOf(deps.cache, videoFamily, async (ids) => {
    const rows = await videoStore.findVideos(reader, ids);
    return rows.map((row) => ({ ...row, derived: readDerived(row.derived) }));
  });
  const likes = chosenOf(
    deps.cache.region(likedFamily),
    (userId) => likeStore.listLikedBy(reader, userId, chosenMaxIds),
    (userId, ids) => likeStore.findLikedAmong(reader, userId, ids),
  );
  const follows = chosenOf(
    deps.cache.region(followedFamily),
    (userId) => followStore.listFolloweeIds(reader, userId, chosenMaxIds),
    (userId, ids) => followStore.findFollowedAmong(reader, userId, ids),
  );
  return {
    users,
    videos,
    viewer: async (viewerId, { videoIds, userIds }) => {
      if (viewerId === undefined) return noOne;
      const [liked, followed] = await Promise.all([likes(viewerId, videoIds), follows(viewerId, userIds)]);
      return { liked, followed };
    },
  };
}

function loaderOf<R extends { readonly id: number }>(
  cache: Cache,
  family: Parameters<typeof cache.region<R | null>>[0],
  find: (ids: readonly number[]) => Promise<readonly R[]>,
): (ids: readonly number[]) => Promise<ReadonlyMap<number, R>> {
  const loader = new CachedLoader(cache.region(family), async (keys) => {
    const rows = new Map<string, R | null>(keys.map((key) => [key, null]));
    for (const row of await find(keys.map(Number))) rows.set(String(row.id), row);
    return rows;
  });
  return async (ids) => {
    const existing = new Map<number, R>();
    for (const row of (await loader.get(ids.map(String))).values()) if (row !== null) existing.set(row.id, row);
    return existing;
  };
}

/** Which of some ids a user chose: by the set that is kept, and beyond it by a query. */
function chosenOf(
  region: CacheRegion<ChosenSet>,
  list: (userId: number) => Promise<number[]>,
  findAmong: (userId: number, ids: readonly number[]) => Promise<ReadonlySet<number>>,
): (userId: number, asked: readonly number[]) => Promise<ReadonlySet<number>> {
  const loader = new CachedLoader(region, async (keys) => {
    const load = async (key: string): Promise<readonly [string, ChosenSet]> => {
      const ids = await list(Number(key));
      return [key, { ids, complete: ids.length < chosenMaxIds }];
    };
    return new Map(await Promise.all(keys.map(load)));
  });
  return async (userId, asked) => {
    if (asked.length === 0) return new Set();
    const key = String(userId);
    const chosen = (await loader.get([key])).get(key);
    const kept = new Set(chosen?.ids);
    const found = asked.filter((id) => kept.has(id));
    if (chosen?.complete === true || found.length === asked.length) return new Set(found);
    const others = asked.filter((id) => !kept.has(id));
    return new Set([...found, ...(await findAmong(userId, others))]);
  };
}
