import { limits } from '@tiktok-server/contract';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fetchMedia, makeClip, plainH264, testPattern } from '../../../test/clips.ts';
import { forgedTokenFor, seedSettings, seedUser, seedUsers, seedVideo, seedVideos } from '../../../test/seed.ts';
import {
  listOf,
  numberOf,
  type Row,
  rowOf,
  startTestServer,
  type TestServer,
  type TestUser,
  textOf,
} from '../../../test/server.ts';
import { expectCountersToEqualRows, leavesNothing, mediaFiles } from '../../../test/stored.ts';
import { commentStore, likeStore, userStore, videoStore } from '../../store/index.ts';

let server: TestServer;
let author: TestUser;
let fan: TestUser;
beforeAll(async () => {
  server = await startTestServer(seedSettings);
});
afterAll(() => server.close());
beforeEach(async () => {
  [author, fan] = [await seedUser(server), await seedUser(server)];
});

const idsIn = (answer: Row): number[] => listOf(answer, 'video_list').map((row) => numberOf(row, 'id'));
const remove = (videoId: number, by: TestUser) =>
  server.call('deleteVideo', { video_id: videoId }, { token: by.token });
const userOf = async (user: TestUser) => rowOf(await server.call('user', { user_id: user.id }), 'user');

describe('the list of a user’s videos', () => {
  it('is of whoever is asked about, newest first, for everyone', async () => {
    const ids = (await seedVideos(server, author, 3)).map((video) => video.id).reverse();
    await seedVideo(server, fan);
    await server.call('like', { video_id: ids[1], action_type: 1 }, { token: fan.token });
    await server.call('follow', { to_user_id: author.id, action_type: 1 }, { token: fan.token });
    const own = await server.call('publishList', {}, { token: author.token });
    expect(own).toMatchObject({ status_code: 0, status_msg: '', has_more: false, next_cursor: '' });
    expect(idsIn(own)).toEqual(ids);
    for (const token of ['', fan.token, author.token, 'junk', await forgedTokenFor(server, fan.id)]) {
      const answer = await server.call('publishList', { user_id: author.id }, { token });
      expect(idsIn(answer)).toEqual(ids);
      const asFan = token === fan.token;
      expect(listOf(answer, 'video_list')[1]).toMatchObject({
        is_favorite: asFan,
        author: { is_follow: asFan, work_count: 3 },
      });
    }
  });

  it('goes on with a cursor, without a repeat or a gap', async () => {
    const size = limits.videoPageVideos;
    const ids = (await seedVideos(server, author, size + 3)).map((video) => video.id).reverse();
    const first = await server.call('publishList', { user_id: author.id });
    expect(first).toMatchObject({ has_more: true });
    await seedVideo(server, author);
    await remove(ids[size - 1] ?? 0, author);
    const parameters = { user_id: author.id, cursor: textOf(first, 'next_cursor') };
    const second = await server.call('publishList', parameters);
    expect(second).toMatchObject({ has_more: false, next_cursor: '' });
    expect([...idsIn(first), ...idsIn(second)]).toEqual(ids);
  });

  it('names what is missing', async () => {
    const empty = { video_list: [], has_more: false, next_cursor: '' };
    expect(await server.call('publishList', { user_id: 1 })).toEqual({
      status_code: 110001,
      status_msg: 'User not found',
      ...empty,
    });
    for (const token of ['', 'junk']) {
      expect(await server.call('publishList', {}, { token })).toEqual({
        status_code: 100004,
        status_msg: 'Validation failed: user_id is required without a valid token',
        ...empty,
      });
    }
    expect(await server.call('publishList', { user_id: author.id })).toEqual({
      status_code: 0,
      status_msg: '',
      ...empty,
    });
  });
});

describe('one video', () => {
  it('is there for everyone, and named when it is not', async () => {
    const videoId = await seedVideo(server, author);
    const answer = await server.call('video', { video_id: videoId });
    expect(answer).toMatchObject({ status_code: 0, video: { id: videoId, author: { id: author.id } } });
    expect(await server.call('video', { video_id: 1 })).toEqual({
      status_code: 110201,
      status_msg: 'Video not found',
      video: null,
    });
    expect(await server.call('video')).toMatchObject({ status_code: 100004, video: null });
  });
});

describe('deleting a video', () => {
  it('takes it from every list at once, with likes, comments and counts, and its files from the disk', async () => {
    const before = await mediaFiles(server);
    const clip = await makeClip(server, 'mp4', [...testPattern, ...plainH264]);
    const videoId = await server.publish(author, 'To be deleted', clip);
    const kept = await seedVideo(server, author);
    for (const video of [videoId, kept]) {
      const parameters = { video_id: video, action_type: 1, comment_text: 'x' };
      await server.call('like', parameters, { token: fan.token });
      await server.call('comment', parameters, { token: fan.token });
    }
    await server.call('follow', { to_user_id: author.id, action_type: 1 }, { token: fan.token });
    const url = textOf(rowOf(await server.call('video', { video_id: videoId }), 'video'), 'play_url');
    expect(await remove(videoId, author)).toEqual({ status_code: 0, status_msg: '' });

    for (const token of ['', fan.token, author.token]) {
      for (const list of ['feed', 'publishList', 'likeList'] as const) {
        const owner = list === 'likeList' ? fan.id : author.id;
        expect(idsIn(await server.call(list, { user_id: owner }, { token }))).not.toContain(videoId);
      }
      for (const one of ['video', 'commentList'] as const) {
        expect(await server.call(one, { video_id: videoId }, { token })).toMatchObject({ status_code: 110201 });
      }
    }
    expect(idsIn(await server.call('followingFeed', {}, { token: fan.token }))).toEqual([kept]);
    expect(idsIn(await server.call('likeList', { user_id: fan.id }))).toEqual([kept]);
    expect(await userOf(author)).toMatchObject({ work_count: 1, total_favorited: 1 });
    expect(await userOf(fan)).toMatchObject({ favorite_count: 1 });
    const parameters = { video_id: videoId, action_type: 1, comment_text: 'x' };
    for (const action of ['like', 'comment', 'deleteVideo'] as const) {
      expect(await server.call(action, parameters, { token: author.token })).toMatchObject({ status_code: 110201 });
    }
    await server.context.jobs.processAll();
    expect(await mediaFiles(server)).toEqual(before);
    expect((await fetchMedia(server, url)).status).toBe(404);
    await expectCountersToEqualRows(server);
  });

  it('is open to its author alone', async () => {
    const videoId = await seedVideo(server, author);
    for (const [parameters, token, code] of [
      [{ video_id: videoId }, fan.token, 100208],
      [{ video_id: videoId }, '', 100005],
      [{ video_id: videoId }, await forgedTokenFor(server, author.id), 100005],
      [{ video_id: 1 }, fan.token, 110201],
      [{}, author.token, 100004],
    ] as const) {
      const answer = await leavesNothing(server, () => server.call('deleteVideo', parameters, { token }));
      expect(answer.status_code).toBe(code);
      expect(Object.keys(answer)).toEqual(['status_code', 'status_msg']);
    }
    expect(idsIn(await server.call('publishList', { user_id: author.id }))).toEqual([videoId]);
  });

  it('of a popular one goes on in a job, batch by batch, and is out of sight meanwhile', async () => {
    const videoId = await seedVideo(server, author);
    const fans = await seedUsers(server, 450);
    const { ids, clock, writer } = server.context.publishing;
    const fanIds = fans.map((user) => user.id);
    await writer.write(async ({ trx }) => {
      for (const userId of fanIds) {
        await likeStore.insertLike(trx, { id: ids.next(), user_id: userId, video_id: videoId });
        const comment = { id: ids.next(), video_id: videoId, user_id: userId, content: 'x', created_at: clock.now() };
        await commentStore.insertComment(trx, comment);
      }
      await userStore.addToUserCounter(trx, fanIds, 'favorite_count', 1);
      await userStore.addToUserCounter(trx, [author.id], 'total_favorited', fanIds.length);
      await videoStore.addToVideoCounter(trx, [videoId], 'favorite_count', fanIds.length);
      await videoStore.addToVideoCounter(trx, [videoId], 'comment_count', fanIds.length);
    });
    await expectCountersToEqualRows(server);
    expect(await remove(videoId, author)).toMatchObject({ status_code: 0 });
    expect(await server.call('video', { video_id: videoId }, { token: author.token })).toMatchObject({
      status_code: 110201,
    });
    expect(idsIn(await server.call('likeList', { user_id: fanIds[449] ?? 0 }))).toEqual([]);
    await server.context.jobs.processAll();
    const { reader } = server.context.database;
    for (const table of ['likes', 'comments'] as const) {
      const left = await reader.selectFrom(table).select('id').where('video_id', '=', videoId).execute();
      expect(left).toEqual([]);
    }
    expect(await videoStore.findVideos(reader, [videoId])).toEqual([]);
    await expectCountersToEqualRows(server);
  });

  it('leaves counters equal to rows when others like, comment and delete it at the same time', async () => {
    const videoId = await seedVideo(server, author);
    const fans = await seedUsers(server, 20);
    const parameters = { video_id: videoId, action_type: 1, comment_text: 'x' };
    const answers = await Promise.all([
      ...fans.slice(0, 10).map((user) => server.call('like', parameters, { token: user.token })),
      ...fans.slice(0, 10).map((user) => server.call('comment', parameters, { token: user.token })),
      remove(videoId, author),
      ...fans.slice(10).map((user) => server.call('like', parameters, { token: user.token })),
      remove(videoId, author),
    ]);
    expect(new Set(answers.map((answer) => answer.status_code))).toEqual(new Set([0, 110201]));
    await server.context.jobs.processAll();
    await expectCountersToEqualRows(server);
    expect(await userOf(author)).toMatchObject({ work_count: 0, total_favorited: 0 });
  });
});
