import { DomainError } from '@tiktok-server/contract';
import type { Database } from '../../db/index.ts';
import type { Writer } from '../../jobs/index.ts';
import type { IdSource } from '../../ports/index.ts';
import { followedKey, userKey } from '../../read/index.ts';
import { followStore, userStore } from '../../store/index.ts';
import { isOpen, requireOpenAccount } from '../actor.ts';

export type FollowDeps = { readonly database: Database; readonly writer: Writer; readonly ids: IdSource };

/** Follows or unfollows; idempotent both ways, with both counters in the same transaction. */
export async function setFollow(
  deps: FollowDeps,
  followerId: number,
  followeeId: number,
  followed: boolean,
): Promise<void> {
  if (followerId === followeeId) throw new DomainError('ErrFollowSelf');
  await deps.writer.write(async ({ trx, invalidate, alreadyMade }) => {
    const users = await requireOpenAccount(trx, followerId, [followeeId]);
    if (!isOpen(users, followeeId)) throw new DomainError('ErrUserNotFound');
    const changed = followed
      ? await followStore.insertFollow(trx, { id: deps.ids.next(), follower_id: followerId, followee_id: followeeId })
      : await followStore.deleteFollow(trx, followerId, followeeId);
    const old = [userKey(followerId), userKey(followeeId), followedKey(followerId)];
    if (!changed) return alreadyMade(...old);
    const by = followed ? 1 : -1;
    await userStore.addToUserCounter(trx, [followerId], 'follow_count', by);
    await userStore.addToUserCounter(trx, [followeeId], 'follower_count', by);
    invalidate(...old);
  });
}
