import { limits } from '@tiktok-server/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { whileNotDeleted } from '../../../test/held-deletion.ts';
import { forgedTokenFor, seedSettings, seedUser, seedUsers } from '../../../test/seed.ts';
import { listOf, numberOf, rowOf, startTestServer, type TestServer, type TestUser } from '../../../test/server.ts';
import { expectCountersToEqualRows, leavesNothing } from '../../../test/stored.ts';
import { followStore, userStore } from '../../store/index.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer(seedSettings);
});
afterAll(() => server.close());

const follow = (who: TestUser, whom: { readonly id: number }, action = 1) =>
  server.call('follow', { to_user_id: whom.id, action_type: action }, { token: who.token });
const say = (from: TestUser, to: TestUser, content: string) =>
  server.call('sendMessage', { to_user_id: to.id, action_type: 1, content }, { token: from.token });
const seen = async (user: TestUser, by?: TestUser) =>
  rowOf(await server.call('user', { user_id: user.id }, by === undefined ? {} : { token: by.token }), 'user');
const idsOf = (answer: Record<string, unknown>): number[] =>
  listOf(answer, 'user_list').map((row) => numberOf(row, 'id'));
const followees = (user: TestUser) => server.call('followList', { user_id: user.id });
const followers = (user: TestUser) => server.call('followerList', { user_id: user.id });
const friends = (user: TestUser, parameters: Record<string, string> = {}) =>
  server.call('friendList', parameters, { token: user.token });

describe('following', () => {
  it('counts once however often it is said, on both sides; unfollowing takes it back once', async () => {
    const [fan, star] = [await seedUser(server), await seedUser(server)];
    const counts = async () => {
      const [one, other] = [await seen(fan), await seen(star, fan)];
      return [
        one['follow_count'],
        one['follower_count'],
        other['follow_count'],
        other['follower_count'],
        other['is_follow'],
      ];
    };
    for (let i = 0; i < 3; i += 1) {
      expect(await follow(fan, star)).toEqual({ status_code: 0, status_msg: '' });
      expect(await counts()).toEqual([1, 0, 0, 1, true]);
    }
    for (let i = 0; i < 3; i += 1) {
      expect(await follow(fan, star, 2)).toEqual({ status_code: 0, status_msg: '' });
      expect(await counts()).toEqual([0, 0, 0, 0, false]);
    }
    expect(idsOf(await followees(fan))).toEqual([]);
    expect(idsOf(await followers(star))).toEqual([]);
  });

  it.each([
    ['following', 1],
    ['unfollowing', 2],
  ])(
    'shows %s to who is told that it is done, also while who did it is not through with the cache',
    async (_, action) => {
      const [fan, star] = [await seedUser(server), await seedUser(server)];
      if (action === 2) await follow(fan, star);
      const counts = async () => {
        const [one, other] = [await seen(fan), await seen(star, fan)];
        return [one['follow_count'], other['follower_count'], other['is_follow']];
      };
      expect(await counts()).toEqual(action === 2 ? [1, 1, true] : [0, 0, false]);
      const again = async () => {
        expect(await follow(fan, star, action)).toMatchObject({ status_code: 0 });
        expect(await counts()).toEqual(action === 1 ? [1, 1, true] : [0, 0, false]);
      };
      const first = await whileNotDeleted(server, 'followed', () => follow(fan, star, action), again);
      expect(first).toMatchObject({ status_code: 0 });
    },
  );

  it('has a direction: being followed is not following', async () => {
    const [fan, star] = [await seedUser(server), await seedUser(server)];
    await follow(fan, star);
    expect((await seen(star, fan))['is_follow']).toBe(true);
    expect((await seen(fan, star))['is_follow']).toBe(false);
    expect((await seen(star))['is_follow']).toBe(false);
    expect((await seen(star, star))['is_follow']).toBe(false);
    const forged = { ...fan, token: await forgedTokenFor(server, fan.id) };
    expect((await seen(star, forged))['is_follow']).toBe(false);
  });

  it('oneself is an error, also in another spelling of the id', async () => {
    const user = await seedUser(server);
    for (const spelling of [String(user.id), user.id.toExponential()]) {
      const answer = await leavesNothing(server, () =>
        server.call('follow', { to_user_id: spelling, action_type: 1 }, { token: user.token }),
      );
      expect(answer).toEqual({ status_code: 110401, status_msg: 'You cannot follow yourself' });
    }
  });

  it.each([
    [{ to_user_id: '1', action_type: '1' }, 110001, 'User not found'],
    [{ to_user_id: '1', action_type: '2' }, 110001, 'User not found'],
    [{ action_type: '1' }, 100004, 'to_user_id is required'],
    [{ to_user_id: '1' }, 100004, 'action_type is required'],
    [{ to_user_id: 'x', action_type: '1' }, 100004, 'to_user_id must be'],
    [{ to_user_id: '1', action_type: '0' }, 100004, 'action_type must be one of 1, 2'],
  ])('refuses %j and stores nothing', async (parameters, code, message) => {
    const user = await seedUser(server);
    const answer = await leavesNothing(server, () => server.call('follow', parameters, { token: user.token }));
    expect(answer).toEqual({ status_code: code, status_msg: expect.stringContaining(message) });
  });

  it('needs a token', async () => {
    const user = await seedUser(server);
    const answer = await leavesNothing(server, () => server.call('follow', { to_user_id: user.id, action_type: 1 }));
    expect(answer.status_code).toBe(100005);
  });
});

describe('the lists of followees and followers', () => {
  it('are of whoever is asked about, latest first, for guests too', async () => {
    const [one, two, three, four] = [
      await seedUser(server),
      await seedUser(server),
      await seedUser(server),
      await seedUser(server),
    ];
    await follow(one, three);
    await follow(one, two);
    await follow(four, two);
    await follow(three, two);
    expect(idsOf(await followees(one))).toEqual([two.id, three.id]);
    expect(idsOf(await followers(two))).toEqual([three.id, four.id, one.id]);
    expect(idsOf(await server.call('followList', {}, { token: one.token }))).toEqual([two.id, three.id]);
    // Followed anew, it is the latest.
    await follow(one, three, 2);
    await follow(one, three);
    expect(idsOf(await followees(one))).toEqual([three.id, two.id]);
  });

  it('say of each user whether the caller follows it: not every follower is followed', async () => {
    const [star, fan, friend] = [await seedUser(server), await seedUser(server), await seedUser(server)];
    await follow(fan, star);
    await follow(friend, star);
    await follow(star, friend);
    const shown = async (by?: TestUser) =>
      listOf(
        await server.call('followerList', { user_id: star.id }, by === undefined ? {} : { token: by.token }),
        'user_list',
      ).map((row) => [row['id'], row['is_follow']]);
    expect(await shown(star)).toEqual([
      [friend.id, true],
      [fan.id, false],
    ]);
    expect(await shown()).toEqual([
      [friend.id, false],
      [fan.id, false],
    ]);
    expect(await shown(fan)).toEqual([
      [friend.id, false],
      [fan.id, false],
    ]);
  });

  it('go on from page to page with a cursor', async () => {
    const [star, ...fans] = await seedUsers(server, limits.userPageUsers + 8);
    if (star === undefined) throw new Error('no user');
    const { ids } = server.context.publishing;
    await server.context.database.transaction(async (trx) => {
      for (const fan of fans) {
        await followStore.insertFollow(trx, { id: ids.next(), follower_id: fan.id, followee_id: star.id });
        await followStore.insertFollow(trx, { id: ids.next(), follower_id: star.id, followee_id: fan.id });
      }
      for (const counter of ['follow_count', 'follower_count'] as const) {
        await userStore.addToUserCounter(trx, [star.id], counter, fans.length);
        await userStore.addToUserCounter(
          trx,
          fans.map((fan) => fan.id),
          counter,
          1,
        );
      }
    });
    const expected = fans.map((fan) => fan.id).reverse();
    for (const list of ['followList', 'followerList'] as const) {
      const first = await server.call(list, { user_id: star.id });
      expect(first).toMatchObject({ has_more: true });
      const second = await server.call(list, { user_id: star.id, cursor: String(first['next_cursor']) });
      expect(second).toMatchObject({ has_more: false, next_cursor: '' });
      expect(idsOf(first)).toHaveLength(limits.userPageUsers);
      expect([...idsOf(first), ...idsOf(second)]).toEqual(expected);
    }
    // The same of friends: the first conversation moves one to the front.
    const [quiet] = fans;
    if (quiet === undefined) throw new Error('no user');
    await say(quiet, star, 'hello');
    const first = await friends(star);
    const second = await friends(star, { cursor: String(first['next_cursor']) });
    expect([...idsOf(first), ...idsOf(second)]).toEqual([quiet.id, ...expected.filter((id) => id !== quiet.id)]);
    expect([first['has_more'], second['has_more']]).toEqual([true, false]);
  });

  it.each(['followList', 'followerList'] as const)('%s names what is missing', async (list) => {
    const empty = { user_list: [], has_more: false, next_cursor: '' };
    expect(await server.call(list, { user_id: 1 })).toEqual({
      status_code: 110001,
      status_msg: 'User not found',
      ...empty,
    });
    expect(await server.call(list)).toEqual({
      status_code: 100004,
      status_msg: 'Validation failed: user_id is required without a valid token',
      ...empty,
    });
    const user = await seedUser(server);
    expect(await server.call(list, { user_id: user.id })).toEqual({ status_code: 0, status_msg: '', ...empty });
    expect(await server.call(list, { user_id: user.id, cursor: '-5' })).toMatchObject({ status_code: 100004 });
  });
});

describe('the list of friends', () => {
  it('has mutual follows alone, most recent conversation first, with the latest message and who sent it', async () => {
    const [me, ada, bob, cyd, fan, star] = await seedUsers(server, 6);
    if (!me || !ada || !bob || !cyd || !fan || !star) throw new Error('no users');
    for (const friend of [ada, bob, cyd]) {
      await follow(me, friend);
      await follow(friend, me);
    }
    await follow(fan, me);
    await follow(me, star);
    const shown = async (user: TestUser) =>
      listOf(await friends(user), 'user_list').map((row) => [row['id'], row['message'], row['msgType']]);
    expect(await shown(me)).toEqual([
      [cyd.id, '', 0],
      [bob.id, '', 0],
      [ada.id, '', 0],
    ]);
    await say(bob, me, 'from Bob');
    await say(me, ada, 'to Ada');
    await say(fan, me, 'friendship is not required');
    expect(await shown(me)).toEqual([
      [ada.id, 'to Ada', 1],
      [bob.id, 'from Bob', 0],
      [cyd.id, '', 0],
    ]);
    expect(await shown(ada)).toEqual([[me.id, 'to Ada', 0]]);
    expect(await shown(bob)).toEqual([[me.id, 'from Bob', 1]]);
    await say(me, bob, 'back to Bob');
    expect(await shown(me)).toEqual([
      [bob.id, 'back to Bob', 1],
      [ada.id, 'to Ada', 1],
      [cyd.id, '', 0],
    ]);
    await follow(ada, me, 2);
    expect((await shown(me)).map(([id]) => id)).toEqual([bob.id, cyd.id]);
    expect(listOf(await friends(me), 'user_list')[0]).toMatchObject({ is_follow: true, follower_count: 1 });
  });

  it('is private: one’s own only, and never for a guest', async () => {
    const [me, other] = [await seedUser(server), await seedUser(server)];
    expect(await friends(me, { user_id: String(me.id) })).toMatchObject({ status_code: 0 });
    expect(await friends(me, { user_id: String(other.id) })).toMatchObject({ status_code: 100208, user_list: [] });
    expect(await server.call('friendList', { user_id: me.id })).toMatchObject({ status_code: 100005, user_list: [] });
  });
});

it('keeps counters equal to rows when many follow and unfollow one at once, while others read', async () => {
  const [star, ...fans] = await seedUsers(server, 51);
  if (star === undefined) throw new Error('no user');
  await Promise.all(
    fans.map(async (fan, position) => {
      await Promise.all([follow(fan, star), follow(fan, star), follow(star, fan)]);
      const shown = await seen(star, fan);
      expect(shown['is_follow']).toBe(true);
      expect(numberOf(shown, 'follower_count')).toBeGreaterThan(0);
      if (position % 2 === 0) {
        await Promise.all([follow(fan, star, 2), follow(fan, star, 2)]);
        expect((await seen(star, fan))['is_follow']).toBe(false);
      }
    }),
  );
  expect(await seen(star)).toMatchObject({ follow_count: 50, follower_count: 25 });
  expect(idsOf(await friends(star))).toHaveLength(25);
  await expectCountersToEqualRows(server);
});
