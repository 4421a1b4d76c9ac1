/** The publishing path with videos and pictures on a real S3 server, and everything else embedded. */
import { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeEngine } from './engines.ts';
import { makeTestBucket, type TestBucket } from './s3-bucket.ts';
import { listOf, numberOf, rowOf, startTestServer, type TestServer, type TestUser, textOf } from './server.ts';
import { exchange, listen, requestText } from './sockets.ts';

describeEngine('s3', (url) => {
  let bucket: TestBucket;
  let server: TestServer;
  let user: TestUser;
  let port: number;
  beforeAll(async () => {
    bucket = await makeTestBucket(url);
    server = await startTestServer(bucket.settings);
    port = await listen(server);
    user = await server.user();
  });
  afterAll(async () => {
    await server.close();
    await bucket.remove();
  });

  const at = (address: string): string => `http://127.0.0.1:${port}${new URL(address).pathname}`;
  const bytesOf = async (response: Response): Promise<Buffer> => Buffer.from(await response.arrayBuffer());

  it('plays what was published, from an address of S3, with Range and HEAD', async () => {
    const id = await server.publish(user);
    await server.context.jobs.processAll();
    const video = rowOf(await server.call('video', { video_id: id }), 'video');
    const play = at(textOf(video, 'play_url'));

    const redirect = await fetch(play, { redirect: 'manual' });
    expect(redirect.status).toBe(302);
    expect(redirect.headers.get('cache-control')).toBe('public, max-age=3600');
    expect(redirect.headers.get('cross-origin-resource-policy')).toBe('cross-origin');
    const location = new URL(redirect.headers.get('location') ?? '');
    expect(location.origin).toBe(bucket.address.endpoint);
    expect(Number(location.searchParams.get('X-Amz-Expires'))).toBeGreaterThan(2 * 3_600);
    expect((await fetch(play, { redirect: 'manual' })).headers.get('location')).toBe(location.href);

    const whole = await fetch(play);
    const content = await bytesOf(whole);
    expect(content.length).toBeGreaterThan(5_000);
    expect(whole.headers.get('content-type')).toBe('video/mp4');
    expect(whole.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    const part = await fetch(play, { headers: { range: 'bytes=100-199' } });
    expect([part.status, part.headers.get('content-range')]).toEqual([206, `bytes 100-199/${content.length}`]);
    expect((await bytesOf(part)).equals(content.subarray(100, 200))).toBe(true);
    const head = await fetch(play, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, String(content.length)]);

    const answer = await fetch(play, { method: 'HEAD', redirect: 'manual' });
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([302, 'no-store']);

    const cover = await fetch(at(textOf(video, 'cover_url')));
    expect([cover.status, cover.headers.get('content-type')]).toEqual([200, 'image/jpeg']);
    expect((await bytesOf(cover)).subarray(0, 2)).toEqual(Buffer.from([0xff, 0xd8]));
  });

  it('hands out playlists and subtitles itself, and sends players on for what they name, across sites', async () => {
    const folder = 'videos/1/0123456789abcdef0123456789abcdef';
    const put = async (name: string, content: string): Promise<void> => {
      const staged = await server.context.blobs.stage(Readable.from([content]), { maxBytes: 1_000 });
      await staged.promote(`${folder}/${name}`);
    };
    const playlist = '#EXTM3U\n#EXTINF:2,\n#EXT-X-BYTERANGE:10@0\nv720.mp4\n';
    await put('v720.m3u8', playlist);
    await put('v720.mp4', 'a segment and another one');
    await put('thumbnails.vtt', 'WEBVTT\n');
    const elsewhere = { origin: 'https://elsewhere.example' };
    const address = `http://127.0.0.1:${port}/media/${folder}/v720.m3u8`;
    for (let round = 0; round < 2; round += 1) {
      const answer = await fetch(address, { headers: elsewhere, redirect: 'manual' });
      expect([answer.status, await answer.text()]).toEqual([200, playlist]);
      expect(Object.fromEntries(answer.headers)).toMatchObject({
        'content-type': 'application/vnd.apple.mpegurl',
        'cache-control': 'public, max-age=31536000, immutable',
        'access-control-allow-origin': '*',
        etag: expect.stringMatching(/^"[0-9a-f]{32}"$/),
      });
      const etag = answer.headers.get('etag') ?? '';
      // By hand, since fetch adds that it wants no cached answer.
      const again = requestText('GET', new URL(address).pathname, { 'if-none-match': etag });
      expect((await exchange(port, again)).status).toBe(304);
    }
    const head = await fetch(address, { method: 'HEAD', redirect: 'manual' });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, String(playlist.length)]);

    const segment = new URL('v720.mp4', address);
    const headers = { ...elsewhere, range: 'bytes=2-8' };
    const sent = await fetch(segment, { headers, redirect: 'manual' });
    expect([sent.status, sent.headers.get('access-control-allow-origin')]).toEqual([302, '*']);
    const part = await fetch(sent.headers.get('location') ?? '', { headers });
    expect([part.status, await part.text()]).toEqual([206, 'segment']);
    expect(part.headers.get('access-control-allow-origin')).toBe('*');
    expect(part.headers.get('access-control-expose-headers')?.toLowerCase()).toContain('content-range');

    const subtitles = await fetch(new URL('thumbnails.vtt', address), { redirect: 'manual' });
    expect([subtitles.status, subtitles.headers.get('content-type')]).toEqual([200, 'text/vtt; charset=utf-8']);
    await server.context.blobs.deleteFolder(folder);
    expect((await fetch(address, { redirect: 'manual' })).status).toBe(404);
  });

  it('shows pictures', async () => {
    const [video] = listOf(await server.call('publishList', {}, { token: user.token }), 'video_list');
    const avatar = await bytesOf(await fetch(at(textOf(video, 'cover_url'))));
    const answer = await server.call('editProfile', {}, { token: user.token, files: { avatar } });
    expect(answer.status_code).toBe(0);
    const shown = rowOf(await server.call('user', { user_id: user.id }), 'user');
    const picture = await fetch(at(textOf(shown, 'avatar')));
    expect([picture.status, picture.headers.get('content-type')]).toEqual([200, 'image/jpeg']);
  });

  it('answers 404 with the envelope for what is not there', async () => {
    for (const path of ['videos/1/0123456789abcdef.mp4', '.staged/a', 'A', 'videos/../a']) {
      const response = await fetch(`http://127.0.0.1:${port}/media/${path}`);
      expect([path, response.status]).toEqual([path, 404]);
    }
  });

  it('keeps nothing of what is deleted', async () => {
    const [video] = listOf(await server.call('publishList', {}, { token: user.token }), 'video_list');
    const play = at(textOf(video, 'play_url'));
    const deleted = await server.call('deleteVideo', { video_id: numberOf(video, 'id') }, { token: user.token });
    expect(deleted.status_code).toBe(0);
    await server.context.jobs.processAll();
    expect((await fetch(play)).status).toBe(404);
    const closed = await server.call('deleteAccount', { password: user.password }, { token: user.token });
    expect([closed.status_code, closed.status_msg]).toEqual([0, closed.status_msg]);
    await server.context.jobs.processAll();
    expect(await bucket.contents()).toEqual([]);
  });
});
