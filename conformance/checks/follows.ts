/** Section 3, relation/. */
import { checksOf } from '../check.ts';
import type { Row } from '../client.ts';
import { expect, expectOk, expectRefused, findById, idsOf, listOf, numberIn, rowIn } from '../expect.ts';
import type { Kit, TestUser } from '../kit.ts';

const follow = (kit: Kit, from: TestUser, to: { readonly id: number }, action: 1 | 2 = 1) =>
  kit.op('follow', { to_user_id: to.id, action_type: action }, from.token);
const stepFollow = (kit: Kit, from: TestUser, to: TestUser) =>
  kit.step('follow', { to_user_id: to.id, action_type: 1 }, from.token);
const say = (kit: Kit, from: TestUser, to: TestUser, content: string) =>
  kit.step('sendMessage', { to_user_id: to.id, action_type: 1, content }, from.token);

async function profile(kit: Kit, user: TestUser, viewer = user) {
  const reply = await kit.op('user', { user_id: user.id }, viewer.token);
  const row = rowIn(reply, 'user');
  return {
    reply,
    follows: numberIn(reply, row, 'follow_count'),
    followers: numberIn(reply, row, 'follower_count'),
    followed: row['is_follow'],
  };
}

const list = async (kit: Kit, name: 'followList' | 'followerList', user: TestUser, viewer?: TestUser) => {
  const reply = await kit.op(name, { user_id: user.id }, viewer?.token);
  return { reply, rows: listOf(reply, 'user_list') };
};

const sameIds = (rows: readonly Row[], users: readonly TestUser[]): boolean =>
  JSON.stringify(idsOf(rows)) === JSON.stringify(users.map(({ id }) => id));

const named = (users: readonly TestUser[]): string =>
  users.length === 0 ? 'nobody' : users.map(({ id }) => id).join(', ');

export const followChecks = checksOf('operations', [
  {
    id: 'follows.follow',
    title: 'a follow and its end show in both lists, is_follow and both counters',
    why: 'It is what the button says.',
    fix: 'Insert or delete the row and change both counters in one transaction; compute is_follow for the token’s user.',
    run: async (kit) => {
      const [one, other] = [await kit.userFor('follows'), await kit.userFor('follows')];
      for (const [action, users, others] of [
        [1, [other], [one]],
        [2, [], []],
      ] as const) {
        expectOk(await follow(kit, one, other, action), action === 1 ? 'to follow' : 'to unfollow');
        const following = await list(kit, 'followList', one, one);
        expect(following.reply, sameIds(following.rows, users), `exactly: ${named(users)}`);
        const followers = await list(kit, 'followerList', other, one);
        expect(followers.reply, sameIds(followers.rows, others), `exactly: ${named(others)}`);
        const shown = await profile(kit, other, one);
        expect(shown.reply, shown.followed === (action === 1), `"is_follow": ${action === 1} for the user who asks`);
        expect(shown.reply, shown.followers === users.length, `"follower_count": ${users.length}`);
        const own = await profile(kit, one);
        expect(own.reply, own.follows === users.length, `"follow_count": ${users.length}`);
      }
    },
  },
  {
    id: 'follows.idempotent',
    fault: 'twice-is-an-error',
    title: 'following twice, and unfollowing twice, is no error and counts once',
    why: 'The app repeats a call that got no answer.',
    fix: 'A unique index on (follower, followed); change the counters only if a row was really inserted or deleted.',
    run: async (kit) => {
      const [one, other] = [await kit.userFor('follows'), await kit.userFor('follows')];
      for (const [action, count] of [
        [1, 1],
        [1, 1],
        [2, 0],
        [2, 0],
      ] as const) {
        expectOk(await follow(kit, one, other, action), 'this to succeed, the second time too');
        const shown = await profile(kit, other);
        expect(shown.reply, shown.followers === count, `"follower_count": ${count} (action_type ${action} was sent)`);
        const own = await profile(kit, one);
        expect(own.reply, own.follows === count, `"follow_count": ${count} (action_type ${action} was sent)`);
      }
    },
  },
  {
    id: 'follows.counters',
    fault: 'drift',
    title: 'follow counters are exact, also under concurrent follows',
    why: 'Counters that drift never become right again.',
    fix: 'Change counters with "SET n = n + 1" in the transaction that inserts the row, not by read, add and write.',
    run: async (kit) => {
      const star = await kit.userFor('follows');
      const fans = [await kit.userFor('follows'), await kit.userFor('follows'), await kit.userFor('follows')];
      await Promise.all([...fans, ...fans].map(async (fan) => expectOk(await follow(kit, fan, star), 'a follow')));
      const after = await profile(kit, star);
      expect(
        after.reply,
        after.followers === fans.length,
        `"follower_count": ${fans.length}, each followed twice at once`,
      );
      const { reply, rows } = await list(kit, 'followerList', star, star);
      expect(reply, rows.length === fans.length, `${fans.length} followers, each once`);
      await Promise.all(
        [...fans, ...fans].map(async (fan) => expectOk(await follow(kit, fan, star, 2), 'an unfollow')),
      );
      const end = await profile(kit, star);
      expect(end.reply, end.followers === 0, '"follower_count": 0 after all unfollowed, twice each');
    },
  },
  {
    id: 'follows.flags',
    fault: 'all-followed',
    title: 'is_follow in lists says whether the caller follows, for each user',
    why: 'The button "follow back" appears only where it is false.',
    fix: 'Ask for each user of the list whether the token’s user follows them; a follower is not followed by that alone.',
    run: async (kit) => {
      const [user, followed, fan] = [
        await kit.userFor('follows'),
        await kit.userFor('follows'),
        await kit.userFor('follows'),
      ];
      for (const one of [followed, fan]) await stepFollow(kit, one, user);
      await stepFollow(kit, user, followed);
      const own = await list(kit, 'followerList', user, user);
      expect(own.reply, findById(own.rows, fan.id)?.['is_follow'] === false, `"is_follow": false for ${fan.id}`);
      expect(
        own.reply,
        findById(own.rows, followed.id)?.['is_follow'] === true,
        `"is_follow": true for ${followed.id}`,
      );
      for (const viewer of [fan, undefined]) {
        const other = await list(kit, 'followList', user, viewer);
        const holds = findById(other.rows, followed.id)?.['is_follow'] === false;
        expect(other.reply, holds, `"is_follow": false for ${followed.id}: the one who asks does not follow them`);
      }
    },
  },
  {
    id: 'follows.any-user',
    fault: 'oneself-only',
    title: 'follow/list/ and follower/list/ are of user_id, whoever asks; latest first',
    why: 'The app shows them on the profiles of others.',
    fix: 'Filter by user_id and not by the token’s user; order by the time of the follow, latest first.',
    run: async (kit) => {
      const [user, one, other, stranger] = [
        await kit.userFor('follows'),
        await kit.userFor('follows'),
        await kit.userFor('follows'),
        await kit.userFor('follows'),
      ];
      // The younger account first: the order of follows differs from the order of users.
      for (const followed of [other, one]) {
        await stepFollow(kit, user, followed);
        await stepFollow(kit, followed, user);
      }
      for (const viewer of [user, stranger, undefined]) {
        for (const name of ['followList', 'followerList'] as const) {
          const { reply, rows } = await list(kit, name, user, viewer);
          expect(reply, sameIds(rows, [one, other]), `users ${named([one, other])}: latest first`);
        }
      }
      const { reply, rows } = await list(kit, 'followList', stranger, user);
      expect(reply, rows.length === 0, `an empty list: user ${stranger.id} follows nobody`);
      const own = await kit.op('followList', {}, user.token);
      expect(own, sameIds(listOf(own, 'user_list'), [one, other]), 'without user_id the list of the token’s user');
    },
  },
  {
    id: 'follows.oneself',
    title: 'one cannot follow oneself, nor somebody who does not exist',
    why: 'It would make one’s own friend, and counters that nobody believes.',
    fix: 'Compare to_user_id with the token’s user, and look the other user up, before you insert.',
    run: async (kit) => {
      const user = await kit.userFor('follows');
      expectRefused(await follow(kit, user, user), 'nobody follows themselves');
      expectRefused(await follow(kit, user, { id: Number.MAX_SAFE_INTEGER - 1 }), 'there is no such user');
      const shown = await profile(kit, user);
      expect(
        shown.reply,
        shown.follows === 0 && shown.followers === 0,
        'counters of 0 after follows that were refused',
      );
    },
  },
  {
    id: 'follows.friends',
    title: 'friend/list/ holds mutual follows only, with the latest message and who sent it',
    why: 'It is the list of conversations: msgType 0 is "they wrote", 1 is "you wrote".',
    fix: 'Join follows with itself; msgType is 1 if the latest message is from the token’s user, else 0; message "" if none.',
    run: async (kit) => {
      const [user, talker, quiet, fan] = [
        await kit.userFor('follows', 'messages'),
        await kit.userFor('follows', 'messages'),
        await kit.userFor('follows', 'messages'),
        await kit.userFor('follows', 'messages'),
      ];
      for (const friend of [talker, quiet]) {
        await stepFollow(kit, user, friend);
        await stepFollow(kit, friend, user);
      }
      await stepFollow(kit, fan, user);
      await say(kit, user, talker, 'first');
      await say(kit, talker, user, 'second');
      for (const [viewer, other, msgType] of [
        [user, talker, 0],
        [talker, user, 1],
      ] as const) {
        const reply = await kit.op('friendList', { user_id: viewer.id }, viewer.token);
        const row = findById(listOf(reply, 'user_list'), other.id);
        expect(reply, row !== undefined, `user ${other.id}, who follows and is followed`);
        expect(reply, row['message'] === 'second', `"message": "second", the latest one with user ${other.id}`);
        const who = msgType === 1 ? 'sent' : 'received';
        expect(reply, row['msgType'] === msgType, `"msgType": ${msgType}: the caller ${who} that message`);
      }
      const reply = await kit.op('friendList', { user_id: user.id }, user.token);
      const rows = listOf(reply, 'user_list');
      const row = findById(rows, quiet.id);
      expect(reply, row?.['message'] === '' && row['msgType'] === 0, `"message": "" and "msgType": 0 for ${quiet.id}`);
      const wanted = `users ${named([talker, quiet])} only, the most recent conversation first`;
      expect(reply, sameIds(rows, [talker, quiet]), wanted);
      const unnamed = await kit.op('friendList', {}, user.token);
      expect(unnamed, sameIds(listOf(unnamed, 'user_list'), [talker, quiet]), 'the same without user_id');
    },
  },
  {
    id: 'follows.friends-private',
    title: 'friend/list/ of somebody else is not shown',
    why: 'It carries the latest messages between two people.',
    fix: 'Refuse a user_id that is not the token’s user.',
    run: async (kit) => {
      const [one, other] = [await kit.carol(), await kit.alice()];
      expectRefused(await kit.op('friendList', { user_id: one.id }, other.token), 'it is the list of another user');
    },
  },
]);
