import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { fetchMedia, makeClip, plainH264, probe, testPattern, testTone, topBoxes } from '../../../test/clips.ts';
import { systemTools } from '../../../test/quick-tools.ts';
import { seedSettings, seedUser } from '../../../test/seed.ts';
import { rowOf, startTestServer, type TestServer, type TestUser, textOf } from '../../../test/server.ts';
import { mediaFiles } from '../../../test/stored.ts';

let now = Date.now();
let server: TestServer;
let author: TestUser;
beforeAll(async () => {
  server = await startTestServer({ ...seedSettings, ...systemTools }, { clock: { now: () => now } });
  author = await seedUser(server);
});
afterAll(() => server.close());

const seen = async (videoId: number) => rowOf(await server.call('video', { video_id: videoId }), 'video');
/** Hashes of all packets of the pictures, as they lie in the file. */
const packets = (file: Buffer) =>
  probe(server, file, [
    '-select_streams',
    'v',
    '-show_entries',
    'packet=codec_type,pts,dts,size,data_hash',
    '-show_data_hash',
    'md5',
    '-of',
    'csv=p=0',
  ]);

it('starts fast without its pictures being encoded again, and tells nothing about who filmed it and where', async () => {
  const clip = await makeClip(server, 'mp4', [
    ...testPattern,
    ...testTone,
    ...plainH264,
    '-c:a',
    'aac',
    ...[
      '-metadata',
      'location=+48.8584+002.2945/',
      '-metadata',
      'title=a secret title',
      '-metadata',
      'artist=a secret name',
    ],
    ...['-metadata:s:v', 'handler_name=a secret phone'],
  ]);
  const boxes = topBoxes(clip);
  expect(boxes.indexOf('moov')).toBeGreaterThan(boxes.indexOf('mdat'));
  const secrets = ['loci', 'a secret title', 'a secret name', 'a secret phone'];
  for (const secret of secrets) expect(clip.includes(secret)).toBe(true);
  const videoId = await server.publish(author, 'Seen by all', clip);
  await server.context.jobs.processAll();
  const video = await seen(videoId);
  const { body } = await fetchMedia(server, textOf(video, 'play_url'));
  expect(topBoxes(body).indexOf('moov')).toBeLessThan(topBoxes(body).indexOf('mdat'));
  expect(await packets(body)).toBe(await packets(clip));
  for (const secret of secrets) expect(body.includes(secret)).toBe(false);
  expect(await probe(server, body, ['-show_entries', 'format_tags', '-of', 'json'])).not.toMatch(
    /location|artist|title/,
  );
  // What was received is kept for a day, for players that have its address; then two files and the package are left.
  const filesOf = async () =>
    (await mediaFiles(server)).filter((path) => path.startsWith(`videos/${videoId}/`) && path.split('/').length === 3);
  expect(await filesOf()).toHaveLength(3);
  now += 25 * 3_600_000;
  await server.context.jobs.processAll();
  const keyOf = (name: string) => new URL(textOf(video, name)).pathname.slice('/media/'.length);
  expect(await filesOf()).toEqual([keyOf('play_url'), keyOf('cover_url')].sort());
});

it('is shown the way it was held', async () => {
  const clip = await makeClip(server, 'mp4', [
    '-f',
    'lavfi',
    '-i',
    'testsrc2=size=96x64:rate=5:duration=1',
    ...plainH264,
  ]);
  // The matrix of a phone that was held upright: a quarter turn, 40 bytes into the track header.
  const matrix = [0, 0x10000, 0, -0x10000, 0, 0, 64 * 0x10000, 0, 0x40000000];
  const matrixAt = clip.indexOf('tkhd') + 4 + 40;
  for (const [i, value] of matrix.entries()) clip.writeInt32BE(value, matrixAt + i * 4);
  const videoId = await server.publish(author, '', clip);
  await server.context.jobs.processAll();
  const video = await seen(videoId);
  expect(video).toMatchObject({ width: 64, height: 96, state: 'ready' });
  const { body } = await fetchMedia(server, textOf(video, 'play_url'));
  expect(await probe(server, body, ['-show_entries', 'stream_side_data=rotation', '-of', 'csv=p=0'])).toContain('-90');
  const cover = await fetchMedia(server, textOf(video, 'cover_url'));
  expect(await sharp(cover.body).metadata()).toMatchObject({ format: 'jpeg', width: 64, height: 96 });
});

it.each([
  [
    'begins with black',
    'color=black:size=64x64:rate=10:duration=1.2[b];testsrc2=size=64x64:rate=10:duration=0.8[p];[b][p]concat',
  ],
  [
    'ends with black',
    'testsrc2=size=64x64:rate=10:duration=0.3[p];color=black:size=64x64:rate=10:duration=1.7[b];[p][b]concat',
  ],
  [
    'is black but for its last twentieth',
    'color=black:size=64x64:rate=10:duration=5.7[b];testsrc2=size=64x64:rate=10:duration=0.3[p];[b][p]concat',
  ],
])('has a cover that shows something, also if the video %s', async (_what, graph) => {
  const clip = await makeClip(server, 'mp4', ['-filter_complex', graph, ...plainH264]);
  const videoId = await server.publish(author, '', clip);
  await server.context.jobs.processAll();
  const cover = await fetchMedia(server, textOf(await seen(videoId), 'cover_url'));
  const { channels } = await sharp(cover.body).stats();
  for (const { mean } of channels) expect(mean).toBeGreaterThan(30);
});

it('has a cover, black as it is, if all of the video is black', async () => {
  const clip = await makeClip(server, 'mp4', [
    '-f',
    'lavfi',
    '-i',
    'color=black:size=64x64:rate=5:duration=1',
    ...plainH264,
  ]);
  const videoId = await server.publish(author, '', clip);
  await server.context.jobs.processAll();
  const url = textOf(await seen(videoId), 'cover_url');
  expect(url).toContain(`/media/videos/${videoId}/`);
  expect(await fetchMedia(server, url)).toMatchObject({ status: 200, type: 'image/jpeg' });
});
