import { mkdirSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bear, listOf, rowOf, startTestServer, type TestServer, textOf } from '../../test/server.ts';
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
    expect(response.body.equals(bear)).toBe(true);
    expect(response.headers).toMatchObject({
      'content-type': 'video/mp4',
      'content-length': String(bear.length),
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
  const last = bear.length - 1;
  it.each([
    ['the first byte', 'bytes=0-0', 0, 0],
    ['some in the middle', 'bytes=100-199', 100, 199],
    ['from somewhere to the end', 'bytes=200-', 200, last],
    ['the last bytes', 'bytes=-100', bear.length - 100, last],
    ['more at the end than there is', `bytes=${last - 9}-${bear.length + 5}`, last - 9, last],
  ])('%s', async (_which, range, start, end) => {
    const response = await get(playPath, { range });
    expect(response.status).toBe(206);
    expect(response.headers).toMatchObject({
      'content-range': `bytes ${start}-${end}/${bear.length}`,
      'content-length': String(end - start + 1),
      'content-type': 'video/mp4',
      'x-content-type-options': 'nosniff',
    });
    expect(response.body.equals(bear.subarray(start, end + 1))).toBe(true);
  });

  it.each([
    `bytes=${bear.length}-`,
    `bytes=${bear.length}-${bear.length + 1}`,
    'bytes=99999999999999999999-',
    'bytes=-0',
    'bytes=a-b',
  ])('outside of it gets 416 with its size and the envelope: %s', async (range) => {
    const response = await get(playPath, { range });
    expect([response.status, response.headers['content-range']]).toEqual([416, `bytes */${bear.length}`]);
    expect(response.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(answerOf(response).status_code).toBe(100_004);
    expect(response.headers['cache-control']).toBe('no-store');
  });

  it.each(['bytes=0-1,5-9', 'lines=0-1', 'bytes', '', `bytes=-${bear.length * 2}`])(
    'that is not one range is the whole file: %s',
    async (range) => {
      const response = await get(playPath, { range });
      expect(response.status).toBe(200);
      expect(response.body.equals(bear)).toBe(true);
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
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'MOVE', 'QUERY']) {
      expect(answerOf(await get(playPath, {}, method)).status_code).toBe(100_008);
    }
    expect((await get(playPath)).status).toBe(200);
  });
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
