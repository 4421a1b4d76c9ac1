import { DomainError } from '@tiktok-server/contract';
import type { Transaction, UserRow } from '../db/index.ts';
import { userStore } from '../store/index.ts';

/**
 * Makes sure, inside the transaction, that the caller's account is open, and stays so until the transaction ends. A request
 * that was let in before the account was closed must not leave rows behind that its erasing has already passed.
 *
 * `others` are held as well: all users that the transaction will change. To wait for each other in a circle is what two
 * transactions cannot do, because each holds what it needs in the same order: videos, users, conversations, each by id.
 */
export async function requireOpenAccount(
  trx: Transaction,
  userId: number,
  others: readonly number[] = [],
): Promise<UserRow[]> {
  const users = await userStore.lockUsers(trx, [userId, ...others]);
  requireOpen(users, userId);
  return users;
}

/** The same for a transaction that changes nothing in the users whom it refers to: others like it need not wait. */
export async function keepOpenAccount(
  trx: Transaction,
  userId: number,
  others: readonly number[] = [],
): Promise<UserRow[]> {
  const users = await userStore.keepUsers(trx, [userId, ...others]);
  requireOpen(users, userId);
  return users;
}

export const isOpen = (users: readonly UserRow[], userId: number): boolean =>
  users.some((user) => user.id === userId && user.deleted_at === null);

function requireOpen(users: readonly UserRow[], userId: number): void {
  if (!isOpen(users, userId)) throw new DomainError('ErrTokenInvalid');
}
