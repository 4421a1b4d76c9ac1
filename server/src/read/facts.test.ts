import { afterEach, beforeEach, expect, it } from 'vitest';
import { createJobBench, type JobBench } from '../../test/job-bench.ts';
import type { Cache } from '../ports/index.ts';
import { followStore, likeStore, userStore } from '../store/index.ts';
import {
  createFacts,
  createFeedHead,
  type Facts,
  feedHeadKey,
  followedKey,
  likedKey,
  userFamily,
  userKey,
} from './index.ts';

/** Everything that is given to the cache, as text: what another machine would get to see. */
let texts: string[];
const overhearing = (cache: Cache): Cache => ({
  ...cache,
  region: (family) => {
    const region = cache.region(family);
    return {
      ...region,
      fill: async (entries) => {
        texts.push(...entries.map((entry) => family.encode(entry.value)));
        await region.fill(entries);
      },
    };
  },
});

let bench: JobBench;
let facts: Facts;
beforeEach(async () => {
  texts = [];
  bench = await createJobBench(overhearing);
  facts = createFacts({ database: bench.store.database, cache: bench.cache });
  await bench.store.database.transaction(async (trx) => {
    for (const id of [1, 2, 3]) {
      await userStore.insertUser(trx, {
        id,
        name: `Name ${id}`,
        nameKey: `key of ${id}`,
        passwordHash: `the hash of ${id}`,
        createdAt: 1,
      });
    }
  });
});
afterEach(() => bench.remove());

const sign = (signature: string) =>
  bench.store.database.transaction((trx) => userStore.updateProfile(trx, 1, { signature }));
const signature = async () => (await facts.users([1])).get(1)?.signature;

it('gives rows by id, and leaves out those that do not exist', async () => {
  const users = await facts.users([3, 1, 404, 3]);
  expect([...users.keys()].toSorted()).toEqual([1, 3]);
  expect(users.get(1)?.name).toBe('Name 1');
  expect((await facts.videos([1])).size).toBe(0);
  expect((await facts.users([])).size).toBe(0);
});

it('keeps them until a write says that they are old', async () => {
  expect(await signature()).toBe('');
  await sign('changed behind the cache');
  expect(await signature()).toBe('');
  await bench.writer.write(async ({ invalidate }) => invalidate(userKey(1)));
  expect(await signature()).toBe('changed behind the cache');
});

it('keeps also that somebody does not exist, until somebody does', async () => {
  expect((await facts.users([4])).size).toBe(0);
  const fourth = { id: 4, name: '4', nameKey: '4', passwordHash: '', createdAt: 1 };
  await bench.writer.write(async ({ trx, invalidate }) => {
    await userStore.insertUser(trx, fourth);
    invalidate(userKey(4));
  });
  expect((await facts.users([4])).size).toBe(1);
});

it('never gives a password or a folded name to the cache', async () => {
  const users = await facts.users([1, 2, 3]);
  expect(texts.length).toBe(3);
  for (const text of [...texts, JSON.stringify([...users.values()])]) {
    expect(text).not.toContain('hash');
    expect(text).not.toContain('key of');
  }
  for (const text of texts) expect(userFamily.decode(text)).toBeDefined();
});

it('tells what a viewer likes and follows as of the last write, and asks nothing for a guest', async () => {
  const asked = { videoIds: [10, 11], userIds: [2, 3] };
  expect(await facts.viewer(1, asked)).toEqual({ liked: new Set(), followed: new Set() });
  await bench.writer.write(async ({ trx, invalidate }) => {
    await likeStore.insertLike(trx, { id: 1, user_id: 1, video_id: 11 });
    await followStore.insertFollow(trx, { id: 2, follower_id: 1, followee_id: 2 });
    await followStore.insertFollow(trx, { id: 3, follower_id: 3, followee_id: 1 });
    invalidate(likedKey(1), followedKey(1));
  });
  expect(await facts.viewer(1, asked)).toEqual({ liked: new Set([11]), followed: new Set([2]) });
  expect(await facts.viewer(undefined, asked)).toEqual({ liked: new Set(), followed: new Set() });
  expect(await facts.viewer(1, { videoIds: [], userIds: [] })).toEqual({ liked: new Set(), followed: new Set() });
});

it('knows also the likes and follows that are too old to be kept together', async () => {
  const many = Array.from({ length: 1_000 }, (_, position) => 1_000 + position);
  await bench.writer.write(async ({ trx, invalidate }) => {
    for (const id of many) {
      await likeStore.insertLike(trx, { id, user_id: 1, video_id: id });
      await followStore.insertFollow(trx, { id, follower_id: 1, followee_id: id });
    }
    invalidate(likedKey(1), followedKey(1));
  });
  const asked = [1, 1_000, 1_400, 1_999, 2_000];
  const expected = new Set([1_000, 1_400, 1_999]);
  for (let round = 0; round < 2; round += 1) {
    expect(await facts.viewer(1, { videoIds: asked, userIds: asked })).toEqual({ liked: expected, followed: expected });
  }
  expect(Math.max(...texts.map((text) => text.length))).toBeLessThan(5_000);
});

it('keeps the head of the feed, also an empty one, until a video comes or goes', async () => {
  const head = createFeedHead({ database: bench.store.database, cache: bench.cache });
  expect(await head()).toEqual([]);
  expect(await head()).toEqual([]);
  expect(texts).toEqual(['[]']);
  await bench.writer.write(async ({ invalidate }) => invalidate(feedHeadKey));
  expect(await head()).toEqual([]);
  expect(texts).toEqual(['[]', '[]']);
});
