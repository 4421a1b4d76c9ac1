/** What is made of a video plays in a real browser, to its end: as HLS in every quality, and as MP4. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeBrowser, openPlayer, type Player } from './browser.ts';
import { makeClip, plainH264 } from './clips.ts';
import { systemTools } from './quick-tools.ts';
import { seedSettings, seedUser } from './seed.ts';
import { type Row, rowOf, startTestServer, type TestServer, textOf } from './server.ts';
import { listen } from './sockets.ts';

/** Segments begin at 0, 1 and 3 s. */
const seconds = 5;
const framesPerSecond = 10;
/** Enough for two renditions: 360 pixels, and its own. */
const [width, height] = [420, 560];
const heights = [480, height];
/** With the segment behind this one the quality changes. */
const switchAtSeconds = 1.5;
const rate = 4;
const playTimeoutMs = 60_000;
/** Sound comes in pieces of 1,024 samples, and a picture lasts 0.1 s. */
const nearSeconds = 0.2;

describeBrowser('in Chromium', (executablePath) => {
  let server: TestServer;
  let player: Player;
  let video: Row;
  let silent: Row;
  beforeAll(async () => {
    server = await startTestServer({ ...seedSettings, ...systemTools });
    const host = `127.0.0.1:${await listen(server)}`;
    const author = await seedUser(server);
    const pictures = [
      '-f',
      'lavfi',
      '-i',
      `testsrc2=size=${width}x${height}:rate=${framesPerSecond}:duration=${seconds}`,
    ];
    const sound = ['-f', 'lavfi', '-i', `sine=frequency=440:duration=${seconds}`];
    const clips = [
      await makeClip(server, 'mp4', [...pictures, ...sound, ...plainH264, '-c:a', 'aac']),
      await makeClip(server, 'mkv', [...pictures, '-s', '64x96', '-c:v', 'mpeg4']),
    ];
    const ids = [];
    for (const clip of clips) ids.push(await server.publish(author, 'A clip', clip));
    await server.context.jobs.processAll();
    const seen = async (id: number | undefined): Promise<Row> =>
      rowOf(await server.call('video', { video_id: id }, { headers: { host } }), 'video');
    [video, silent] = [await seen(ids[0]), await seen(ids[1])];
    player = await openPlayer(executablePath, `http://${host}`);
  });
  afterAll(async () => {
    await player.close();
    await server.close();
  });

  /** To its end, from its first picture, with every picture decoded and nothing to complain about. */
  const wholly = {
    errors: [],
    complaints: [],
    ended: true,
    at: expect.closeTo(seconds, 0),
    duration: expect.closeTo(seconds, 0),
    shown: expect.closeTo(0, 1),
  };
  const plays = async (what: Parameters<Player['play']>[0]) => {
    const result = await player.play(what);
    expect(result).toMatchObject(wholly);
    expect(Math.abs(result.at - seconds), 'the end').toBeLessThanOrEqual(nearSeconds);
    expect(Math.abs((result.duration ?? 0) - seconds), 'the duration').toBeLessThanOrEqual(nearSeconds);
    expect(result.shown, 'the first picture').toBeLessThanOrEqual(0.05);
    return result;
  };

  it.each([0, 1])(
    'plays HLS in quality %i to its end, pictures and sound together',
    { timeout: playTimeoutMs },
    async (level) => {
      const result = await plays({ url: textOf(video, 'hls_url'), levels: [level], rate });
      expect(result.offered).toEqual(heights);
      expect(result.heights).toEqual([heights[level]]);
      expect(result.pictures).toBeGreaterThanOrEqual(seconds * framesPerSecond);
      expect(result.soundBytes).toBeGreaterThan(0);
      for (const [from = Number.NaN, to = Number.NaN] of [result.videoSpan, result.audioSpan]) {
        expect(Math.abs(from), 'pictures and sound begin together').toBeLessThanOrEqual(0.05);
        expect(Math.abs(to - seconds)).toBeLessThanOrEqual(nearSeconds);
      }
    },
  );

  it.each([
    [0, 1],
    [1, 0],
  ])('goes on when the quality changes midway from %i to %i', { timeout: playTimeoutMs }, async (first, second) => {
    const result = await plays({ url: textOf(video, 'hls_url'), levels: [first, second], rate, switchAtSeconds });
    expect(result.heights).toEqual([heights[first], heights[second]]);
  });

  it('plays HLS without sound to its end', { timeout: playTimeoutMs }, async () => {
    const result = await plays({ url: textOf(silent, 'hls_url'), levels: [0], rate });
    expect(result).toMatchObject({ heights: [96], soundBytes: 0, audioSpan: [] });
  });

  it('plays the MP4 to its end, as it was received and as it was converted', { timeout: playTimeoutMs }, async () => {
    const result = await plays({ url: textOf(video, 'play_url'), rate });
    expect(result).toMatchObject({ heights: [height] });
    expect(result.soundBytes).toBeGreaterThan(0);
    expect(result.pictures).toBeGreaterThanOrEqual(seconds * framesPerSecond - 1);
    expect(await plays({ url: textOf(silent, 'play_url'), rate })).toMatchObject({ heights: [96], soundBytes: 0 });
  });
});
