import { limits } from '@tiktok-server/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { whileNotDeleted } from '../../../test/held-deletion.ts';
import {
  forgedTokenFor,
  seedSettings,
  seedUser,
  seedUsers,
  seedVideo,
  seedVideos,
  tokenFor,
} from '../../../test/seed.ts';
import { listOf, numberOf, rowOf, startTestServer, type TestServer, type TestUser } from '../../../test/server.ts';
import { expectCountersToEqualRows, leavesNothing } from '../../../test/stored.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer(seedSettings);
});
afterAll(() => server.close());

const like = (user: TestUser, videoId: number, action = 1) =>
  server.call('like', { video_id: videoId, action_type: action }, { token: user.token });
const seen = async (videoId: number, by?: TestUser) =>
  rowOf(await server.call('video', { video_id: videoId }, by === undefined ? {} : { token: by.token }), 'video');
const likedBy = async (user: TestUser, parameters: Record<string, string> = {}) =>
  await server.call('likeList', { user_id: user.id, ...parameters });
const idsOf = (rows: readonly Record<string, unknown>[]): number[] => rows.map((row) => numberOf(row, 'id'));

describe('liking', () => {
  it('counts once however often it is said, in the video, its author and who likes; unliking takes it back once', async () => {
    const [author, fan] = [await seedUser(server), await seedUser(server)];
    const videoId = await seedVideo(server, author);
    const counts = async () => {
      const video = await seen(videoId, fan);
      const user = rowOf(await server.call('user', { user_id: fan.id }), 'user');
      return {
        video: video['favorite_count'],
        liked: video['is_favorite'],
        author: rowOf(video, 'author')['total_favorited'],
        fan: user['favorite_count'],
      };
    };
    expect(await counts()).toEqual({ video: 0, liked: false, author: 0, fan: 0 });
    for (let i = 0; i < 3; i += 1) {
      expect(await like(fan, videoId)).toEqual({ status_code: 0, status_msg: '' });
      expect(await counts()).toEqual({ video: 1, liked: true, author: 1, fan: 1 });
    }
    for (let i = 0; i < 3; i += 1) {
      expect(await like(fan, videoId, 2)).toEqual({ status_code: 0, status_msg: '' });
      expect(await counts()).toEqual({ video: 0, liked: false, author: 0, fan: 0 });
    }
  });

  it('is shown only to who likes: not to a guest, a forged token or another user', async () => {
    const [author, fan, other] = [await seedUser(server), await seedUser(server), await seedUser(server)];
    const videoId = await seedVideo(server, author);
    await like(fan, videoId);
    expect(await seen(videoId, fan)).toMatchObject({ is_favorite: true, favorite_count: 1 });
    expect(await seen(videoId, other)).toMatchObject({ is_favorite: false, favorite_count: 1 });
    expect(await seen(videoId)).toMatchObject({ is_favorite: false, favorite_count: 1 });
    const forged = { ...fan, token: await forgedTokenFor(server, fan.id) };
    expect(await seen(videoId, forged)).toMatchObject({ is_favorite: false });
    expect(await like(forged, videoId, 2)).toMatchObject({ status_code: 100005 });
    expect(
      await like({ ...fan, token: await tokenFor(server, fan.id, { expiresInMs: -60_000 }) }, videoId, 2),
    ).toMatchObject({
      status_code: 100203,
    });
    expect(await seen(videoId, fan)).toMatchObject({ is_favorite: true });
  });

  it.each([
    ['liking', 1],
    ['unliking', 2],
  ])(
    'shows %s to who is told that it is done, also while who did it is not through with the cache',
    async (_, action) => {
      const [author, fan] = [await seedUser(server), await seedUser(server)];
      const videoId = await seedVideo(server, author);
      if (action === 2) await like(fan, videoId);
      const before = { is_favorite: action === 2, favorite_count: action === 2 ? 1 : 0 };
      expect(await seen(videoId, fan)).toMatchObject(before);
      const after = { is_favorite: action === 1, favorite_count: action === 1 ? 1 : 0 };
      const again = async () => {
        expect(await like(fan, videoId, action)).toMatchObject({ status_code: 0 });
        expect(await seen(videoId, fan)).toMatchObject(after);
      };
      const first = await whileNotDeleted(server, 'liked', () => like(fan, videoId, action), again);
      expect(first).toMatchObject({ status_code: 0 });
    },
  );

  it('of one’s own video counts on both sides', async () => {
    const author = await seedUser(server);
    const videoId = await seedVideo(server, author);
    await like(author, videoId);
    expect(rowOf(await seen(videoId, author), 'author')).toMatchObject({ total_favorited: 1, favorite_count: 1 });
  });

  it('takes ids in exponent notation, as clients that decode numbers to doubles send them', async () => {
    const [author, fan] = [await seedUser(server), await seedUser(server)];
    const videoId = await seedVideo(server, author);
    const answer = await server.call(
      'like',
      { video_id: videoId.toExponential(), action_type: '1.0' },
      { token: fan.token },
    );
    expect(answer.status_code).toBe(0);
    expect(await seen(videoId, fan)).toMatchObject({ is_favorite: true });
  });

  it.each([
    [{ video_id: '1', action_type: '1' }, 110201, 'Video not found'],
    [{ action_type: '1' }, 100004, 'Validation failed: video_id is required'],
    [{ video_id: '1' }, 100004, 'Validation failed: action_type is required'],
    [{ video_id: '1', action_type: '3' }, 100004, 'Validation failed: action_type must be one of 1, 2'],
    [{ video_id: '1', action_type: '0' }, 100004, 'Validation failed: action_type must be one of 1, 2'],
    [{ video_id: '1.5', action_type: '1' }, 100004, /^Validation failed: video_id must be a whole number/],
    [{ video_id: '9007199254740993', action_type: '1' }, 100004, /^Validation failed: video_id must be/],
    [{ video_id: '-1', action_type: '1' }, 100004, /^Validation failed: video_id must be/],
  ])('refuses %j and stores nothing', async (parameters, code, message) => {
    const fan = await seedUser(server);
    const answer = await leavesNothing(server, () => server.call('like', parameters, { token: fan.token }));
    expect(answer).toEqual({ status_code: code, status_msg: expect.stringMatching(message) });
  });
});

describe('the list of likes', () => {
  it('is of the user that is asked about, latest like first, for everyone', async () => {
    const [author, fan, other] = [await seedUser(server), await seedUser(server), await seedUser(server)];
    const [a = 0, b = 0, c = 0] = (await seedVideos(server, author, 3)).map((video) => video.id);
    for (const videoId of [b, a, c]) await like(fan, videoId);
    await like(other, a);
    expect(idsOf(listOf(await likedBy(fan), 'video_list'))).toEqual([c, a, b]);
    expect(idsOf(listOf(await server.call('likeList', {}, { token: fan.token }), 'video_list'))).toEqual([c, a, b]);
    // With the token of somebody else: still of `user_id`, with the hearts of who asks.
    const asOther = await server.call('likeList', { user_id: fan.id }, { token: other.token });
    expect(listOf(asOther, 'video_list').map((video) => [video['id'], video['is_favorite']])).toEqual([
      [c, false],
      [a, true],
      [b, false],
    ]);
    // Liked again after an unlike, it is the latest.
    await like(fan, b, 2);
    await like(fan, b);
    expect(idsOf(listOf(await likedBy(fan), 'video_list'))).toEqual([b, c, a]);
  });

  it('goes on from page to page with a cursor, without a repeat or a gap, also when a like vanishes in between', async () => {
    const [author, fan] = [await seedUser(server), await seedUser(server)];
    const size = limits.videoPageVideos;
    const videos = await seedVideos(server, author, size + 20);
    for (const video of videos) await like(fan, video.id);
    const expected = videos.map((video) => video.id).reverse();
    const first = await likedBy(fan);
    expect(first).toMatchObject({ has_more: true, next_cursor: expect.stringMatching(/^\d+$/) });
    expect(idsOf(listOf(first, 'video_list'))).toEqual(expected.slice(0, size));
    await like(fan, expected[size - 1] ?? 0, 2);
    const second = await likedBy(fan, { cursor: String(first['next_cursor']) });
    expect(second).toMatchObject({ status_code: 0, has_more: false, next_cursor: '' });
    expect(idsOf(listOf(second, 'video_list'))).toEqual(expected.slice(size));
  });

  it('has exactly one page at the size of a page', async () => {
    const [author, fan] = [await seedUser(server), await seedUser(server)];
    for (const video of await seedVideos(server, author, limits.videoPageVideos)) await like(fan, video.id);
    const answer = await likedBy(fan);
    expect(answer).toMatchObject({ has_more: false, next_cursor: '' });
    expect(listOf(answer, 'video_list')).toHaveLength(limits.videoPageVideos);
  });

  it('names what is missing: a user, or any user at all', async () => {
    expect(await server.call('likeList', { user_id: 1 })).toEqual({
      status_code: 110001,
      status_msg: 'User not found',
      video_list: [],
      has_more: false,
      next_cursor: '',
    });
    expect(await server.call('likeList')).toMatchObject({
      status_code: 100004,
      status_msg: expect.stringContaining('user_id'),
      video_list: [],
    });
    expect(await server.call('likeList', { user_id: 1, cursor: 'x' })).toMatchObject({
      status_code: 100004,
      status_msg: expect.stringContaining('cursor'),
    });
  });
});

it('keeps counters equal to rows through likes and unlikes of many at once', async () => {
  const [author, ...fans] = await seedUsers(server, 51);
  if (author === undefined) throw new Error('no author');
  const videos = await seedVideos(server, author, 2);
  const reads: Promise<Record<string, unknown>>[] = [];
  await Promise.all(
    fans.map(async (fan, position) => {
      for (const [turn, video] of videos.entries()) {
        await Promise.all([like(fan, video.id), like(fan, video.id)]);
        // Each sees the own like at once, whatever the others do meanwhile.
        const own = await seen(video.id, fan);
        expect(own['is_favorite']).toBe(true);
        expect(numberOf(own, 'favorite_count')).toBeGreaterThan(0);
        reads.push(server.call('feed'));
        if ((position + turn) % 2 === 0) {
          await Promise.all([like(fan, video.id, 2), like(fan, video.id, 2)]);
          expect((await seen(video.id, fan))['is_favorite']).toBe(false);
        }
      }
    }),
  );
  await Promise.all(reads);
  await expectCountersToEqualRows(server);
  for (const [turn, video] of videos.entries()) {
    const kept = fans.filter((_, position) => (position + turn) % 2 !== 0).length;
    expect(await seen(video.id)).toMatchObject({ favorite_count: kept, author: { total_favorited: 50 } });
  }
});
