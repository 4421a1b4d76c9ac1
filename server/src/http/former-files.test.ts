import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { fetchMedia } from '../../test/clips.ts';
import { seedSettings, seedUser } from '../../test/seed.ts';
import { rowOf, someVideo, startTestServer, type TestServer, textOf } from '../../test/server.ts';
import { mediaFiles } from '../../test/stored.ts';
import { updateVideoRow, videoRow } from '../../test/video-rows.ts';

/** Addresses of a received file, for ever: while it is kept, and when another plays in its place. */
const hourMs = 3_600_000;
let now = Date.now();
let server: TestServer;
let token: string;
let videoId: number;
let received: string;
let current: string;
beforeAll(async () => {
  server = await startTestServer(seedSettings, { clock: { now: () => now } });
});
afterAll(() => server.close());
beforeEach(async () => {
  const author = await seedUser(server);
  token = author.token;
  videoId = await server.publish(author);
  received = (await videoRow(server, videoId)).play_key;
  await server.context.jobs.processAll();
  current = (await videoRow(server, videoId)).play_key;
  expect(current).not.toBe(received);
  await updateVideoRow(server, videoId, { received_key: received });
});

const get = (key: string, method: 'GET' | 'HEAD' = 'GET') =>
  server.context.app.inject({ method, url: `/media/${key}` });
const endLife = async (): Promise<void> => {
  now += 25 * hourMs;
  await server.context.jobs.processAll();
  expect(await mediaFiles(server)).not.toContain(received);
};

it('the received file is served as long as it is kept, then the file that plays in its place', async () => {
  const url = `http://test.local/media/${received}`;
  now += 22 * hourMs;
  expect((await fetchMedia(server, url)).body.equals(someVideo)).toBe(true);
  await endLife();
  for (const method of ['GET', 'HEAD'] as const) {
    const response = await get(received, method);
    expect(response.statusCode).toBe(302);
    expect(response.headers).toMatchObject({
      'cache-control': 'public, max-age=3600',
      'cross-origin-resource-policy': 'cross-origin',
    });
    // Relative, so that it holds behind whatever the address was asked for by.
    const { location = '' } = response.headers;
    expect(location).not.toContain('://');
    expect(new URL(location, url).pathname).toBe(`/media/${current}`);
  }
  const { status, type, body } = await fetchMedia(server, url);
  expect([status, type]).toEqual([200, 'video/mp4']);
  const playUrl = textOf(rowOf(await server.call('video', { video_id: videoId }), 'video'), 'play_url');
  expect((await fetchMedia(server, playUrl)).body.equals(body)).toBe(true);
});

it('a file in a folder of its own is found from there as well', async () => {
  await endLife();
  const inFolder = `videos/${videoId}/${'0'.repeat(32)}/file.mp4`;
  await updateVideoRow(server, videoId, { play_key: inFolder });
  const { location = '' } = (await get(received)).headers;
  expect(new URL(location, `http://test.local/media/${received}`).pathname).toBe(`/media/${inFolder}`);
});

it('only the address that was handed out leads there', async () => {
  await endLife();
  for (const key of [
    received.replace(/[0-9a-f]{4}\./, 'ffff.'),
    received.replace(String(videoId), String(videoId + 1)),
    `videos/9007199254740993/${received.split('/')[2]}`,
    `${received}/x.mp4`,
    received.replace(/mp4$/, 'jpg'),
  ]) {
    expect([key, (await get(key)).statusCode]).toEqual([key, 404]);
  }
  // Nor does one of what nobody may see.
  for (const state of ['processing', 'failed', 'deleted'] as const) {
    await updateVideoRow(server, videoId, { state });
    expect([state, (await get(received)).statusCode]).toEqual([state, 404]);
  }
});

it('of a deleted video, neither address is one any more', async () => {
  await endLife();
  expect((await get(received)).statusCode).toBe(302);
  await server.call('deleteVideo', { video_id: videoId }, { token });
  await server.context.jobs.processAll();
  expect([(await get(received)).statusCode, (await get(current)).statusCode]).toEqual([404, 404]);
});
