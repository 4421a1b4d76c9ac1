/**
 * Each list, read page by page while rows come and go between the pages: no row is shown twice, none that was there all the
 * time is left out, and the order holds.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeEngine } from '../../test/engines.ts';
import { openTemporaryDatabase } from '../../test/temporary-database.ts';
import { openTemporaryMysql } from '../../test/temporary-mysql.ts';
import type { Database, Page, Reader, Transaction } from '../db/index.ts';
import { commentStore, followStore, likeStore, messageStore, videoStore } from './index.ts';

/** The one that is tested at the moment. */
let database: Database;

/** Ids and moments, so that all that is added later sorts first, as in the product. */
let last = 1_000;
const next = (): number => {
  last += 1;
  return last;
};

type List = {
  /** Adds a row at the top and returns what the list shows of it. */
  readonly add: () => Promise<number>;
  readonly remove: (shown: number) => Promise<void>;
  readonly page: (cursor: string | undefined, size: number) => Promise<Page<number>>;
};

const anyPlan = fc.record({
  rows: fc.integer({ min: 0, max: 9 }),
  size: fc.integer({ min: 1, max: 4 }),
  between: fc.array(fc.oneof(fc.constant('add' as const), fc.nat({ max: 20 })), { maxLength: 8 }),
  every: fc.integer({ min: 1, max: 3 }),
});

type Plan = typeof anyPlan extends fc.Arbitrary<infer P> ? P : never;

async function walk(list: List, plan: Plan): Promise<void> {
  const there: number[] = [];
  for (let count = 0; count < plan.rows; count += 1) there.unshift(await list.add());
  const allTheTime = new Set(there);
  const seen: number[] = [];
  const changes = [...plan.between];
  let cursor: string | undefined;
  for (let pages = 0; ; pages += 1) {
    expect(pages).toBeLessThan(50);
    const page = await list.page(cursor, plan.size);
    expect(page.rows.length).toBeLessThanOrEqual(plan.size);
    if (page.next !== '') expect(page.rows.length).toBe(plan.size);
    seen.push(...page.rows);
    if (page.next === '') break;
    cursor = page.next;
    for (const change of changes.splice(0, plan.every)) {
      if (change === 'add') there.unshift(await list.add());
      else {
        const [gone] = there.splice(change % (there.length || 1), 1);
        if (gone === undefined) continue;
        await list.remove(gone);
        allTheTime.delete(gone);
      }
    }
  }
  expect(new Set(seen).size).toBe(seen.length);
  expect(seen.filter((shown) => allTheTime.has(shown))).toEqual([...allTheTime]);
}

const reader = (): Reader => database.reader;
async function write(work: (trx: Transaction) => Promise<unknown>): Promise<void> {
  await database.transaction(work);
}
const shown = <T>(page: Page<T>, of: (row: T) => number): Page<number> => ({
  rows: page.rows.map(of),
  next: page.next,
});

async function addVideo(authorId: number): Promise<number> {
  const id = next();
  await write((trx) =>
    videoStore.insertVideo(trx, {
      id,
      author_id: authorId,
      title: '',
      state: 'ready',
      published_at: next(),
      play_key: '',
      cover_key: null,
      placeholder: null,
      duration_ms: 1,
      width: 1,
      height: 1,
      size_bytes: 1,
      sha256: '',
    }),
  );
  return id;
}

async function addFriend(userId: number): Promise<number> {
  const friend = next();
  await write(async (trx) => {
    await followStore.insertFollow(trx, { id: next(), follower_id: friend, followee_id: userId });
    await followStore.insertFollow(trx, { id: next(), follower_id: userId, followee_id: friend });
  });
  return friend;
}

/** One list of each kind, of an owner that nobody had before. */
const lists: Readonly<Record<string, (owner: number) => List>> = {
  comments: (owner) => ({
    add: async () => {
      const id = next();
      const comment = { id, video_id: owner, user_id: 1, content: '', created_at: 1 };
      await write((trx) => commentStore.insertComment(trx, comment));
      return id;
    },
    remove: (id) => write((trx) => commentStore.deleteComment(trx, id)),
    page: async (cursor, size) =>
      shown(await commentStore.listComments(reader(), owner, cursor, size), (comment) => comment.id),
  }),
  followees: (owner) => ({
    add: async () => {
      const other = next();
      const follow = { id: next(), follower_id: owner, followee_id: other };
      await write((trx) => followStore.insertFollow(trx, follow));
      return other;
    },
    remove: (other) => write((trx) => followStore.deleteFollow(trx, owner, other)),
    page: async (cursor, size) =>
      shown(await followStore.listFollowees(reader(), owner, cursor, size), (entry) => entry.userId),
  }),
  followers: (owner) => ({
    add: async () => {
      const other = next();
      const follow = { id: next(), follower_id: other, followee_id: owner };
      await write((trx) => followStore.insertFollow(trx, follow));
      return other;
    },
    remove: (other) => write((trx) => followStore.deleteFollow(trx, other, owner)),
    page: async (cursor, size) =>
      shown(await followStore.listFollowers(reader(), owner, cursor, size), (entry) => entry.userId),
  }),
  'friends who never spoke': (owner) => ({
    add: () => addFriend(owner),
    remove: (friend) => write((trx) => followStore.deleteFollow(trx, friend, owner)),
    page: async (cursor, size) =>
      shown(await followStore.listFriends(reader(), owner, cursor, size), (entry) => entry.userId),
  }),
  'friends who spoke': (owner) => ({
    add: async () => {
      const friend = await addFriend(owner);
      const message = { id: next(), fromUserId: owner, toUserId: friend, content: '', now: next() };
      await write((trx) => messageStore.insertMessage(trx, message));
      return friend;
    },
    remove: (friend) => write((trx) => followStore.deleteFollow(trx, owner, friend)),
    page: async (cursor, size) =>
      shown(await followStore.listFriends(reader(), owner, cursor, size), (entry) => entry.userId),
  }),
  'liked videos': (owner) => ({
    add: async () => {
      const videoId = await addVideo(1);
      await write((trx) => likeStore.insertLike(trx, { id: next(), user_id: owner, video_id: videoId }));
      return videoId;
    },
    // By turns the like goes, or the video that is liked.
    remove: (videoId) =>
      write(async (trx) => {
        if (videoId % 2 === 0) await likeStore.deleteLike(trx, owner, videoId);
        else await videoStore.hideVideo(trx, videoId);
      }),
    page: async (cursor, size) =>
      shown(await likeStore.listLikedVideos(reader(), owner, cursor, size), (entry) => entry.videoId),
  }),
  'videos of an author': (owner) => ({
    add: () => addVideo(owner),
    remove: (id) => write((trx) => videoStore.hideVideo(trx, id)),
    page: async (cursor, size) =>
      shown(await videoStore.listByAuthor(reader(), owner, false, cursor, size), (entry) => entry.id),
  }),
  'messages, newest first': (owner) => ({
    add: async () => {
      const id = next();
      const message = { id, fromUserId: owner, toUserId: 1, content: '', now: 1_000 };
      await write((trx) => messageStore.insertMessage(trx, message));
      return id;
    },
    remove: (id) => write((trx) => trx.deleteFrom('messages').where('id', '=', id).execute()),
    page: async (cursor, size) =>
      shown(await messageStore.listHistory(reader(), owner, 1, cursor, size), (message) => message.id),
  }),
};
/** The feeds page by the moment of the last video shown instead of a cursor. */
const feeds: typeof lists = {
  'the feed of those one follows': (owner) => ({
    add: async () => {
      const author = next();
      await write((trx) => followStore.insertFollow(trx, { id: next(), follower_id: owner, followee_id: author }));
      return await addVideo(author);
    },
    remove: (id) => write((trx) => videoStore.hideVideo(trx, id)),
    page: async (cursor, size) => {
      const before = cursor === undefined ? undefined : Number(cursor);
      const rows = await videoStore.listFollowingFeed(reader(), owner, before, size);
      return { rows: rows.map((row) => row.id), next: rows.length < size ? '' : String(rows.at(-1)?.publishedAt) };
    },
  }),
};

function pages(open: () => Promise<{ readonly database: Database; remove(): Promise<void> }>): void {
  let temporary: Awaited<ReturnType<typeof open>>;
  beforeAll(async () => {
    temporary = await open();
    database = temporary.database;
  });
  afterAll(() => temporary.remove());

  describe.each(Object.entries({ ...lists, ...feeds }))('%s', (_name, list) => {
    it('neither repeats nor leaves out, whatever comes and goes between the pages', async () => {
      await fc.assert(
        fc.asyncProperty(anyPlan, (plan) => walk(list(next()), plan)),
        { numRuns: 25 },
      );
    });
  });

  it('moves a friend to the top with a new message, and leaves the others in their order', async () => {
    const owner = next();
    const friends = [await addFriend(owner), await addFriend(owner), await addFriend(owner)];
    const order = async () =>
      (await followStore.listFriends(reader(), owner, undefined, 10)).rows.map((entry) =>
        friends.indexOf(entry.userId),
      );
    expect(await order()).toEqual([2, 1, 0]);
    for (const [friend, expected] of [
      [0, [0, 2, 1]],
      [1, [1, 0, 2]],
      [0, [0, 1, 2]],
    ] as const) {
      const message = { id: next(), fromUserId: friends[friend] ?? 0, toUserId: owner, content: '', now: next() };
      await write((trx) => messageStore.insertMessage(trx, message));
      expect(await order()).toEqual(expected);
    }
  });

  it('gives new messages in the order in which they were sent, each of them once', async () => {
    const [one, other] = [next(), next()];
    const sent: number[] = [];
    let after = 0;
    const got: number[] = [];
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.boolean(), { maxLength: 6 }),
        fc.integer({ min: 1, max: 3 }),
        async (sends, size) => {
          for (const mine of sends) {
            const [fromUserId, toUserId] = mine ? [one, other] : [other, one];
            const id = next();
            await write((trx) =>
              messageStore.insertMessage(trx, { id, fromUserId, toUserId, content: '', now: 1_000 }),
            );
            if (!mine) sent.push(id);
          }
          const { rows } = await messageStore.listNewTo(reader(), one, other, after, size);
          got.push(...rows.map((row) => row.id));
          after = rows.at(-1)?.created_at ?? after;
          expect(got).toEqual(sent.slice(0, got.length));
        },
      ),
      { numRuns: 25 },
    );
  });

  it('never gives two videos one publish moment', async () => {
    const moments: number[] = [];
    for (const now of [0, 5_000_000, 5_000_000, 4_000_000, 5_000_001, 6_000_000]) {
      await write(async (trx) => {
        const publishedAt = await videoStore.nextPublishedAt(trx, now);
        moments.push(publishedAt);
        const video = {
          title: '',
          state: 'ready',
          play_key: '',
          cover_key: null,
          placeholder: null,
          sha256: '',
        } as const;
        const sizes = { duration_ms: 1, width: 1, height: 1, size_bytes: 1 };
        await videoStore.insertVideo(trx, { id: next(), author_id: 1, published_at: publishedAt, ...video, ...sizes });
      });
    }
    expect(moments).toEqual([...new Set(moments)].toSorted((a, b) => a - b));
    expect(moments.slice(1)).toEqual([5_000_000, 5_000_001, 5_000_002, 5_000_003, 6_000_000]);
  });
}

describe('on sqlite', () => pages(openTemporaryDatabase));
describeEngine('mysql', (url) => pages(() => openTemporaryMysql(url)));
