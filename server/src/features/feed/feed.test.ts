import { limits } from '@tiktok-server/contract';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  forgedTokenFor,
  type SeededVideo,
  seedSettings,
  seedUser,
  seedUsers,
  seedVideo,
  seedVideos,
} from '../../../test/seed.ts';
import { listOf, numberOf, rowOf, startTestServer, type TestServer, type TestUser } from '../../../test/server.ts';

const pageSize = limits.feedPageVideos;
let now = Date.now();
let server: TestServer;
let author: TestUser;
beforeAll(async () => {
  server = await startTestServer(seedSettings, { clock: { now: () => now } });
});
afterAll(() => server.close());
beforeEach(async () => {
  // Longer than the videos of any test before reach into the future, so that none shares its moments with another's.
  now = Math.ceil(now / 1000) * 1000 + 100_000;
  author = await seedUser(server);
});

type FeedParameters = Record<string, string | number>;
const feed = (parameters: FeedParameters = {}, by?: TestUser) =>
  server.call('feed', parameters, by === undefined ? {} : { token: by.token });
const followingFeed = (by: TestUser, parameters: FeedParameters = {}) =>
  server.call('followingFeed', parameters, { token: by.token });
const idsOf = (answer: Record<string, unknown>): number[] =>
  listOf(answer, 'video_list').map((row) => numberOf(row, 'id'));
const follow = (who: TestUser, whom: TestUser) =>
  server.call('follow', { to_user_id: whom.id, action_type: 1 }, { token: who.token });
const remove = (video: SeededVideo) => server.call('deleteVideo', { video_id: video.id }, { token: author.token });
const newestFirst = (videos: readonly SeededVideo[]): number[] => videos.map((video) => video.id).reverse();

describe('the feed', () => {
  it('is newest first, at most a page, with next_time at the oldest of a full page', async () => {
    const videos = await seedVideos(server, author, pageSize + 5);
    now += 60_000;
    const answer = await feed();
    expect(answer).toMatchObject({ status_code: 0, status_msg: '' });
    expect(idsOf(answer)).toEqual(newestFirst(videos).slice(0, pageSize));
    expect(answer['next_time']).toBe(videos[5]?.publishedAt);
    const next = await feed({ latest_time: numberOf(answer, 'next_time') });
    expect(idsOf(next).slice(0, 5)).toEqual(newestFirst(videos).slice(pageSize));
  });

  it('names the present moment when it ends, so that the app begins again', async () => {
    await seedVideo(server, author);
    const { reader } = server.context.database;
    const oldest = await reader
      .selectFrom('videos')
      .select(['id', 'published_at as publishedAt'])
      .orderBy('published_at')
      .executeTakeFirstOrThrow();
    const last = await feed({ latest_time: oldest.publishedAt + 1 });
    expect(idsOf(last)).toEqual([oldest.id]);
    expect(last['next_time']).toBe(now);
    const none = await feed({ latest_time: oldest.publishedAt });
    expect(none).toEqual({ status_code: 0, status_msg: '', video_list: [], next_time: now });
  });

  it('is strictly older than latest_time, in milliseconds or, below 1e11, in seconds', async () => {
    const [first, second] = await seedVideos(server, author, 2);
    if (first === undefined || second === undefined) throw new Error('no videos');
    now += 60_000;
    const newest = async (latestTime: string | number) => idsOf(await feed({ latest_time: latestTime }))[0];
    expect(await newest(second.publishedAt + 1)).toBe(second.id);
    expect(await newest(second.publishedAt)).toBe(first.id);
    expect(await newest(first.publishedAt)).not.toBe(first.id);
    expect(await newest(second.publishedAt.toExponential())).toBe(first.id);
    const wholeSecond = Math.ceil((second.publishedAt + 1) / 1000);
    expect(await newest(wholeSecond)).toBe(second.id);
    expect(await newest(wholeSecond - 1)).not.toBe(second.id);
    // The limit between the units: 1e11 ms is in 1973, 1e11 − 1 s is far in the future, which is now.
    expect(await newest(1e11)).toBeUndefined();
    expect(await newest(1e11 - 1)).toBe(second.id);
  });

  it.each([
    '',
    '0',
    '-5',
    'abc',
    '1.5',
    'NaN',
    'Infinity',
    '1e400',
    '0x10',
    '9007199254740993',
    'FUTURE',
    'FAR FUTURE',
  ])('reads latest_time %j as now', async (spelling) => {
    const videoId = await seedVideo(server, author);
    const latest = spelling === 'FUTURE' ? now + 1 : spelling === 'FAR FUTURE' ? 8.64e15 : spelling;
    const answer = await feed({ latest_time: latest });
    expect(answer.status_code).toBe(0);
    expect(idsOf(answer)[0]).toBe(videoId);
  });

  it('shows a video that was published in this very millisecond, also when the clock stands still', async () => {
    for (let i = 0; i < 5; i += 1) {
      const videoId = await seedVideo(server, author);
      expect(idsOf(await feed())[0]).toBe(videoId);
      expect(idsOf(await feed({}, author))[0]).toBe(videoId);
    }
  });

  it('has complete objects, relative to who asks; a bad token is a guest', async () => {
    const fan = await seedUser(server);
    const videoId = await seedVideo(server, author);
    await server.call('like', { video_id: videoId, action_type: 1 }, { token: fan.token });
    await follow(fan, author);
    const first = async (token?: string) =>
      listOf(await server.call('feed', {}, token === undefined ? {} : { token }), 'video_list')[0];
    const guest = await first();
    expect(guest).toEqual({
      id: videoId,
      author: {
        id: author.id,
        name: author.name,
        follow_count: 0,
        follower_count: 1,
        is_follow: false,
        avatar: '',
        background_image: '',
        signature: '',
        total_favorited: 1,
        work_count: 1,
        favorite_count: 0,
      },
      play_url: `http://test.local/media/videos/${videoId}/seeded.mp4`,
      cover_url: 'http://test.local/assets/cover.jpg',
      favorite_count: 1,
      comment_count: 0,
      is_favorite: false,
      title: 'seeded 1',
      publish_time: expect.any(Number),
      duration_ms: 1000,
      width: 64,
      height: 64,
      state: 'ready',
      failure: '',
      ...{ hls_url: '', cover_srcset: '', placeholder: '', preview_url: '', thumbnails_url: '' },
    });
    expect(await first(fan.token)).toMatchObject({ is_favorite: true, author: { is_follow: true } });
    expect(await first(author.token)).toMatchObject({ is_favorite: false, author: { is_follow: false } });
    for (const token of ['', 'junk', await forgedTokenFor(server, fan.id)]) expect(await first(token)).toEqual(guest);
  });

  it('never shows the guest a kept page that a write has made old', async () => {
    await seedVideos(server, author, pageSize);
    const fan = await seedUser(server);
    const first = async () => listOf(await feed(), 'video_list')[0];
    const [video] = await seedVideos(server, author, 1);
    if (video === undefined) throw new Error('no video');
    expect(await first()).toMatchObject({ id: video.id, favorite_count: 0, comment_count: 0 });
    const parameters = { video_id: video.id, action_type: 1 };
    await server.call('like', parameters, { token: fan.token });
    expect(await first()).toMatchObject({ favorite_count: 1, author: { total_favorited: 1 } });
    await server.call('comment', { ...parameters, comment_text: 'x' }, { token: fan.token });
    expect(await first()).toMatchObject({ comment_count: 1 });
    await follow(fan, author);
    expect(await first()).toMatchObject({ author: { follower_count: 1 } });
    await server.call('editProfile', { signature: 'new' }, { token: author.token });
    expect(await first()).toMatchObject({ author: { signature: 'new' } });
    await server.call('like', { ...parameters, action_type: 2 }, { token: fan.token });
    expect(await first()).toMatchObject({ favorite_count: 0 });
    await remove(video);
    expect(await first()).not.toMatchObject({ id: video.id });
  });

  it('keeps the pages of different addresses apart', async () => {
    await seedVideos(server, author, pageSize);
    const coverAt = async (host: string) =>
      listOf(await server.call('feed', {}, { headers: { host } }), 'video_list')[0]?.['cover_url'];
    for (let i = 0; i < 2; i += 1) {
      expect(await coverAt('10.0.2.2:8080')).toBe('http://10.0.2.2:8080/assets/cover.jpg');
      expect(await coverAt('phone.example')).toBe('http://phone.example/assets/cover.jpg');
    }
  });
});

describe('paging', () => {
  it('neither repeats nor skips when all were published at once and others come and go in between', async () => {
    // All in the same millisecond by the clock: at every page's edge two videos were published in the same instant.
    const videos = await seedVideos(server, author, pageSize * 3 + 10);
    now += 60_000;
    const gone = new Set<number>();
    const seen: number[] = [];
    let latestTime = now;
    for (let page = 0; page < 4; page += 1) {
      const [answer] = await Promise.all([
        feed({ latest_time: latestTime }),
        seedVideo(server, author),
        ...[page * pageSize + 7, (page + 1) * pageSize].map(async (fromNewest) => {
          const video = videos[videos.length - 1 - fromNewest];
          if (video === undefined) return;
          await remove(video);
          gone.add(video.id);
        }),
      ]);
      seen.push(...idsOf(answer));
      latestTime = numberOf(answer, 'next_time');
    }
    const mine = seen.filter((id) => videos.some((video) => video.id === id));
    expect(new Set(mine).size).toBe(mine.length);
    expect(mine.filter((id) => !gone.has(id))).toEqual(newestFirst(videos).filter((id) => !gone.has(id)));
  });

  it('goes on also when publish moments are ahead of the clock, which was set back', async () => {
    const videos = await seedVideos(server, author, pageSize * 2);
    const reader = await seedUser(server);
    await follow(reader, author);
    now -= 50_000;
    for (const list of [feed, (parameters: FeedParameters) => followingFeed(reader, parameters)]) {
      const first = await list({});
      const second = await list({ latest_time: numberOf(first, 'next_time') });
      expect([...idsOf(first), ...idsOf(second)]).toEqual(newestFirst(videos));
    }
    now += 50_000;
  });

  it('goes on from an edge whose video was deleted', async () => {
    const videos = await seedVideos(server, author, pageSize + 4);
    now += 60_000;
    const first = await feed();
    const edge = videos[4];
    if (edge === undefined) throw new Error('no video');
    await remove(edge);
    expect(idsOf(await feed({ latest_time: numberOf(first, 'next_time') })).slice(0, 4)).toEqual(
      newestFirst(videos.slice(0, 4)),
    );
  });
});

describe('the feed of followed users', () => {
  it('has only their videos, newest first, and pages like the feed', async () => {
    const [reader, other] = [await seedUser(server), await seedUser(server)];
    await follow(reader, author);
    const first = await seedVideos(server, author, pageSize);
    await seedVideos(server, other, 3);
    const last = await seedVideos(server, author, 3);
    now += 60_000;
    const expected = newestFirst([...first, ...last]);
    const answer = await followingFeed(reader);
    expect(idsOf(answer)).toEqual(expected.slice(0, pageSize));
    const rest = await followingFeed(reader, { latest_time: numberOf(answer, 'next_time') });
    expect(idsOf(rest)).toEqual(expected.slice(pageSize));
    expect(rest['next_time']).toBe(now);
    expect(rowOf(listOf(answer, 'video_list')[0], 'author')).toMatchObject({ id: author.id, is_follow: true });
    await follow(reader, other);
    expect(listOf(await followingFeed(reader), 'video_list')[3]).toMatchObject({ author: { id: other.id } });
  });

  it('is empty for who follows nobody, and refused to a guest', async () => {
    expect(await followingFeed(await seedUser(server))).toEqual({
      status_code: 0,
      status_msg: '',
      video_list: [],
      next_time: now,
    });
    expect(await server.call('followingFeed')).toEqual({
      status_code: 100005,
      status_msg: 'Token invalid, please log in again: token is required',
      video_list: [],
      next_time: 0,
    });
  });
});

it('shows every reader what was acknowledged before, while many like and read at once', async () => {
  const [video] = await seedVideos(server, author, 1);
  if (video === undefined) throw new Error('no video');
  const fans = await seedUsers(server, 50);
  let acknowledged = 0;
  const countShown = async (by?: TestUser) =>
    numberOf(
      listOf(await feed({}, by), 'video_list').find((row) => row['id'] === video.id),
      'favorite_count',
    );
  await Promise.all(
    fans.map(async (fan) => {
      await server.call('like', { video_id: video.id, action_type: 1 }, { token: fan.token });
      acknowledged += 1;
      const atLeast = acknowledged;
      expect(await countShown()).toBeGreaterThanOrEqual(atLeast);
      const stillAtLeast = acknowledged;
      expect(await countShown(fan)).toBeGreaterThanOrEqual(stillAtLeast);
    }),
  );
  expect(await countShown()).toBe(50);
});
