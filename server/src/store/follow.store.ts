import { cutPage, type FollowRow, keyFromCursor, type Page, type Reader, type Transaction } from '../db/index.ts';

/** Returns false if the follow was there already. */
export async function insertFollow(trx: Transaction, follow: FollowRow): Promise<boolean> {
  const result = await trx
    .insertInto('follows')
    .values(follow)
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  return (result.numInsertedOrUpdatedRows ?? 0n) > 0n;
}

/** Returns false if there was no such follow. */
export async function deleteFollow(trx: Transaction, followerId: number, followeeId: number): Promise<boolean> {
  const result = await trx
    .deleteFrom('follows')
    .where('follower_id', '=', followerId)
    .where('followee_id', '=', followeeId)
    .executeTakeFirst();
  return result.numDeletedRows > 0n;
}

/** Which of the users `followerId` follows. */
export async function findFollowedAmong(
  db: Reader,
  followerId: number,
  userIds: readonly number[],
): Promise<Set<number>> {
  if (userIds.length === 0) return new Set();
  const rows = await db
    .selectFrom('follows')
    .select('followee_id')
    .where('follower_id', '=', followerId)
    .where('followee_id', 'in', userIds)
    .execute();
  return new Set(rows.map((row) => row.followee_id));
}

export type FollowEntry = { readonly followId: number; readonly userId: number };

/** Whom a user follows, latest first. */
export async function listFollowees(
  db: Reader,
  followerId: number,
  cursor: string | undefined,
  size: number,
): Promise<Page<FollowEntry>> {
  const rows = await db
    .selectFrom('follows')
    .select(['id as followId', 'followee_id as userId'])
    .where('follower_id', '=', followerId)
    .where('id', '<', keyFromCursor(cursor))
    .orderBy('id', 'desc')
    .limit(size + 1)
    .execute();
  return cutPage(rows, size, (row) => String(row.followId));
}

/** Who follows a user, latest first. */
export async function listFollowers(
  db: Reader,
  followeeId: number,
  cursor: string | undefined,
  size: number,
): Promise<Page<FollowEntry>> {
  const rows = await db
    .selectFrom('follows')
    .select(['id as followId', 'follower_id as userId'])
    .where('followee_id', '=', followeeId)
    .where('id', '<', keyFromCursor(cursor))
    .orderBy('id', 'desc')
    .limit(size + 1)
    .execute();
  return cutPage(rows, size, (row) => String(row.followId));
}

export type FriendEntry = {
  readonly followId: number;
  readonly userId: number;
  /** 0 when the two never spoke. */
  readonly lastMessageAt: number;
  readonly lastMessageId: number | null;
};

/** Mutual follows of a user: most recent conversation first, those without one by the latest follow. */
export async function listFriends(
  db: Reader,
  userId: number,
  cursor: string | undefined,
  size: number,
): Promise<Page<FriendEntry>> {
  const [at = String(Number.MAX_SAFE_INTEGER), id = String(Number.MAX_SAFE_INTEGER)] = cursor?.split('-') ?? [];
  const rows = await db
    .selectFrom('follows as mine')
    .innerJoin('follows as theirs', (join) =>
      join.onRef('theirs.follower_id', '=', 'mine.followee_id').onRef('theirs.followee_id', '=', 'mine.follower_id'),
    )
    .leftJoin('conversations', (join) =>
      join
        .on((e) =>
          e(
            'conversations.low_user_id',
            '=',
            e.case().when('mine.followee_id', '<', userId).then(e.ref('mine.followee_id')).else(userId).end(),
          ),
        )
        .on((e) =>
          e(
            'conversations.high_user_id',
            '=',
            e.case().when('mine.followee_id', '<', userId).then(userId).else(e.ref('mine.followee_id')).end(),
          ),
        ),
    )
    .select((e) => [
      'mine.id as followId',
      'mine.followee_id as userId',
      e.fn.coalesce('conversations.last_message_at', e.lit(0)).as('lastMessageAt'),
      'conversations.last_message_id as lastMessageId',
    ])
    .where('mine.follower_id', '=', userId)
    .where((e) => {
      const last = e.fn.coalesce('conversations.last_message_at', e.lit(0));
      return e.or([e(last, '<', Number(at)), e.and([e(last, '=', Number(at)), e('mine.id', '<', Number(id))])]);
    })
    .orderBy('lastMessageAt', 'desc')
    .orderBy('mine.id', 'desc')
    .limit(size + 1)
    .execute();
  return cutPage(rows, size, (row) => `${row.lastMessageAt}-${row.followId}`);
}

/** Whom a user followed last. */
export async function listFolloweeIds(db: Reader, followerId: number, limit: number): Promise<number[]> {
  const rows = await db
    .selectFrom('follows')
    .select('followee_id')
    .where('follower_id', '=', followerId)
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();
  return rows.map((row) => row.followee_id);
}

/** Some followers of an account that is being erased. */
export async function listFollowerIds(db: Reader, followeeId: number, limit: number): Promise<number[]> {
  const rows = await db
    .selectFrom('follows')
    .select('follower_id')
    .where('followee_id', '=', followeeId)
    .limit(limit)
    .execute();
  return rows.map((row) => row.follower_id);
}
