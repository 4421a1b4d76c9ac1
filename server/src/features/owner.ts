import { DomainError } from '@tiktok-server/contract';
import { type Facts, userIsVisible } from '../read/index.ts';
import type { Caller } from './handler.ts';

/** Whose list is asked for: `user_id`, else the caller. A guest must name somebody. */
export async function ownerOf(facts: Facts, userId: number | undefined, caller: Caller): Promise<number> {
  const owner = userId ?? caller.userId;
  if (owner === undefined) {
    throw new DomainError('ErrValidation', {
      detail: { en: 'user_id is required without a valid token', zh: '没有有效的 token 时必须提供 user_id' },
    });
  }
  const users = await facts.users([owner]);
  if (!userIsVisible(users.get(owner))) throw new DomainError('ErrUserNotFound');
  return owner;
}
