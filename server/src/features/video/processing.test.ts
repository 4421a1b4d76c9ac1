import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fetchMedia, makeClip, plainH264, probe, testPattern, testTone, topBoxes } from '../../../test/clips.ts';
import { createHeldFfmpeg, type Held, type HeldFfmpeg } from '../../../test/held-ffmpeg.ts';
import { seedSettings, seedUser } from '../../../test/seed.ts';
import {
  listOf,
  numberOf,
  type Row,
  rowOf,
  startTestServer,
  type TestServer,
  type TestUser,
  textOf,
} from '../../../test/server.ts';
import { expectCountersToEqualRows, mediaFiles } from '../../../test/stored.ts';
import { jobDefinitions } from '../../jobs/index.ts';

const hourMs = 3_600_000;
let now = Date.now();
let ffmpeg: HeldFfmpeg;
let server: TestServer;
let author: TestUser;
let held: Held | undefined;
let matroska: Buffer;
beforeAll(async () => {
  ffmpeg = await createHeldFfmpeg();
  server = await startTestServer(
    { ...seedSettings, FFMPEG_PATH: ffmpeg.path, UPLOAD_MAX_DURATION: '2s' },
    { clock: { now: () => now } },
  );
  matroska = await makeClip(server, 'mkv', [...testPattern, ...testTone, '-c:v', 'mpeg4', '-c:a', 'libopus']);
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
const seen = async (videoId: number, by?: TestUser, language?: string): Promise<Row | undefined> => {
  const headers = language === undefined ? {} : { 'accept-language': language };
  const answer = await server.call('video', { video_id: videoId }, { headers, ...(by && { token: by.token }) });
  return answer.status_code === 0 ? rowOf(answer, 'video') : undefined;
};
const idsIn = (answer: Row): unknown[] => listOf(answer, 'video_list').map((row) => row['id']);
const workCount = async () => rowOf(await server.call('user', { user_id: author.id }), 'user')['work_count'];

describe('a video that browsers do not play', () => {
  it('is seen by its author alone, who is told its state, until it is converted; then by all', async () => {
    const fan = await seedUser(server);
    hold('conversions');
    const videoId = await server.publish(author, 'A Matroska', matroska);
    const waiting = await seen(videoId, author);
    expect(waiting).toMatchObject({
      state: expect.stringMatching(/uploaded|processing/),
      failure: '',
      title: 'A Matroska',
      width: 64,
      height: 64,
    });
    // What was received plays at once, for the author, and there is a picture.
    const received = await fetchMedia(server, textOf(waiting, 'play_url'));
    expect(received).toMatchObject({ status: 200, type: 'video/webm' });
    expect(received.body.equals(matroska)).toBe(true);
    expect(await fetchMedia(server, textOf(waiting, 'cover_url'))).toMatchObject({ status: 200, type: 'image/jpeg' });
    for (const by of [undefined, fan]) {
      const token = by === undefined ? {} : { token: by.token };
      expect(await seen(videoId, by)).toBeUndefined();
      expect(idsIn(await server.call('feed', {}, token))).not.toContain(videoId);
      expect(idsIn(await server.call('publishList', { user_id: author.id }, token))).toEqual([]);
      expect(await server.call('commentList', { video_id: videoId }, token)).toMatchObject({ status_code: 110201 });
    }
    expect(idsIn(await server.call('feed', {}, { token: author.token }))).not.toContain(videoId);
    for (const [by, code] of [
      [author, 110202],
      [fan, 110201],
    ] as const) {
      const parameters = { video_id: videoId, action_type: 1, comment_text: 'x' };
      expect((await server.call('like', parameters, { token: by.token })).status_code).toBe(code);
      expect((await server.call('comment', parameters, { token: by.token })).status_code).toBe(code);
    }
    expect(await workCount()).toBe(0);

    now += 60_000;
    letGo();
    await server.context.jobs.processAll();
    const ready = await seen(videoId);
    // Published when others can see it: who has paged past the moment of the upload does not miss it.
    expect(ready).toMatchObject({ state: 'ready', failure: '', publish_time: now, title: 'A Matroska' });
    expect(idsIn(await server.call('feed'))[0]).toBe(videoId);
    expect(idsIn(await server.call('publishList', { user_id: author.id }))).toEqual([videoId]);
    expect(await workCount()).toBe(1);
    const played = await fetchMedia(server, textOf(ready, 'play_url'));
    expect(played).toMatchObject({ status: 200, type: 'video/mp4' });
    expect(topBoxes(played.body).indexOf('moov')).toBeLessThan(topBoxes(played.body).indexOf('mdat'));
    expect(await probe(server, played.body, ['-show_entries', 'stream=codec_name,pix_fmt', '-of', 'csv=p=0'])).toBe(
      'h264,yuv420p\naac\n',
    );
    expect(numberOf(ready, 'duration_ms')).toBeGreaterThan(900);
    await expectCountersToEqualRows(server);

    // The address that was handed out before goes on working: for a day it is the same file, then it leads to the other.
    expect((await fetchMedia(server, textOf(waiting, 'play_url'))).body.equals(matroska)).toBe(true);
    now += 25 * hourMs;
    await server.context.jobs.processAll();
    const keyOf = (video: Row | undefined) => new URL(textOf(video, 'play_url')).pathname.slice('/media/'.length);
    expect(await mediaFiles(server)).not.toContain(keyOf(waiting));
    expect((await fetchMedia(server, textOf(waiting, 'play_url'))).body.equals(played.body)).toBe(true);
  });

  it('may also be an MP4, of a phone that films in HEVC', async () => {
    const hevc = ['-c:v', 'libx265', '-x265-params', 'log-level=none', '-c:a', 'aac'];
    const videoId = await server.publish(author, '', await makeClip(server, 'mp4', [...testPattern, ...hevc]));
    await server.context.jobs.processAll();
    const played = await fetchMedia(server, textOf(await seen(videoId), 'play_url'));
    expect(await probe(server, played.body, ['-show_entries', 'stream=codec_name', '-of', 'csv=p=0'])).toBe('h264\n');
  });

  it('can be deleted meanwhile: nothing of it stays, and the conversion that ends later brings nothing back', async () => {
    const before = await mediaFiles(server);
    hold('conversions');
    const videoId = await server.publish(author, '', matroska);
    expect(await server.call('deleteVideo', { video_id: videoId }, { token: author.token })).toMatchObject({
      status_code: 0,
    });
    expect(await seen(videoId, author)).toBeUndefined();
    letGo();
    await server.context.jobs.processAll();
    expect(await seen(videoId, author)).toBeUndefined();
    expect(await mediaFiles(server)).toEqual(before);
    expect(await workCount()).toBe(0);
  });
});

describe('a video that cannot be converted', () => {
  const twoHundredChannels = async () => {
    const clip = await makeClip(server, 'mov', [...testPattern, ...testTone, '-c:v', 'mpeg4', '-c:a', 'pcm_s16le']);
    clip.writeUInt16BE(200, clip.indexOf('sowt') + 20);
    return clip;
  };
  const withoutLength = () => {
    const threeSeconds = ['-f', 'lavfi', '-i', 'testsrc2=size=64x64:rate=10:duration=4'];
    return makeClip(server, 'webm', [...threeSeconds, '-c:v', 'libvpx', '-deadline', 'realtime', '-live', '1']);
  };
  const cutShort = async () => {
    const clip = await makeClip(server, 'avi', [...testPattern, '-c:v', 'mpeg4']);
    return clip.subarray(0, Math.floor(clip.length / 2));
  };

  it.each([
    ['undecodable', twoHundredChannels, 'could not be read', '无法读取该视频'],
    ['too long, which its header hides', withoutLength, 'longer than this site allows', '视频时长超过本站限制'],
    ['incomplete', cutShort, 'ends before the video does', '文件不完整'],
  ])('because it is %s tells its author why, in words, and nobody else sees it', async (_why, make, en, zh) => {
    const videoId = await server.publish(author, '', await make());
    await server.context.jobs.processAll();
    expect(await seen(videoId, author)).toMatchObject({ state: 'failed', failure: expect.stringContaining(en) });
    expect(await seen(videoId, author, 'zh-CN,zh;q=0.9')).toMatchObject({ failure: expect.stringContaining(zh) });
    expect(await seen(videoId)).toBeUndefined();
    expect(idsIn(await server.call('publishList', { user_id: author.id }))).toEqual([]);
    expect(listOf(await server.call('publishList', {}, { token: author.token }), 'video_list')[0]).toMatchObject({
      id: videoId,
      state: 'failed',
    });
    expect(await workCount()).toBe(0);
    await server.call('deleteVideo', { video_id: videoId }, { token: author.token });
    await server.context.jobs.processAll();
    expect((await mediaFiles(server)).filter((path) => path.includes(String(videoId)))).toEqual([]);
  });

  it('because of us is tried again, and its author told when that was of no use', async () => {
    hold('crashes');
    const videoId = await server.publish(author, '', matroska);
    await server.context.jobs.processAll();
    expect(await seen(videoId, author)).toMatchObject({ state: 'processing' });
    for (let i = 1; i < jobDefinitions['video.prepare'].maxAttempts; i += 1) {
      now += hourMs;
      await server.context.jobs.processAll();
    }
    expect(await seen(videoId, author)).toMatchObject({
      state: 'failed',
      failure: expect.stringContaining('Something went wrong here'),
    });
    expect(await seen(videoId, author, 'zh')).toMatchObject({ failure: expect.stringContaining('内部错误') });
  });

  it.each(['full', 'signals', 'probes'] as const)(
    'at first for a reason that passes (%s) is visible after all',
    async (why) => {
      hold(why);
      const videoId = await server.publish(author, '', matroska);
      await server.context.jobs.processAll();
      expect(await seen(videoId, author)).toMatchObject({ state: 'processing' });
      letGo();
      now += hourMs;
      await server.context.jobs.processAll();
      expect(await seen(videoId)).toMatchObject({ state: 'ready' });
    },
  );

  it('at first but the second time is visible after all', async () => {
    hold('crashes');
    const videoId = await server.publish(author, '', matroska);
    await server.context.jobs.processAll();
    letGo();
    now += hourMs;
    await server.context.jobs.processAll();
    expect(await seen(videoId)).toMatchObject({ state: 'ready' });
  });
});

it('shows a placeholder where no cover can be had in time, and the cover as soon as a job has made it', async () => {
  const clip = await makeClip(server, 'mp4', [...testPattern, ...plainH264]);
  hold('covers');
  const start = performance.now();
  const videoId = await server.publish(author, '', clip);
  // The app gives up after 5 s.
  expect(performance.now() - start).toBeLessThan(5_000);
  letGo();
  const placeholder = textOf(await seen(videoId), 'cover_url');
  expect(placeholder).toBe('http://test.local/assets/cover.jpg');
  expect(await fetchMedia(server, placeholder)).toMatchObject({ status: 200, type: 'image/jpeg' });
  await server.context.jobs.processAll();
  const cover = textOf(await seen(videoId), 'cover_url');
  expect(cover).toContain(`/media/videos/${videoId}/`);
  expect(await fetchMedia(server, cover)).toMatchObject({ status: 200, type: 'image/jpeg' });
  expect(textOf(listOf(await server.call('feed'), 'video_list')[0], 'cover_url')).toBe(cover);
});

it('keeps the placeholder where no picture can be decoded, and does not look for one again', async () => {
  const clip = await makeClip(server, 'mp4', [...testPattern, ...plainH264]);
  hold('covers');
  const videoId = await server.publish(author, '', clip);
  letGo();
  hold('pictures');
  await server.context.jobs.processAll();
  letGo();
  now += hourMs;
  await server.context.jobs.processAll();
  expect(await seen(videoId)).toMatchObject({ state: 'ready', cover_url: 'http://test.local/assets/cover.jpg' });
});

it('refuses a file that cannot be looked at in time, before the app gives up', async () => {
  const clip = await makeClip(server, 'mp4', [...testPattern, ...plainH264]);
  hold('looks');
  const start = performance.now();
  await expect(server.publish(author, '', clip)).rejects.toThrow('overloaded');
  expect(performance.now() - start).toBeLessThan(5_000);
});

it('stays as it was received if it plays and nothing can be made of it', async () => {
  const clip = await makeClip(server, 'mp4', [...testPattern, ...plainH264]);
  hold('refusals');
  const videoId = await server.publish(author, '', clip);
  await server.context.jobs.processAll();
  const video = await seen(videoId);
  expect(video).toMatchObject({ state: 'ready', hls_url: '', failure: '' });
  expect((await fetchMedia(server, textOf(video, 'play_url'))).body.equals(clip)).toBe(true);
  const status = await server.call('publishStatus', { video_id: videoId }, { token: author.token });
  expect(status).toMatchObject({ state: 'ready', progress: 100, failure: '' });
});
