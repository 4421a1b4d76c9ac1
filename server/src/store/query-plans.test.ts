/**
 * Every query of the stores, with SQLite's plan for it: none may read a whole table, and none may sort what an index
 * could give in order. And with MySQL's plan, which goes by how many rows there are.
 */
import SqliteDatabase from 'better-sqlite3';
import { Kysely, SqliteDialect } from 'kysely';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeEngine } from '../../test/engines.ts';
import { type MysqlPlans, openMysqlPlans } from '../../test/mysql-plans.ts';
import { openTemporaryDatabase, type TemporaryDatabase } from '../../test/temporary-database.ts';
import { type Reader, type Tables, type Transaction, withoutRowLocks } from '../db/index.ts';
import {
  commentStore,
  followStore,
  likeStore,
  messageStore,
  metaStore,
  outboxStore,
  processStore,
  userStore,
  videoStatusStore,
  videoStore,
} from './index.ts';

type Logged = { readonly sql: string; readonly parameters: readonly unknown[] };

let store: TemporaryDatabase;
let plain: SqliteDatabase.Database;
let db: Kysely<Tables>;
const logged: Logged[] = [];
beforeAll(async () => {
  store = await openTemporaryDatabase();
  plain = new SqliteDatabase(store.path);
  db = new Kysely<Tables>({
    dialect: new SqliteDialect({ database: plain }),
    plugins: [withoutRowLocks],
    log: ({ query }) => void logged.push(query),
  });
});
afterAll(async () => {
  await db.destroy();
  await store.remove();
});

type Use = {
  readonly name: string;
  readonly run: (trx: Transaction) => Promise<unknown>;
  readonly sorts?: true;
  /** Walks along the feed itself, which is right only for a query that takes every video that it comes by. */
  readonly walksFeed?: true;
  /** Subqueries with a bound of their own, whose rows are all read. */
  readonly bounded?: readonly string[];
};
const query = (name: string, run: (db: Reader) => Promise<unknown>, more: Partial<Use> = {}): Use => ({
  name,
  run,
  ...more,
});
const write = (name: string, run: (trx: Transaction) => Promise<unknown>): Use => ({ name, run });

const ids = [1, 2, 3];
const cursor = '1000';
const counter = 'favorite_count';
const process = { owner: '', role: 'api', lease_until: 1 };
const queries: readonly Use[] = [
  query('findComment', (db) => commentStore.findComment(db, 1)),
  query('listComments', (db) => commentStore.listComments(db, 1, undefined, 10)),
  query('listComments', (db) => commentStore.listComments(db, 1, cursor, 10)),
  query('listCommentsByUser', (db) => commentStore.listCommentsByUser(db, 1, 10)),
  write('deleteComment', (trx) => commentStore.deleteComment(trx, 1)),
  write('deleteCommentsOfVideo', (trx) => commentStore.deleteCommentsOfVideo(trx, 1, 10)),
  query('findFollowedAmong', (db) => followStore.findFollowedAmong(db, 1, ids)),
  query('listFollowees', (db) => followStore.listFollowees(db, 1, cursor, 10)),
  query('listFollowers', (db) => followStore.listFollowers(db, 1, cursor, 10)),
  query('listFolloweeIds', (db) => followStore.listFolloweeIds(db, 1, 10)),
  query('listFollowerIds', (db) => followStore.listFollowerIds(db, 1, 10)),
  // By the latest message of each friend: no index of one table has that order. The bound is whom one follows.
  query('listFriends', (db) => followStore.listFriends(db, 1, undefined, 10), { sorts: true }),
  query('listFriends', (db) => followStore.listFriends(db, 1, '1000-5', 10), { sorts: true }),
  // Somebody whom many follow, and somebody whom nobody does.
  query('listFriends', (db) => followStore.listFriends(db, 2_000, undefined, 10), { sorts: true }),
  query('listFriends', (db) => followStore.listFriends(db, 999_999, undefined, 10), { sorts: true }),
  write('deleteFollow', (trx) => followStore.deleteFollow(trx, 1, 2)),
  query('findLikedAmong', (db) => likeStore.findLikedAmong(db, 1, ids)),
  query('listLikedVideos', (db) => likeStore.listLikedVideos(db, 1, cursor, 10)),
  query('listLikersOf', (db) => likeStore.listLikersOf(db, 1, 10)),
  query('listLikedBy', (db) => likeStore.listLikedBy(db, 1, 10)),
  write('deleteLike', (trx) => likeStore.deleteLike(trx, 1, 2)),
  query('listHistory', (db) => messageStore.listHistory(db, 1, 2, cursor, 10)),
  query('listNewTo', (db) => messageStore.listNewTo(db, 1, 2, 1_000, 10)),
  query('findMessages', (db) => messageStore.findMessages(db, ids)),
  write('insertMessage', (trx) =>
    messageStore.insertMessage(trx, { id: 1_000_000, fromUserId: 1, toUserId: 2, content: '', now: 1 }),
  ),
  write('deleteMessagesOfUser', (trx) => messageStore.deleteMessagesOfUser(trx, 1, 10)),
  query('findMeta', (db) => metaStore.findMeta(db, 'demo')),
  query('findJob', (db) => outboxStore.findJob(db, 1)),
  query('findJobByDedupeKey', (db) => outboxStore.findJobByDedupeKey(db, 'x')),
  query('findNextRunAt', (db) => outboxStore.findNextRunAt(db)),
  query('countDueJobs', (db) => outboxStore.countDueJobs(db, 1_000)),
  // By lane, of which there are two.
  query('findBacklog', (db) => outboxStore.findBacklog(db, 1_000), { sorts: true, bounded: ['due', 'counted'] }),
  write('leaseDueJobs', (trx) => outboxStore.leaseDueJobs(trx, 'quick', 1_000, 10, 10)),
  write('extendLease', (trx) => outboxStore.extendLease(trx, 1, null, 1)),
  write('releaseJobs', (trx) => outboxStore.releaseJobs(trx, ids, 'run')),
  write('releaseAllJobs', (trx) => outboxStore.releaseAllJobs(trx, 'promote:', 1)),
  write('updateAfterFailure', (trx) =>
    outboxStore.updateAfterFailure(trx, 1, 'run', { attempts: 1, run_at: 1, state: 'pending', last_error: null }),
  ),
  write('deleteJob', (trx) => outboxStore.deleteJob(trx, 1)),
  write('claimJob', (trx) => outboxStore.claimJob(trx, 1, { owner: 'run', now: 1, dueBy: 1, leaseUntil: 2 })),
  query('listJobs', (db) => outboxStore.listJobs(db, 'dead', 10)),
  query('countJobs', (db) => outboxStore.countJobs(db, 'dead')),
  write('reviveJob', (trx) => outboxStore.reviveJob(trx, 1, 1)),
  write('deleteDeadJob', (trx) => outboxStore.deleteDeadJob(trx, 1)),
  query('listJobsNamed', (db) => outboxStore.listJobsNamed(db, 'cache.delete', 5, 10)),
  write('deleteJobs', (trx) => outboxStore.deleteJobs(trx, ids)),
  write('makeJobsDue', (trx) => outboxStore.makeJobsDue(trx, ids, 1_000)),
  query('listProcesses', (db) => processStore.listProcesses(db)),
  write('takeNumber', (trx) => processStore.takeNumber(trx, { node: 1, ...process }, process)),
  write('extendNumber', (trx) => processStore.extendNumber(trx, { node: 1, owner: '', lease_until: 1 })),
  write('releaseNumber', (trx) => processStore.releaseNumber(trx, { node: 1, owner: '', lease_until: 1 })),
  query('findUsers', (db) => userStore.findUsers(db, ids)),
  query('findUserByNameKey', (db) => userStore.findUserByNameKey(db, 'alice')),
  query('findNewestId', (db) => userStore.findNewestId(db)),
  write('lockUsers', (trx) => userStore.lockUsers(trx, ids)),
  write('keepUsers', (trx) => userStore.keepUsers(trx, ids)),
  write('updatePassword', (trx) => userStore.updatePassword(trx, 1, '', 1)),
  write('updateProfile', (trx) => userStore.updateProfile(trx, 1, { signature: '' })),
  write('closeUser', (trx) => userStore.closeUser(trx, 1, 1)),
  write('deleteUser', (trx) => userStore.deleteUser(trx, 1)),
  write('addToUserCounter', (trx) => userStore.addToUserCounter(trx, ids, counter, 1)),
  query('findVideos', (db) => videoStore.findVideos(db, ids)),
  query('findByContent', (db) => videoStore.findByContent(db, 1, 'x')),
  write('lockVideos', (trx) => videoStore.lockVideos(trx, ids)),
  query('listFeed', (db) => videoStore.listFeed(db, undefined, 30), { walksFeed: true }),
  query('listFeed', (db) => videoStore.listFeed(db, 1_000, 30), { walksFeed: true }),
  // The newest of many authors: a merge that SQLite does by sorting. The bound is the videos of those one follows.
  query('listFollowingFeed', (db) => videoStore.listFollowingFeed(db, 1, undefined, 30), { sorts: true }),
  query('listFollowingFeed', (db) => videoStore.listFollowingFeed(db, 1, 1_000, 30), { sorts: true }),
  query('listFollowingFeed', (db) => videoStore.listFollowingFeed(db, 2_000, undefined, 30), { sorts: true }),
  query('listFollowingFeed', (db) => videoStore.listFollowingFeed(db, 999_999, undefined, 30), { sorts: true }),
  query('listByAuthor', (db) => videoStore.listByAuthor(db, 1, false, cursor, 10)),
  query('listByAuthor', (db) => videoStore.listByAuthor(db, 1, true, cursor, 10)),
  query('listShownByAuthor', (db) => videoStore.listShownByAuthor(db, 1, 10)),
  write('nextPublishedAt', (trx) => videoStore.nextPublishedAt(trx, 1)),
  write('startProcessing', (trx) => videoStore.startProcessing(trx, 1)),
  write('restartProcessing', (trx) => videoStore.restartProcessing(trx, 1)),
  query('findStatuses', (db) => videoStatusStore.findStatuses(db, ids)),
  write('updateProgress', (trx) => videoStore.updateProgress(trx, 1, 50, 1)),
  write('deleteProgress', (trx) => videoStore.deleteProgress(trx, 1)),
  write('finishPreparing', (trx) =>
    videoStore.finishPreparing(trx, 1, {
      ...{ play_key: '', received_key: null, derived: null, published_at: 1, prepared_at: 1 },
      ...{ duration_ms: 1, width: 1, height: 1, size_bytes: 1 },
    }),
  ),
  write('keepAsReceived', (trx) => videoStore.keepAsReceived(trx, 1, 1)),
  write('failVideo', (trx) => videoStore.failVideo(trx, 1, 'internal')),
  write('updateCover', (trx) => videoStore.updateCover(trx, 1, { cover_key: '', placeholder: '' })),
  write('hideVideo', (trx) => videoStore.hideVideo(trx, 1)),
  write('deleteVideo', (trx) => videoStore.deleteVideo(trx, 1)),
  write('addToVideoCounter', (trx) => videoStore.addToVideoCounter(trx, ids, counter, 1)),
];

class TakeBack extends Error {}

async function plansOf(use: Use): Promise<string[]> {
  logged.length = 0;
  await db
    .transaction()
    .execute(async (trx) => {
      await use.run(trx);
      throw new TakeBack();
    })
    .catch((error: unknown) => {
      if (!(error instanceof TakeBack)) throw error;
    });
  const statements = logged.filter(({ sql }) => /^(?:select|update|delete)/.test(sql));
  expect(statements.length).toBeGreaterThan(0);
  return statements.flatMap(({ sql, parameters }) =>
    plain
      .prepare(`explain query plan ${sql}`)
      .all(...parameters)
      .map((row) => (typeof row === 'object' && row !== null && 'detail' in row ? String(row.detail) : '')),
  );
}

it.each(queries.map((use, position) => [use.name, position, use] as const))(
  'goes by an index: %s (%i)',
  async (_name, _position, use) => {
    const plans = await plansOf(use);
    const bounded = (use.bounded ?? []).map((name) => `SCAN ${name}`);
    expect(plans.filter((line) => line.startsWith('SCAN') && !bounded.includes(line))).toEqual([]);
    const walksFeed = plans.some((line) => line.includes('INDEX videos_by_state'));
    expect(walksFeed).toBe(use.walksFeed === true);
    const sorted = plans.some((line) => line.includes('TEMP B-TREE'));
    expect(sorted).toBe(use.sorts === true);
  },
);

it('knows every query that the stores have', () => {
  const stores = [
    commentStore,
    followStore,
    likeStore,
    messageStore,
    metaStore,
    outboxStore,
    processStore,
    userStore,
    videoStatusStore,
    videoStore,
  ];
  const withoutQuery = [
    'conversationOf',
    'insertComment',
    'insertFollow',
    'insertLike',
    'insertJobs',
    'insertMeta',
    'insertVideo',
    'putMeta',
    'lockMeta',
  ];
  // `insertUser` looks the name up first, which findUserByNameKey stands for.
  const known = new Set([...queries.map((use) => use.name), ...withoutQuery, 'insertUser']);
  const all = stores.flatMap((one) => Object.keys(one));
  expect(all.filter((name) => !known.has(name))).toEqual([]);
});

it('finds a scan where there is one', async () => {
  const scan = query('scan', (db) => db.selectFrom('users').selectAll().where('signature', '=', '').execute());
  expect((await plansOf(scan)).some((line) => line.startsWith('SCAN'))).toBe(true);
});

describeEngine('mysql', (url) => {
  let plans: MysqlPlans;
  beforeAll(async () => {
    plans = await openMysqlPlans(url);
  });
  afterAll(() => plans.close());

  it.each(queries.map((use, position) => [use.name, position, use] as const))(
    'goes by an index: %s (%i)',
    async (_name, _position, use) => {
      const lines = await plans.of(use.run);
      // `index` is a walk along all of an index, unless a limit ends it; of a subquery with a bound, all rows are read.
      const bounded = use.bounded !== undefined;
      const read = lines.filter(({ table }) => !(bounded && table.startsWith('<derived')));
      expect(read.length).toBeGreaterThan(0);
      expect(read.filter(({ type, sql }) => type === 'ALL' || (type === 'index' && !/ limit /.test(sql)))).toEqual([]);
      const sorted = lines.some(({ extra }) => /filesort|temporary/.test(extra));
      expect(sorted).toBe(use.sorts === true);
    },
  );

  it('finds the friends of somebody with many followers one by one, not among all followers for each', async () => {
    const lines = await plans.of((db) => followStore.listFriends(db, 2_000, undefined, 10));
    const [theirs] = lines.filter(({ table }) => table === 'theirs');
    expect(theirs).toMatchObject({ type: 'eq_ref', key: 'PRIMARY' });
  });

  it.each([1, 2_000, 999_999])('begins with those whom user %i follows, and not with all videos', async (userId) => {
    const lines = await plans.of((db) => videoStore.listFollowingFeed(db, userId, undefined, 30));
    expect(lines.map(({ table, key }) => [table, key])).toEqual([
      ['follows', 'follows_by_follower'],
      ['videos', 'videos_by_author'],
    ]);
  });

  it('finds a scan where there is one', async () => {
    const scan = (db: Reader) => db.selectFrom('users').selectAll().where('signature', '=', '').execute();
    expect((await plans.of(scan)).map(({ type }) => type)).toEqual(['ALL']);
  });
});
