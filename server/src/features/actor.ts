import { DomainError } from '@tiktok-server/contract';
import type { Transaction } from '../db/index.ts';
import { userStore } from '../store/index.ts';

/**
 * Makes sure, inside the transaction, that the caller's account is still open. A request that was let in before the
 * account was closed must not leave rows behind that its erasing has already passed.
 */
export async function requireOpenAccount(trx: Transaction, userId: number): Promise<void> {
  if (!(await userStore.userExists(trx, userId))) throw new DomainError('ErrTokenInvalid');
}
