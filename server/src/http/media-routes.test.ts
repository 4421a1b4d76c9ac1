import { mkdirSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listOf, rowOf, someVideo, startTestServer, type TestServer, textOf } from '../../test/server.ts';
import { answerOf, exchange, listen, requestText, type WireResponse } from '../../test/sockets.ts';

let server: TestServer;
let port: number;
/** Paths of a video and its cover, as the answers name them. */
let playPath: string;
let coverPath: string;

beforeAll(async () => {
  server = await startTestServer();
  port = await listen(server);
  const user = await server.user();
  await server.publish(user);
  const [video] = listOf(await server.call('publishList', {}, { token: user.token }), 'video_list');
  playPath = new URL(textOf(video, 'play_url')).pathname;
  coverPath = new URL(textOf(video, 'cover_url')).pathname;
  // What somebody may be after: beside the folder of the files, and in it but not of it.
  writeFileSync(join(server.dataDir, 'secret.txt'), 'secret');
  writeFileSync(join(server.dataDir, 'media', '.staged', 'half.mp4'), 'secret');
  writeFileSync(join(server.dataDir, 'media', '.hidden'), 'secret');
  mkdirSync(join(server.dataDir, 'media', 'videos', '.git'));
  writeFileSync(join(server.dataDir, 'media', 'videos', '.git', 'config'), 'secret');
});
afterAll(() => server.close());

const get = (path: string, headers: Readonly<Record<string, string>> = {}, method = 'GET'): Promise<WireResponse> =>
  exchange(port, requestText(method, path, headers));

describe('a file', () => {
  it('is served byte for byte, with its type, for ever and for everyone', async () => {
    const response = await get(playPath);
    expect(response.status).toBe(200);
    expect(response.body.equals(someVideo)).toBe(true);
    expect(response.headers).toMatchObject({
      'content-type': 'video/mp4',
      'content-length': String(someVideo.length),
      'accept-ranges': 'bytes',
      'cache-control': 'public, max-age=31536000, immutable',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cross-origin-resource-policy': 'cross-origin',
    });
    expect(response.headers['content-security-policy']).toMatch(/^default-src 'none';.*sandbox$/);
    expect(response.headers['content-disposition']).toBeUndefined();
  });

  it('that is a cover is a JPEG', async () => {
    const response = await get(coverPath);
    expect([response.status, response.headers['content-type']]).toEqual([200, 'image/jpeg']);
    expect(response.body.subarray(0, 3)).toEqual(Buffer.from([0xff, 0xd8, 0xff]));
    const [, , ...key] = coverPath.split('/');
    expect(response.body.equals(await readFile(join(server.dataDir, 'media', ...key)))).toBe(true);
  });

  it.each([
    ['index.m3u8', 'application/vnd.apple.mpegurl'],
    ['v720.mp4', 'video/mp4'],
    ['thumbnails.vtt', 'text/vtt; charset=utf-8'],
    ['cover-360.webp', 'image/webp'],
    ['cover.jpg', 'image/jpeg'],
    ['page.html', 'application/octet-stream'],
  ])('of a package of renditions has its type: %s', async (name, type) => {
    const folder = join(server.dataDir, 'media', 'videos', '1', '0123456789abcdef0123456789abcdef');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, name), `content of ${name}`);
    const response = await get(`/media/videos/1/0123456789abcdef0123456789abcdef/${name}`);
    expect([response.status, response.headers['content-type']]).toEqual([200, type]);
    expect(response.headers['cache-control']).toBe('public, max-age=31536000, immutable');
    expect(response.body.toString()).toBe(`content of ${name}`);
  });

  it('may be read by scripts of any site, which may ask first', async () => {
    for (const path of [playPath, '/media/nothing.mp4']) {
      const response = await get(path, { origin: 'https://elsewhere.example' });
      expect(response.headers).toMatchObject({
        'access-control-allow-origin': '*',
        'access-control-expose-headers': 'Accept-Ranges, Content-Length, Content-Range, ETag',
        'cross-origin-resource-policy': 'cross-origin',
      });
    }
    const asking = { origin: 'https://elsewhere.example', 'access-control-request-method': 'GET' };
    const allowed = await get(playPath, { ...asking, 'access-control-request-headers': 'range' }, 'OPTIONS');
    expect([allowed.status, allowed.body.length]).toEqual([204, 0]);
    expect(allowed.headers).toMatchObject({
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'GET, HEAD',
      'access-control-allow-headers': expect.stringContaining('Range'),
      'access-control-max-age': '86400',
    });
  });

  it('is described by HEAD', async () => {
    const [whole, head] = [await get(playPath), await get(playPath, {}, 'HEAD')];
    expect([head.status, head.body.length]).toEqual([200, 0]);
    for (const name of ['content-length', 'content-type', 'etag', 'last-modified', 'cache-control']) {
      expect([name, head.headers[name]]).toEqual([name, whole.headers[name]]);
    }
  });

  it('is not sent again to who has it', async () => {
    const { etag = '', 'last-modified': lastModified = '' } = (await get(playPath)).headers;
    expect(etag).toMatch(/^"[^"]+"$/);
    for (const headers of [
      { 'if-none-match': etag },
      { 'if-none-match': `"other", ${etag}` },
      { 'if-none-match': '*' },
      { 'if-modified-since': lastModified },
    ]) {
      const response = await get(playPath, headers);
      expect([response.status, response.body.length]).toEqual([304, 0]);
      expect(response.headers).toMatchObject({ etag, 'x-content-type-options': 'nosniff' });
    }
    expect((await get(playPath, { 'if-none-match': '"other"' })).status).toBe(200);
    expect((await get(playPath, { 'if-match': '"other"' })).status).toBe(412);
  });
});

describe('a part of a file', () => {
  const last = someVideo.length - 1;
  it.each([
    ['the first byte', 'bytes=0-0', 0, 0],
    ['some in the middle', 'bytes=100-199', 100, 199],
    ['from somewhere to the end', 'bytes=200-', 200, last],
    ['the last bytes', 'bytes=-100', someVideo.length - 100, last],
    ['more at the end than there is', `bytes=${last - 9}-${someVideo.length + 5}`, last - 9, last],
  ])('%s', async (_which, range, start, end) => {
    const response = await get(playPath, { range });
    expect(response.status).toBe(206);
    expect(response.headers).toMatchObject({
      'content-range': `bytes ${start}-${end}/${someVideo.length}`,
      'content-length': String(end - start + 1),
      'content-type': 'video/mp4',
      'x-content-type-options': 'nosniff',
    });
    expect(response.body.equals(someVideo.subarray(start, end + 1))).toBe(true);
  });

  it.each([
    `bytes=${someVideo.length}-`,
    `bytes=${someVideo.length}-${someVideo.length + 1}`,
    'bytes=99999999999999999999-',
    'bytes=-0',
    'bytes=a-b',
  ])('outside of it gets 416 with its size and the envelope: %s', async (range) => {
    const response = await get(playPath, { range });
    expect([response.status, response.headers['content-range']]).toEqual([416, `bytes */${someVideo.length}`]);
    expect(response.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(answerOf(response).status_code).toBe(100_004);
    expect(response.headers['cache-control']).toBe('no-store');
  });

  it.each(['bytes=0-1,5-9', 'lines=0-1', 'bytes', '', `bytes=-${someVideo.length * 2}`])(
    'that is not one range is the whole file: %s',
    async (range) => {
      const response = await get(playPath, { range });
      expect(response.status).toBe(200);
      expect(response.body.equals(someVideo)).toBe(true);
    },
  );

  it('is the whole file where the file is another one by now', async () => {
    const { etag = '' } = (await get(playPath)).headers;
    expect((await get(playPath, { range: 'bytes=0-0', 'if-range': '"other"' })).status).toBe(200);
    expect((await get(playPath, { range: 'bytes=0-0', 'if-range': etag })).status).toBe(206);
  });
});

describe('what is no file of ours gets 404 with the envelope', () => {
  it.each([
    '/media/',
    '/media/videos',
    '/media/videos/',
    '/media/nothing.mp4',
    '/media/videos/1/0123456789abcdef0123456789abcdef.mp4',
    '/media/../secret.txt',
    '/media/videos/../../secret.txt',
    '/media/%2e%2e/secret.txt',
    '/media/..%2fsecret.txt',
    '/media/videos/..%2f..%2fsecret.txt',
    '/media/%252e%252e%252fsecret.txt',
    '/media/..%5csecret.txt',
    '/media/videos\\..\\..\\secret.txt',
    '/media/....//secret.txt',
    '/media//etc/passwd',
    '/media/%2fetc%2fpasswd',
    '/media/file:///etc/passwd',
    '/media/C:%5csecret.txt',
    '/media/.staged/half.mp4',
    '/media/%2estaged/half.mp4',
    '/media/videos/../.staged/half.mp4',
    '/media/.hidden',
    '/media/videos/.git/config',
    '/media/secret.txt%00.mp4',
    '/media/%00',
    '/media/%zz',
    '/media/%c0%ae%c0%ae/secret.txt',
    `/media/${'a'.repeat(5_000)}`,
    `/media/${'a/'.repeat(3_000)}`,
  ])('%.60s', async (path) => {
    for (const method of ['GET', 'HEAD']) {
      const response = await get(path, { range: 'bytes=0-' }, method);
      expect(response.status).toBe(404);
      expect(response.headers).toMatchObject({
        'content-type': 'application/json; charset=utf-8',
        'cache-control': 'no-store',
      });
      if (method === 'GET') expect(answerOf(response)).toEqual({ status_code: 100_008, status_msg: 'No such address' });
    }
  });

  it('also with the path in another spelling', async () => {
    for (const path of [playPath.toUpperCase(), `${playPath}%20`, `/${playPath}`, `${playPath}.`]) {
      expect([path, (await get(path)).status]).toEqual([path, 404]);
    }
    expect((await get(`${playPath}?download=1`)).status).toBe(200);
  });

  it('takes no other methods', async () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'MOVE', 'QUERY']) {
      expect(answerOf(await get(playPath, {}, method)).status_code).toBe(100_008);
    }
    expect((await get(playPath)).status).toBe(200);
  });
});

it('is found by nobody who was not given its address, while the video is not shown', async () => {
  const [owner, other] = [await server.user(), await server.user()];
  const id = await server.publish(owner);
  const own = listOf(await server.call('publishList', {}, { token: owner.token }), 'video_list');
  const path = new URL(textOf(own[0], 'play_url')).pathname;
  expect(path).toMatch(/^\/media\/videos\/\d+\/[0-9a-f]{32}\b/);
  await server.context.database.transaction((trx) =>
    trx.updateTable('videos').set({ state: 'processing' }).where('id', '=', id).execute(),
  );
  await server.context.cache.delete([
    { family: 'video', id: String(id) },
    { family: 'feed', id: 'head' },
  ]);
  for (const answer of [
    await server.call('publishList', { user_id: owner.id }, { token: other.token }),
    await server.call('feed', {}, { token: other.token }),
    await server.call('video', { video_id: id }, { token: other.token }),
  ]) {
    expect(JSON.stringify(answer)).not.toContain(path);
  }
  // Whoever has the address needs nothing else.
  expect((await get(path)).status).toBe(200);
  const guess = path.replace(/[0-9a-f]{32}/, (random) => random.replace(/^./, (digit) => (digit === '0' ? '1' : '0')));
  expect((await get(guess)).status).toBe(404);
});

it('a deleted video is not served any more, not even to who knows where it was', async () => {
  const user = await server.user();
  const id = await server.publish(user);
  const video = rowOf(await server.call('video', { video_id: id }), 'video');
  const paths = ['play_url', 'cover_url'].map((name) => new URL(textOf(video, name)).pathname);
  for (const path of paths) expect((await get(path)).status).toBe(200);
  await server.call('deleteVideo', { video_id: id }, { token: user.token });
  await server.context.jobs.processAll();
  for (const path of paths) expect((await get(path)).status).toBe(404);
});
