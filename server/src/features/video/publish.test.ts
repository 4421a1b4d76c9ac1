import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import sharp from 'sharp';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fetchMedia, makeClip, plainH264, testPattern } from '../../../test/clips.ts';
import { forgedTokenFor, seedSettings, seedUser, seedUsers, tokenFor } from '../../../test/seed.ts';
import {
  type Answer,
  listOf,
  multipart,
  numberOf,
  parseAnswer,
  type Row,
  rowOf,
  someVideo,
  startTestServer,
  type TestServer,
  type TestUser,
  textOf,
} from '../../../test/server.ts';
import { expectCountersToEqualRows, leavesNothing, stagedFiles } from '../../../test/stored.ts';
import { publishVideo } from './publish.service.ts';

let server: TestServer;
let author: TestUser;
let clip: Buffer;
/** The clock stands still: publish moments have to be told apart all the same. */
const now = Date.now();
beforeAll(async () => {
  server = await startTestServer(
    { ...seedSettings, UPLOAD_MAX_SIZE: '1MB', UPLOAD_MAX_DURATION: '20s' },
    { clock: { now: () => now } },
  );
  clip = await makeClip(server, 'mp4', [...testPattern, ...plainH264]);
});
afterAll(() => server.close());
beforeEach(async () => {
  author = await seedUser(server);
});

/** One part of a body; a file if it has a file name. */
type Part = { readonly name: string; readonly value: string | Buffer; readonly file?: string; readonly type?: string };

async function post(parts: readonly Part[], query = ''): Promise<Answer> {
  const boundary = 'a-boundary';
  const chunks = parts.flatMap(({ name, value, file, type }) => [
    `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${file === undefined ? '' : `; filename="${file}"`}\r\n`,
    type === undefined ? '\r\n' : `Content-Type: ${type}\r\n\r\n`,
    value,
    '\r\n',
  ]);
  const response = await server.context.app.inject({
    method: 'POST',
    url: `/douyin/publish/action/${query}`,
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}`, host: 'test.local' },
    payload: Buffer.concat([...chunks, `--${boundary}--\r\n`].map((chunk) => Buffer.from(chunk))),
  });
  expect(response.statusCode).toBe(200);
  return parseAnswer(response.body);
}
const data = (value: string | Buffer = clip, file = '../public/bear.mp4'): Part => ({ name: 'data', value, file });
const token = (value = author.token): Part => ({ name: 'token', value });
const title = (value: string): Part => ({ name: 'title', value });
const published = async (by = author): Promise<Row[]> =>
  listOf(await server.call('publishList', {}, { token: by.token }), 'video_list');

it('is in the author’s list at once, with a file that plays and a picture', async () => {
  const answer = await post([data(someVideo), token(), title('A bear')]);
  const [video, ...more] = await published();
  expect(answer).toEqual({ status_code: 0, status_msg: '', video_id: numberOf(video, 'id') });
  expect(more).toEqual([]);
  expect(video).toMatchObject({
    title: 'A bear',
    state: 'ready',
    favorite_count: 0,
    comment_count: 0,
    is_favorite: false,
    author: { id: author.id, work_count: 1 },
  });
  expect(listOf(await server.call('feed'), 'video_list')[0]).toEqual(video);
  const played = await fetchMedia(server, textOf(video, 'play_url'));
  expect(played).toMatchObject({ status: 200, type: 'video/mp4' });
  expect(played.body.equals(someVideo)).toBe(true);
  expect(await fetchMedia(server, textOf(video, 'cover_url'))).toMatchObject({ status: 200, type: 'image/jpeg' });
  // On a computer that is very busy the cover is left to a job.
  await server.context.jobs.processAll();
  const cover = await fetchMedia(server, textOf((await published())[0], 'cover_url'));
  const { width, height } = await sharp(cover.body).metadata();
  expect(width / height).toBeCloseTo(numberOf(video, 'width') / numberOf(video, 'height'), 1);
});

describe('takes', () => {
  it.each([
    ['the file last', () => [title('x'), token(), data()], ''],
    ['title and token in the query, and first there', () => [data(), title('y'), token('no')], '?title=x&token=TOKEN'],
    [
      'files that nobody asked for, and a second one, a second title and token after the first',
      () => [{ ...data('junk'), name: 'more' }, data(), token(), title('x'), data('junk'), title('y'), token('no')],
      '',
    ],
  ])('%s', async (_what, parts, query) => {
    expect(await post(parts(), query.replace('TOKEN', author.token))).toMatchObject({ status_code: 0, status_msg: '' });
    expect((await published()).map((video) => video['title'])).toEqual(['x']);
  });

  it('any file name and type, and titles of 255 code points', async () => {
    const long = '🐻'.repeat(255);
    const parts = [{ ...data(clip, '移动 "x".html'), type: 'text/html' }, token(), title(long)];
    expect(await post(parts)).toMatchObject({ status_code: 0 });
    expect((await published()).map((video) => video['title'])).toEqual([long]);
  });

  it('a token in the header, no title, and the path without a slash', async () => {
    const { payload, headers } = multipart([], { data: clip }, { authorization: `Bearer ${author.token}` });
    const response = await server.context.app.inject({
      method: 'POST',
      url: '/douyin/publish/action',
      payload,
      headers,
    });
    expect(parseAnswer(response.body)).toMatchObject({ status_code: 0 });
    expect((await published()).map((video) => video['title'])).toEqual(['']);
  });
});

describe('what is refused leaves no file and no row behind:', () => {
  const audio = ['-f', 'lavfi', '-i', 'sine=frequency=440:duration=1', '-c:a', 'aac'];
  const tooLong = ['-f', 'lavfi', '-i', 'testsrc2=size=64x64:rate=1:duration=22', ...plainH264];
  const png = readFileSync(new URL('../../../assets/cover.jpg', import.meta.url));

  it.each<[string, () => Promise<readonly Part[]> | readonly Part[], number, string]>([
    ['no file', () => [token(), title('x')], 110601, '"data"'],
    ['the file under another name', () => [{ ...data(), name: 'file' }, token()], 110601, '"data"'],
    ['the file as a field', () => [{ name: 'data', value: 'x' }, token()], 110601, '"data"'],
    ['an empty file', () => [data(''), token()], 110602, 'data must be a video file'],
    ['text', () => [data('hello'), token()], 110602, 'data must be a video file'],
    ['a picture', () => [data(png), token()], 110602, 'data must be a video file'],
    ['a playlist', () => [data('#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n'), token()], 110602, 'data must be'],
    ['sound alone', async () => [data(await makeClip(server, 'm4a', audio)), token()], 110602, 'no video track'],
    ['a file cut short', () => [data(clip.subarray(0, clip.length - 100)), token()], 1106, ''],
    ['too many bytes', () => [data(Buffer.concat([clip, Buffer.alloc(1024 * 1024)])), token()], 110603, '1 MiB'],
    ['too many seconds', async () => [data(await makeClip(server, 'mp4', tooLong)), token()], 110604, '20 seconds'],
    ['a title too long', () => [data(), token(), title('x'.repeat(256))], 110203, 'title must be at most 255'],
    ['a title with control characters', () => [data(), token(), title('a\u0000')], 100004, 'title must not contain'],
    ['no token', () => [data(), title('x')], 100005, 'token is required'],
    ['an empty token', () => [data(), token('')], 100005, 'token is required'],
    ['junk for a token', () => [data(), token('junk')], 100005, 'Token invalid'],
    ['a forged token', async () => [data(), token(await forgedTokenFor(server, author.id))], 100005, 'Token invalid'],
    [
      'an old token',
      async () => [data(), token(await tokenFor(server, author.id, { expiresInMs: -1000 }))],
      100203,
      '',
    ],
    ['a token of nobody', async () => [data(), token(await tokenFor(server, 1))], 100005, 'Token invalid'],
  ])('%s', async (_what, make, code, message) => {
    const parts = await make();
    const answer = await leavesNothing(server, () => post(parts));
    expect(String(answer.status_code).startsWith(String(code))).toBe(true);
    expect(answer.status_msg).toContain(message);
    expect(Object.keys(answer)).toEqual(['status_code', 'status_msg', 'video_id']);
    expect(await published()).toEqual([]);
    expect(listOf(await server.call('publishList', { user_id: author.id }), 'video_list')).toEqual([]);
  });

  it('a bad token that comes before the file, also in the query', async () => {
    for (const query of ['?token=junk', `?token=${await forgedTokenFor(server, author.id)}`]) {
      const answer = await leavesNothing(server, () => post([data(), token(), title('x')], query));
      expect(answer).toMatchObject({ status_code: 100005 });
    }
  });

  it('a body that is no multipart at all', async () => {
    const answer = await leavesNothing(server, () =>
      server.call('publish', { title: 'x' }, { token: author.token, headers: { 'content-type': 'text/plain' } }),
    );
    expect(answer).toMatchObject({ status_code: 110601 });
  });
});

it('leaves nothing of an upload whose author closed the account meanwhile', async () => {
  const { blobs } = server.context;
  await leavesNothing(server, async () => {
    const file = await blobs.stage(Readable.from([clip]), { maxBytes: clip.length });
    const publishing = publishVideo(server.context.publishing, { authorId: 1, title: '', file });
    await expect(publishing).rejects.toMatchObject({ row: 'ErrTokenInvalid' });
    await file.discard();
  });
});

it('gives every video a moment of its own, however many are uploaded at once', async () => {
  const authors = await seedUsers(server, 4);
  const answers = await Promise.all(authors.map((user, i) => post([data(), token(user.token), title(`clip ${i}`)])));
  expect(answers.map((answer) => answer.status_code)).toEqual(authors.map(() => 0));
  const rows = await server.context.database.reader.selectFrom('videos').select('published_at').execute();
  expect(new Set(rows.map((row) => row.published_at)).size).toBe(rows.length);
  const feed = listOf(await server.call('feed'), 'video_list').slice(0, 4);
  expect(feed.map((video) => video['title']).sort()).toEqual(authors.map((_, i) => `clip ${i}`));
  for (const user of authors) expect(await published(user)).toHaveLength(1);
  expect(rowOf(await server.call('user', { user_id: authors[0]?.id }), 'user')).toMatchObject({ work_count: 1 });
  await server.context.jobs.processAll();
  await expectCountersToEqualRows(server);
  expect(stagedFiles(server.dataDir)).toEqual([]);
});
