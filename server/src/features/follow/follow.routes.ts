import { DomainError, limits } from '@tiktok-server/contract';
import { type Facts, friendPage, userPage } from '../../read/index.ts';
import { followStore, messageStore } from '../../store/index.ts';
import type { Handler, Handlers } from '../handler.ts';
import { ownerOf } from '../owner.ts';
import { type FollowDeps, setFollow } from './follow.service.ts';

type Routes = Pick<Handlers, 'follow' | 'followList' | 'followerList' | 'friendList'>;

export function followRoutes(deps: FollowDeps & { readonly facts: Facts }): Routes {
  const { facts, database } = deps;

  const listBy =
    (list: typeof followStore.listFollowees): Handler<'followList'> & Handler<'followerList'> =>
    async ({ input, caller }) => {
      const owner = await ownerOf(facts, input.user_id, caller);
      const page = await list(database.reader, owner, input.cursor, limits.userPageUsers);
      const ids = page.rows.map((row) => row.userId);
      return { user_list: await userPage(facts, ids, caller), has_more: page.next !== '', next_cursor: page.next };
    };

  return {
    follow: async ({ input, caller }) => {
      await setFollow(deps, caller.userId, input.to_user_id, input.action_type === 1);
      return {};
    },
    followList: listBy(followStore.listFollowees),
    followerList: listBy(followStore.listFollowers),
    friendList: async ({ input, caller }) => {
      if (input.user_id !== undefined && input.user_id !== caller.userId) {
        throw new DomainError('ErrPermissionDenied', {
          detail: { en: 'user_id must be your own: friends are private', zh: 'user_id 必须是你自己：好友列表是私密的' },
        });
      }
      const page = await followStore.listFriends(database.reader, caller.userId, input.cursor, limits.userPageUsers);
      const latestIds = page.rows.flatMap((row) => (row.lastMessageId === null ? [] : [row.lastMessageId]));
      const latest = new Map(
        (await messageStore.findMessages(database.reader, latestIds)).map((message) => [message.id, message]),
      );
      const friends = page.rows.map(({ userId, lastMessageId }) => ({
        userId,
        latest: lastMessageId === null ? undefined : latest.get(lastMessageId),
      }));
      return {
        user_list: await friendPage(facts, friends, caller),
        has_more: page.next !== '',
        next_cursor: page.next,
      };
    },
  };
}
