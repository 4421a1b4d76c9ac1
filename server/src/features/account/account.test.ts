import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listOf, numberOf, rowOf, startTestServer, type TestServer, textOf } from '../../../test/server.ts';
import { mediaFiles } from '../../../test/stored.ts';
import { nameKeyOf } from './account.service.ts';

const secret = 'a secret of at least 32 characters, for this test';
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ JWT_SECRET: secret });
});
afterAll(() => server.close());

describe('register', () => {
  it('gives an id and a token that works at once', async () => {
    const user = await server.user('Ada');
    const answer = await server.call('user', {}, { token: user.token });
    expect(rowOf(answer, 'user')).toMatchObject({ id: user.id, name: 'Ada', follow_count: 0, work_count: 0 });
  });

  it('refuses a name that differs only in case, composition or blanks around it', async () => {
    await server.user('Zoë');
    await server.user('straße');
    for (const username of ['zoë', 'ZOË', 'Zoe\u0308', ' Zoë ', 'Zo\u00adë', 'Zoë\u200b', 'STRAẞE', 'Strasse']) {
      expect(await server.call('register', { username, password: 'secret1' })).toMatchObject({
        status_code: 110002,
        user_id: 0,
        token: '',
      });
    }
  });

  it('counts code points, not bytes or UTF-16 units', async () => {
    expect(await server.call('register', { username: '🐻'.repeat(32), password: '🔑'.repeat(32) })).toMatchObject({
      status_code: 0,
    });
    expect(await server.call('register', { username: '🐼'.repeat(33), password: 'secret1' })).toMatchObject({
      status_code: 110101,
    });
    expect(await server.call('register', { username: 'short', password: '🔑'.repeat(5) })).toMatchObject({
      status_code: 100004,
      status_msg: 'Validation failed: password must be at least 6 characters long',
    });
  });

  it('lets one of many at the same time have a name', async () => {
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => server.call('register', { username: 'race', password: 'secret1' })),
    );
    expect(answers.map((answer) => answer.status_code).sort()).toEqual([0, ...Array(7).fill(110002)]);
  });

  it.each([
    [{ password: 'secret1' }, 110103],
    [{ username: '', password: 'secret1' }, 110103],
    [{ username: '  ', password: 'secret1' }, 110103],
    [{ username: '\u200b\u00ad', password: 'secret1' }, 110103],
    [{ username: 'x', password: '' }, 110103],
    [{ username: 'a\u0000b', password: 'secret1' }, 100004],
    [{ username: 'a\u202eb', password: 'secret1' }, 100004],
  ])('refuses %j', async (parameters, code) => {
    expect(await server.call('register', parameters)).toMatchObject({ status_code: code, user_id: 0, token: '' });
  });
});

describe('login', () => {
  it('takes the name in any case, and says the same of an unknown user and a wrong password', async () => {
    const user = await server.user('Grace');
    expect(await server.call('login', { username: 'GRACE', password: user.password })).toMatchObject({
      status_code: 0,
      user_id: user.id,
    });
    const wrong = await server.call('login', { username: 'Grace', password: 'not it' });
    const unknown = await server.call('login', { username: 'nobody at all', password: 'not it' });
    expect(wrong).toEqual(unknown);
    expect(wrong).toMatchObject({ status_code: 100207, user_id: 0, token: '' });
  });

  it('works as long for an unknown user as for a wrong password, so that the time tells nobody who is there', async () => {
    await server.user('Timing');
    // The processor's time, of all threads: the clock's is that of everything else on this computer as well.
    const worked = async (username: string): Promise<number> => {
      const before = process.cpuUsage();
      await server.call('login', { username, password: 'not it' });
      const { user, system } = process.cpuUsage(before);
      return user + system;
    };
    const [known, unknown]: [number[], number[]] = [[], []];
    for (let i = 0; i < 7; i += 1) {
      known.push(await worked('Timing'));
      unknown.push(await worked('unknown'));
    }
    const ratio = Math.min(...known) / Math.min(...unknown);
    expect(ratio).toBeGreaterThan(0.5);
    expect(ratio).toBeLessThan(2);
  });
});

describe('tokens', () => {
  const sign = (claims: Record<string, unknown>, key = secret, alg = 'HS256') =>
    new SignJWT(claims).setProtectedHeader({ alg }).sign(new TextEncoder().encode(key));

  it('tells expired from forged where a token is required, and reads both as a guest where it is not', async () => {
    const user = await server.user();
    const past = Math.floor(Date.now() / 1000) - 10;
    const expired = await sign({ sub: String(user.id), ver: 1, exp: past });
    const forged = await sign(
      { sub: String(user.id), ver: 1, exp: past + 1000 },
      'another secret of more than 32 characters',
    );
    const otherAlgorithm = await sign({ sub: String(user.id), ver: 1, exp: past + 1000 }, secret, 'HS512');
    const eternal = await sign({ sub: String(user.id), ver: 1 });
    expect(await server.call('like', { video_id: 1, action_type: 1 }, { token: expired })).toMatchObject({
      status_code: 100203,
    });
    for (const token of [forged, otherAlgorithm, eternal, 'junk', 'a.b.c', 'x'.repeat(5000)]) {
      expect(await server.call('like', { video_id: 1, action_type: 1 }, { token })).toMatchObject({
        status_code: 100005,
      });
      expect(await server.call('user', { user_id: user.id }, { token })).toMatchObject({ status_code: 0 });
    }
    expect(await server.call('like', { video_id: 1, action_type: 1 })).toMatchObject({ status_code: 100005 });
    expect(await server.call('user', {}, { token: expired })).toMatchObject({ status_code: 100004, user: null });
  });

  it('are taken from the Authorization header as well', async () => {
    const user = await server.user();
    const answer = await server.call('user', {}, { headers: { authorization: `Bearer ${user.token}` } });
    expect(rowOf(answer, 'user')['id']).toBe(user.id);
  });

  it('die at once when the password changes', async () => {
    const user = await server.user();
    const second = await server.call('login', { username: user.name, password: user.password });
    expect(
      await server.call('changePassword', { old_password: 'wrong', new_password: 'new secret' }, { token: user.token }),
    ).toMatchObject({ status_code: 100207, token: '' });
    const changed = await server.call(
      'changePassword',
      { old_password: user.password, new_password: 'new secret' },
      { token: user.token },
    );
    expect(changed.status_code).toBe(0);
    for (const token of [user.token, textOf(second, 'token')]) {
      expect(await server.call('friendList', {}, { token })).toMatchObject({ status_code: 100005 });
    }
    expect(await server.call('friendList', {}, { token: textOf(changed, 'token') })).toMatchObject({ status_code: 0 });
    expect(await server.call('login', { username: user.name, password: user.password })).toMatchObject({
      status_code: 100207,
    });
    expect(await server.call('login', { username: user.name, password: 'new secret' })).toMatchObject({
      status_code: 0,
    });
  });
});

describe('deleting an account', () => {
  it('removes everything of it and corrects every count', async () => {
    const [gone, left, third] = [await server.user('Leaver'), await server.user(), await server.user()];
    const own = await server.publish(gone);
    const other = await server.publish(left);
    for (const token of [gone.token, third.token]) {
      await server.call('like', { video_id: other, action_type: 1 }, { token });
      await server.call('like', { video_id: own, action_type: 1 }, { token });
      await server.call('comment', { video_id: other, action_type: 1, comment_text: 'hello' }, { token });
      await server.call('follow', { to_user_id: left.id, action_type: 1 }, { token });
    }
    await server.call('follow', { to_user_id: gone.id, action_type: 1 }, { token: left.token });
    await server.call('sendMessage', { to_user_id: gone.id, action_type: 1, content: 'hi' }, { token: left.token });

    expect(await server.call('deleteAccount', { password: 'wrong one' }, { token: gone.token })).toMatchObject({
      status_code: 100207,
    });
    expect(await server.call('deleteAccount', { password: gone.password }, { token: gone.token })).toMatchObject({
      status_code: 0,
    });
    expect(await server.call('user', { user_id: gone.id })).toMatchObject({ status_code: 110001 });
    expect(listOf(await server.call('feed'), 'video_list').map((video) => video['id'])).not.toContain(own);
    await server.context.jobs.processAll();

    expect(await server.call('friendList', {}, { token: gone.token })).toMatchObject({ status_code: 100005 });
    expect(rowOf(await server.call('user', { user_id: left.id }), 'user')).toMatchObject({
      follower_count: 1,
      follow_count: 0,
      total_favorited: 1,
    });
    expect(rowOf(await server.call('user', { user_id: third.id }), 'user')).toMatchObject({ favorite_count: 1 });
    const video = rowOf(await server.call('video', { video_id: other }), 'video');
    expect([numberOf(video, 'favorite_count'), numberOf(video, 'comment_count')]).toEqual([1, 1]);
    expect(listOf(await server.call('commentList', { video_id: other }), 'comment_list')).toHaveLength(1);
    expect(await server.call('chat', { to_user_id: gone.id }, { token: left.token })).toMatchObject({
      status_code: 110001,
      message_list: [],
    });
    expect((await mediaFiles(server)).filter((path) => path.startsWith(`videos/${own}/`))).toEqual([]);
    expect(await server.call('register', { username: 'leaver', password: 'secret1' })).toMatchObject({
      status_code: 0,
    });
  });
});

it('compares names without case, composition and blanks around them', () => {
  expect(nameKeyOf(' ÉCOLE')).toBe(nameKeyOf('e\u0301cole '));
  expect(nameKeyOf('STRASSE')).toBe(nameKeyOf('straße'));
  expect(nameKeyOf('a b')).not.toBe(nameKeyOf('ab'));
});
