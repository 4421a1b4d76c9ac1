/** The publishing path with videos and pictures on a real S3 server, and everything else embedded. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeEngine } from './engines.ts';
import { makeTestBucket, type TestBucket } from './s3-bucket.ts';
import { bear, listOf, numberOf, rowOf, startTestServer, type TestServer, type TestUser, textOf } from './server.ts';
import { listen } from './sockets.ts';

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
    expect(content.length).toBeGreaterThan(bear.length / 2);
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
