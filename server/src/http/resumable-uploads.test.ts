/** The real tus-js-client, unchanged. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { idOf, type UploadsAt, uploadsAt } from '../../test/resumable-server.ts';
import { someVideo, startTestServer, type TestServer } from '../../test/server.ts';
import { listen } from '../../test/sockets.ts';
import { openBreakingWay, refusalOf, tusUpload } from '../../test/tus.ts';

const chunkBytes = 64 * 1024;
/** What headers may have, of all requests of one test. */
const headersBytes = 16 * 1024;
let server: TestServer;
let port: number;
let url: string;
let at: UploadsAt;
beforeAll(async () => {
  server = await startTestServer();
  port = await listen(server);
  url = `http://127.0.0.1:${port}`;
  at = uploadsAt(server, url);
});
afterAll(() => server.close());

it('is published whole, with progress, and leaves nothing beside the video', async () => {
  const user = await server.user();
  const { done, progress, answers, upload } = tusUpload(url, user, someVideo, {
    metadata: { title: 'A bear', filename: 'x' },
  });
  const videoId = Number((await done)('upload-video-id'));
  const { video_list } = await server.call('publishList', {}, { token: user.token });
  expect(video_list).toMatchObject([{ id: videoId, title: 'A bear' }]);
  expect(answers).toEqual(['POST 201', ...Array.from({ length: 5 }, () => 'PATCH 204')]);
  expect(progress.at(-1)).toBe(someVideo.length);
  expect(progress).toEqual(progress.toSorted((one, other) => one - other));
  expect((await at.partialFiles()).join()).not.toContain(idOf(upload.url));
  const head = await at.request(user, 'HEAD', upload.url ?? '');
  expect([head.status, head.header('upload-offset'), head.header('upload-video-id')]).toEqual([
    200,
    String(someVideo.length),
    String(videoId),
  ]);
});

it('goes on after a pause where it was', async () => {
  const user = await server.user();
  let pause: Promise<void> | undefined;
  const first = tusUpload(url, user, someVideo, {
    onProgress: (sent) => {
      if (sent >= 2 * chunkBytes) pause ??= first.upload.abort();
    },
  });
  await expect.poll(() => pause !== undefined, { timeout: 10_000 }).toBe(true);
  await pause;
  expect(await at.titlesOf(user)).toEqual([]);
  first.upload.start();
  expect(Number((await first.done)('upload-video-id'))).toBeGreaterThan(0);
  expect(first.answers.filter((answer) => answer === 'HEAD 200')).toHaveLength(1);
});

it('sends at most one chunk again after its connection was lost in the middle of one', async () => {
  const user = await server.user();
  const way = await openBreakingWay(port);
  try {
    way.breakAfter(Math.floor(someVideo.length / 2));
    const { done, answers } = tusUpload(way.url, user, someVideo, { chunkSize: 128 * 1024 });
    await done;
    expect(answers).toContain('HEAD 200');
    expect(way.sentBytes).toBeLessThan(someVideo.length + 128 * 1024 + headersBytes);
    expect(await at.titlesOf(user)).toHaveLength(1);
  } finally {
    await way.close();
  }
});

it('may come in one request, by POST alone, and with a token in the address or the metadata', async () => {
  const user = await server.user();
  const options = { chunkSize: Number.POSITIVE_INFINITY, headers: {} };
  const inAddress = { ...options, endpoint: `${url}/uploads/?token=${user.token}`, overridePatchMethod: true };
  expect((await tusUpload(url, user, someVideo, inAddress).done)('upload-video-id')).toBeDefined();
  const inMetadata = { ...options, metadata: { token: user.token, title: 'two' }, uploadDataDuringCreation: true };
  const { done, upload } = tusUpload(url, user, someVideo, { ...inMetadata, chunkSize: chunkBytes });
  expect((await done)('upload-video-id')).toBeDefined();
  expect(await at.titlesOf(user)).toEqual(['two', '']);
  const head = await at.request(user, 'HEAD', upload.url ?? '');
  expect(head.header('upload-metadata')).toBe(`title ${Buffer.from('two').toString('base64')}`);
});

it('is told why it is no video, and nothing is left of it', async () => {
  const user = await server.user();
  const { done, upload } = tusUpload(url, user, Buffer.from('this is no video at all'), {
    headers: { authorization: `Bearer ${user.token}`, 'accept-language': 'zh' },
  });
  const { status, answer } = await refusalOf(done);
  expect([status, answer.status_code]).toEqual([400, 110602]);
  expect(answer.status_msg).toContain('文件不是可播放的视频');
  expect((await at.request(user, 'HEAD', upload.url ?? '')).status).toBe(400);
  expect(await at.uploadsOf(user)).toMatchObject([{ state: 'refused', failure: 'ErrNotVideo' }]);
  expect((await at.partialFiles()).join()).not.toContain(idOf(upload.url));
});

it('is recognised by its hash before its bytes are sent, and sent all the same if wanted', async () => {
  const user = await server.user();
  const sha256 = createHash('sha256').update(someVideo).digest();
  const first = tusUpload(url, user, someVideo, { metadata: { sha256: sha256.toString('base64') } });
  const videoId = (await first.done)('upload-video-id');
  const way = await openBreakingWay(port);
  try {
    const again = await refusalOf(
      tusUpload(way.url, user, someVideo, { metadata: { sha256: sha256.toString('hex') } }).done,
    );
    expect([again.status, again.answer.status_code, again.header('upload-video-id')]).toEqual([422, 110610, videoId]);
    expect(way.sentBytes).toBeLessThan(2_000);
  } finally {
    await way.close();
  }
  const wanted = tusUpload(url, user, someVideo, { metadata: { sha256: sha256.toString('hex'), again: '1' } });
  expect((await wanted.done)('upload-video-id')).not.toBe(videoId);
  const other = await server.user();
  expect(
    (await tusUpload(url, other, someVideo, { metadata: { sha256: sha256.toString('hex') } }).done)('upload-video-id'),
  ).toBeDefined();
});

it('is refused if its bytes are not those that were declared', async () => {
  const user = await server.user();
  const { done } = tusUpload(url, user, someVideo, { metadata: { sha256: '0'.repeat(64) } });
  const { status, answer } = await refusalOf(done);
  expect([status, answer.status_code]).toEqual([400, 110608]);
  expect(await at.titlesOf(user)).toEqual([]);
});
