import { limits } from '@tiktok-server/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seedSettings, seedUser, seedUsers, seedVideo } from '../../../test/seed.ts';
import {
  listOf,
  numberOf,
  rowOf,
  startTestServer,
  type TestServer,
  type TestUser,
  textOf,
} from '../../../test/server.ts';
import { expectCountersToEqualRows, leavesNothing } from '../../../test/stored.ts';

/** 2026-12-31T20:30Z is the first day of the next year in Shanghai. */
const newYearsEveMs = Date.UTC(2026, 11, 31, 20, 30);
const now = newYearsEveMs;
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ ...seedSettings, TZ: 'Asia/Shanghai' }, { clock: { now: () => now } });
});
afterAll(() => server.close());

const add = (user: TestUser, videoId: number, text: string) =>
  server.call('comment', { video_id: videoId, action_type: 1, comment_text: text }, { token: user.token });
const remove = (user: TestUser, videoId: number, commentId: number) =>
  server.call('comment', { video_id: videoId, action_type: 2, comment_id: commentId }, { token: user.token });
const commentsOn = (videoId: number, cursor?: string) => server.call('commentList', { video_id: videoId, cursor });
const textsOf = (answer: Record<string, unknown>): string[] =>
  listOf(answer, 'comment_list').map((comment) => textOf(comment, 'content'));
const countOf = async (videoId: number): Promise<number> =>
  numberOf(rowOf(await server.call('video', { video_id: videoId }), 'video'), 'comment_count');
const idOf = (answer: Record<string, unknown>): number => numberOf(rowOf(answer, 'comment'), 'id');

describe('adding a comment', () => {
  it('answers the comment, with its author and the day in the time zone of the server', async () => {
    const [author, reader] = [await seedUser(server), await seedUser(server)];
    const videoId = await seedVideo(server, author);
    const answer = await add(reader, videoId, 'Happy new year!');
    expect(answer).toEqual({
      status_code: 0,
      status_msg: '',
      comment: {
        id: expect.any(Number),
        user: expect.objectContaining({ id: reader.id, name: reader.name, is_follow: false }),
        content: 'Happy new year!',
        create_date: '01-01',
        create_time: now,
      },
    });
    expect(listOf(await commentsOn(videoId), 'comment_list')).toEqual([answer['comment']]);
    expect(await countOf(videoId)).toBe(1);
  });

  it('takes no notice of what only the other action needs', async () => {
    const user = await seedUser(server);
    const videoId = await seedVideo(server, user);
    const both = { video_id: videoId, comment_id: 0, comment_text: 'x' };
    const added = await server.call('comment', { ...both, action_type: 1 }, { token: user.token });
    expect(added.status_code).toBe(0);
    const other = { video_id: videoId, comment_id: idOf(added), comment_text: 'x'.repeat(501), action_type: 2 };
    expect((await server.call('comment', other, { token: user.token })).status_code).toBe(0);
  });

  it('counts code points: 500 bears are a comment, 501 are too long', async () => {
    const user = await seedUser(server);
    const videoId = await seedVideo(server, user);
    expect(await add(user, videoId, '🐻'.repeat(limits.commentMaxCodePoints))).toMatchObject({ status_code: 0 });
    const answer = await leavesNothing(server, () => add(user, videoId, '🐻'.repeat(501)));
    expect(answer).toEqual({
      status_code: 110303,
      status_msg: 'The comment is too long: comment_text must be at most 500 characters long',
      comment: null,
    });
  });

  it('keeps what was written: line breaks, markup, quotes', async () => {
    const user = await seedUser(server);
    const videoId = await seedVideo(server, user);
    const text = 'a\nb <b>&amp;</b> "c\' \\ %41 + 你好 \u{1f468}\u200d\u{1f469}\u200d\u{1f467}';
    await add(user, videoId, text);
    expect(textsOf(await commentsOn(videoId))).toEqual([text]);
  });

  it.each([
    [{ action_type: '1', comment_text: 'x' }, 100004, 'video_id is required'],
    [{ video_id: '1', action_type: '1', comment_text: 'x' }, 110201, 'Video not found'],
    [{ video_id: 'VIDEO', action_type: '1' }, 110302, 'comment_text is required'],
    [{ video_id: 'VIDEO', action_type: '1', comment_text: '' }, 110302, 'comment_text is required'],
    [{ video_id: 'VIDEO', action_type: '1', comment_text: ' \n ' }, 110302, 'comment_text is required'],
    [
      { video_id: 'VIDEO', action_type: '1', comment_text: 'a\u0000b' },
      100004,
      'comment_text must not contain control',
    ],
    [{ video_id: 'VIDEO', action_type: '3', comment_text: 'x' }, 100004, 'action_type must be one of 1, 2'],
    [{ video_id: 'VIDEO', action_type: '2' }, 100004, 'comment_id is required'],
    [{ video_id: 'VIDEO', action_type: '2', comment_id: '1' }, 110301, 'Comment not found'],
    [{ video_id: 'VIDEO', action_type: '2', comment_id: '1.5' }, 100004, 'comment_id must be a whole number'],
  ])('refuses %j and stores nothing', async (parameters, code, message) => {
    const user = await seedUser(server);
    const videoId = await seedVideo(server, user);
    const filled = Object.fromEntries(
      Object.entries(parameters).map(([name, value]) => [name, value === 'VIDEO' ? String(videoId) : value]),
    );
    const answer = await leavesNothing(server, () => server.call('comment', filled, { token: user.token }));
    expect(answer).toEqual({ status_code: code, status_msg: expect.stringContaining(message), comment: null });
  });

  it('needs a token', async () => {
    const videoId = await seedVideo(server, await seedUser(server));
    const parameters = { video_id: videoId, action_type: 1, comment_text: 'x' };
    const answer = await leavesNothing(server, () => server.call('comment', parameters));
    expect(answer).toMatchObject({ status_code: 100005, comment: null });
  });
});

describe('deleting a comment', () => {
  it('is open to its author and to the author of the video, and to nobody else', async () => {
    const [author, writer, stranger] = [await seedUser(server), await seedUser(server), await seedUser(server)];
    const videoId = await seedVideo(server, author);
    const [first, second, third] = [
      idOf(await add(writer, videoId, 'one')),
      idOf(await add(writer, videoId, 'two')),
      idOf(await add(stranger, videoId, 'three')),
    ];
    for (const [who, comment] of [
      [stranger, first],
      [writer, third],
    ] as const) {
      const answer = await leavesNothing(server, () => remove(who, videoId, comment));
      expect(answer).toEqual({ status_code: 100208, status_msg: 'Permission denied', comment: null });
    }
    expect(await remove(writer, videoId, first)).toEqual({ status_code: 0, status_msg: '', comment: null });
    expect(await countOf(videoId)).toBe(2);
    expect(await remove(author, videoId, third)).toMatchObject({ status_code: 0 });
    expect(textsOf(await commentsOn(videoId))).toEqual(['two']);
    expect(await countOf(videoId)).toBe(1);
    // Twice is once.
    expect(await remove(writer, videoId, first)).toMatchObject({ status_code: 110301 });
    expect(await countOf(videoId)).toBe(1);
    expect(await remove(writer, videoId, second)).toMatchObject({ status_code: 0 });
    expect(await countOf(videoId)).toBe(0);
  });

  it('goes by the video that it is on: one’s own video gives no right over comments elsewhere', async () => {
    const [author, other] = [await seedUser(server), await seedUser(server)];
    const [videoId, elsewhere] = [await seedVideo(server, author), await seedVideo(server, other)];
    const comment = idOf(await add(author, videoId, 'mine'));
    expect(await leavesNothing(server, () => remove(other, elsewhere, comment))).toMatchObject({ status_code: 110301 });
    expect(await countOf(videoId)).toBe(1);
  });
});

describe('the list of comments', () => {
  it('is newest first, with page and cursor, and neither repeats nor skips when comments come and go', async () => {
    const [author, reader] = [await seedUser(server), await seedUser(server)];
    const videoId = await seedVideo(server, author);
    const size = limits.commentPageComments;
    const texts = Array.from({ length: size + 5 }, (_, i) => `comment ${i}`);
    const ids: number[] = [];
    for (const text of texts) ids.push(idOf(await add(reader, videoId, text)));
    texts.reverse();
    const first = await commentsOn(videoId);
    expect(textsOf(first)).toEqual(texts.slice(0, size));
    expect(first).toMatchObject({ has_more: true });
    await add(reader, videoId, 'newer than the cursor');
    await remove(reader, videoId, ids[5] ?? 0);
    const second = await commentsOn(videoId, textOf(first, 'next_cursor'));
    expect(textsOf(second)).toEqual(texts.slice(size));
    expect(second).toMatchObject({ has_more: false, next_cursor: '' });
    expect(await countOf(videoId)).toBe(size + 5);
  });

  it('is there for guests, with the follows of who asks', async () => {
    const [author, writer, fan] = [await seedUser(server), await seedUser(server), await seedUser(server)];
    const videoId = await seedVideo(server, author);
    await add(writer, videoId, 'hello');
    await server.call('follow', { to_user_id: writer.id, action_type: 1 }, { token: fan.token });
    const [asGuest] = listOf(await commentsOn(videoId), 'comment_list');
    const [asFan] = listOf(
      await server.call('commentList', { video_id: videoId }, { token: fan.token }),
      'comment_list',
    );
    expect(rowOf(asGuest, 'user')).toMatchObject({ is_follow: false, follower_count: 1 });
    expect(rowOf(asFan, 'user')).toMatchObject({ is_follow: true, follower_count: 1 });
    expect(await server.call('commentList', { video_id: videoId }, { token: 'forged' })).toMatchObject({
      status_code: 0,
    });
  });

  it('names what is missing', async () => {
    const empty = { comment_list: [], has_more: false, next_cursor: '' };
    expect(await server.call('commentList', { video_id: 1 })).toEqual({
      status_code: 110201,
      status_msg: 'Video not found',
      ...empty,
    });
    expect(await server.call('commentList')).toEqual({
      status_code: 100004,
      status_msg: 'Validation failed: video_id is required',
      ...empty,
    });
  });
});

it('keeps the counter equal to the rows when many comment and delete at once', async () => {
  const [author, ...writers] = await seedUsers(server, 51);
  if (author === undefined) throw new Error('no author');
  const videoId = await seedVideo(server, author);
  await Promise.all(
    writers.map(async (writer, position) => {
      const comment = idOf(await add(writer, videoId, `by ${position}`));
      expect(textsOf(await commentsOn(videoId))).toContain(`by ${position}`);
      if (position % 2 === 0) {
        const answers = await Promise.all([remove(writer, videoId, comment), remove(author, videoId, comment)]);
        expect(answers.map((answer) => answer.status_code).sort()).toEqual([0, 110301]);
      }
    }),
  );
  expect(await countOf(videoId)).toBe(25);
  expect(listOf(await commentsOn(videoId), 'comment_list')).toHaveLength(25);
  await expectCountersToEqualRows(server);
});
