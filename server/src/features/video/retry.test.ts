import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { makeClip, testPattern } from '../../../test/clips.ts';
import { createHeldFfmpeg, type Held, type HeldFfmpeg } from '../../../test/held-ffmpeg.ts';
import { seedSettings, seedUser, seedVideo } from '../../../test/seed.ts';
import { startTestServer, type TestServer, type TestUser } from '../../../test/server.ts';
import { mediaFiles } from '../../../test/stored.ts';
import { updateVideoRow, videoRow } from '../../../test/video-rows.ts';
import { jobDefinitions } from '../../jobs/index.ts';

/** What authors can do where processing has failed. */
const hourMs = 3_600_000;
const notFound = 110_201;
/** Its job begins when it likes. */
const underWay = expect.stringMatching(/^(?:uploaded|processing)$/);
let now = Date.now();
let ffmpeg: HeldFfmpeg;
let server: TestServer;
let author: TestUser;
let held: Held | undefined;
let matroska: Buffer;
beforeAll(async () => {
  ffmpeg = await createHeldFfmpeg();
  server = await startTestServer({ ...seedSettings, FFMPEG_PATH: ffmpeg.path }, { clock: { now: () => now } });
  matroska = await makeClip(server, 'mkv', [...testPattern, '-c:v', 'mpeg4']);
});
afterAll(async () => {
  await server.close();
  ffmpeg.remove();
});
beforeEach(async () => {
  author = await seedUser(server);
});
afterEach(() => {
  if (held !== undefined) letGo();
});

function hold(what: Held): void {
  ffmpeg.hold(what);
  held = what;
}
function letGo(): void {
  if (held !== undefined) ffmpeg.letGo(held);
  held = undefined;
}
const statusOf = (videoId: number, by = author) =>
  server.call('publishStatus', { video_id: videoId }, { token: by.token });
const retry = (videoId: number, by = author) => server.call('publishRetry', { video_id: videoId }, { token: by.token });
const remove = (videoId: number) => server.call('deleteVideo', { video_id: videoId }, { token: author.token });
/** Lets the conversion of a video fail for good: all attempts but two are skipped. */
async function failForGood(videoId: number): Promise<void> {
  await server.context.jobs.processAll();
  await server.context.database.transaction((trx) =>
    trx
      .updateTable('outbox')
      .set({ attempts: jobDefinitions['video.prepare'].maxAttempts - 1 })
      .where('name', '=', 'video.prepare')
      .where('state', '=', 'pending')
      .execute(),
  );
  now += hourMs;
  await server.context.jobs.processAll();
  letGo();
  expect(await statusOf(videoId)).toMatchObject({ state: 'failed', failure: expect.stringContaining('went wrong') });
}
async function failedVideo(): Promise<number> {
  hold('crashes');
  const videoId = await server.publish(author, '', matroska);
  await failForGood(videoId);
  return videoId;
}
const jobsOf = async (videoId: number): Promise<number> => {
  const rows = await server.context.database.reader
    .selectFrom('outbox')
    .select('payload')
    .where('name', '=', 'video.prepare')
    .where('state', '=', 'pending')
    .execute();
  return rows.filter(({ payload }) => payload.includes(String(videoId))).length;
};

describe('a failed video that is tried again', () => {
  it('is "uploaded" again, then "ready" if it goes well now', async () => {
    const videoId = await failedVideo();
    expect(await retry(videoId)).toEqual({ status_code: 0, status_msg: '' });
    expect(await statusOf(videoId)).toMatchObject({ state: underWay, failure: '' });
    await server.context.jobs.processAll();
    expect(await statusOf(videoId)).toMatchObject({ state: 'ready', progress: 100 });
    expect(await retry(videoId)).toMatchObject({ status_code: 110_204 });
  });

  it('fails again if nothing has changed, and can be tried once more', async () => {
    const videoId = await failedVideo();
    hold('crashes');
    await retry(videoId);
    await failForGood(videoId);
    await retry(videoId);
    await server.context.jobs.processAll();
    expect(await statusOf(videoId)).toMatchObject({ state: 'ready' });
  });

  it('is tried once, however often that is asked at once', async () => {
    const videoId = await failedVideo();
    hold('conversions');
    const answers = await Promise.all([retry(videoId), retry(videoId), retry(videoId)]);
    expect(answers.map(({ status_code }) => status_code).toSorted()).toEqual([0, 110_204, 110_204]);
    expect(await jobsOf(videoId)).toBe(1);
    letGo();
    await server.context.jobs.processAll();
    expect(await statusOf(videoId)).toMatchObject({ state: 'ready' });
  });

  it('is its author’s: nobody else finds it, and who sees it once it is ready may not', async () => {
    const videoId = await failedVideo();
    const other = await seedUser(server);
    expect(await retry(videoId, other)).toMatchObject({ status_code: notFound });
    expect(await server.call('publishRetry', { video_id: videoId })).toMatchObject({ status_code: 100_005 });
    expect(await statusOf(videoId)).toMatchObject({ state: 'failed' });
    expect(await jobsOf(videoId)).toBe(0);
    await retry(videoId);
    await server.context.jobs.processAll();
    expect(await retry(videoId, other)).toMatchObject({ status_code: 100_208 });
  });

  it('can be deleted instead, and meanwhile; then there is nothing to try, and nothing of it stays', async () => {
    for (const meanwhile of [false, true]) {
      const videoId = await failedVideo();
      hold('conversions');
      if (meanwhile) await retry(videoId);
      expect(await remove(videoId)).toMatchObject({ status_code: 0 });
      expect(await statusOf(videoId)).toMatchObject({ status_code: notFound });
      expect(await retry(videoId)).toMatchObject({ status_code: notFound });
      letGo();
      await server.context.jobs.processAll();
      expect(await statusOf(videoId)).toMatchObject({ status_code: notFound });
      expect((await mediaFiles(server)).filter((path) => path.includes(String(videoId)))).toEqual([]);
    }
  });
});

it.each(['uploaded', 'processing', 'ready'] as const)('a video that is "%s" is not tried again', async (state) => {
  const videoId = await seedVideo(server, author);
  await updateVideoRow(server, videoId, { state });
  expect(await retry(videoId)).toMatchObject({
    status_code: 110_204,
    status_msg: expect.stringContaining('it has not failed'),
  });
  expect(await jobsOf(videoId)).toBe(0);
  expect((await videoRow(server, videoId)).state).toBe(state);
});
