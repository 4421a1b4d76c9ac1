import type { Reader, Transaction, UserRow } from '../db/index.ts';

/** Users by id, deleted ones included: whoever asks decides what a deleted account means to them. */
export async function findUsers(db: Reader, ids: readonly number[]): Promise<UserRow[]> {
  if (ids.length === 0) return [];
  return await db.selectFrom('users').selectAll().where('id', 'in', ids).execute();
}

export async function findUserByNameKey(db: Reader, nameKey: string): Promise<UserRow | undefined> {
  return await db.selectFrom('users').selectAll().where('name_key', '=', nameKey).executeTakeFirst();
}

/**
 * Users by id, deleted ones included, held until the transaction ends: nobody else changes them meanwhile. In the order of
 * their ids, whoever asks, so that two transactions do not wait for each other in a circle.
 */
export async function lockUsers(trx: Transaction, ids: readonly number[]): Promise<UserRow[]> {
  if (ids.length === 0) return [];
  return await trx.selectFrom('users').selectAll().where('id', 'in', ids).orderBy('id').forUpdate().execute();
}

/** The same, shared with others that only keep them as they are: for who refers to users and changes nothing in them. */
export async function keepUsers(trx: Transaction, ids: readonly number[]): Promise<UserRow[]> {
  if (ids.length === 0) return [];
  return await trx.selectFrom('users').selectAll().where('id', 'in', ids).orderBy('id').forShare().execute();
}

/** Returns false if the name is taken, by whoever was first. */
export async function insertUser(
  trx: Transaction,
  user: { id: number; name: string; nameKey: string; passwordHash: string; createdAt: number },
): Promise<boolean> {
  const result = await trx
    .insertInto('users')
    .values({
      id: user.id,
      name: user.name,
      name_key: user.nameKey,
      password_hash: user.passwordHash,
      token_version: 1,
      signature: '',
      avatar_key: null,
      background_key: null,
      follow_count: 0,
      follower_count: 0,
      total_favorited: 0,
      work_count: 0,
      favorite_count: 0,
      created_at: user.createdAt,
      deleted_at: null,
    })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  if ((result.numInsertedOrUpdatedRows ?? 0n) > 0n) return true;
  if ((await findUserByNameKey(trx, user.nameKey)) !== undefined) return false;
  throw new Error(`there is a user ${user.id} already, with another name`);
}

/**
 * Stores a new password and raises the token version, provided that nobody changed it since `fromVersion` was read.
 * Returns false if somebody did.
 */
export async function updatePassword(
  trx: Transaction,
  id: number,
  passwordHash: string,
  fromVersion: number,
): Promise<boolean> {
  const result = await trx
    .updateTable('users')
    .set({ password_hash: passwordHash, token_version: fromVersion + 1 })
    .where('id', '=', id)
    .where('token_version', '=', fromVersion)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
}

export async function updateProfile(
  trx: Transaction,
  id: number,
  changes: Partial<Pick<UserRow, 'signature' | 'avatar_key' | 'background_key'>>,
): Promise<boolean> {
  const result = await trx
    .updateTable('users')
    .set(changes)
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
}

/** Closes an account: its tokens die, its name is free. Returns false if it was closed before. */
export async function closeUser(trx: Transaction, id: number, deletedAt: number): Promise<boolean> {
  const result = await trx
    .updateTable('users')
    .set((e) => ({ name_key: null, deleted_at: deletedAt, token_version: e('token_version', '+', 1) }))
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
}

/** Removes the row of a closed account, once nothing refers to it any more. */
export async function deleteUser(trx: Transaction, id: number): Promise<void> {
  await trx.deleteFrom('users').where('id', '=', id).where('deleted_at', 'is not', null).execute();
}

export type UserCounter = 'follow_count' | 'follower_count' | 'total_favorited' | 'work_count' | 'favorite_count';

/** Moves a counter of one or more users by `by`; called only beside the row change that it counts. */
export async function addToUserCounter(
  trx: Transaction,
  ids: readonly number[],
  counter: UserCounter,
  by: number,
): Promise<void> {
  if (ids.length === 0 || by === 0) return;
  await trx
    .updateTable('users')
    .set((e) => ({ [counter]: e(counter, '+', by) }))
    .where('id', 'in', ids)
    .execute();
}

/** The newest id that any table of application ids holds, 0 when all are empty. */
export async function findNewestId(db: Reader): Promise<number> {
  const newest = await Promise.all([
    db
      .selectFrom('users')
      .select((e) => e.fn.max('id').as('id'))
      .executeTakeFirst(),
    db
      .selectFrom('videos')
      .select((e) => e.fn.max('id').as('id'))
      .executeTakeFirst(),
    db
      .selectFrom('comments')
      .select((e) => e.fn.max('id').as('id'))
      .executeTakeFirst(),
    db
      .selectFrom('messages')
      .select((e) => e.fn.max('id').as('id'))
      .executeTakeFirst(),
    db
      .selectFrom('outbox')
      .select((e) => e.fn.max('id').as('id'))
      .executeTakeFirst(),
  ]);
  return Math.max(0, ...newest.map((row) => row?.id ?? 0));
}
