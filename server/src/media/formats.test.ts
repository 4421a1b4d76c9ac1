/** Files of every format that people have go the whole way with real tools: looked at, judged, filtered, encoded. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeFormats, unlisted } from '../../test/formats.ts';
import { temporaryFolder } from '../../test/server.ts';
import { createFfmpegTranscoder } from '../adapters/transcoder-ffmpeg.ts';
import type { ToolResult, Transcoder } from '../ports/index.ts';
import {
  type AcceptedVideo,
  guarded,
  judgeUnread,
  judgeVideo,
  outputColors,
  type ProbedStream,
  pictureFilters,
  probeArguments,
  progressiveArguments,
  readProbeReport,
  soundFilters,
} from './index.ts';

const limits = { maxDurationMs: 600_000, maxPixels: 3_840 * 2_160 };
const generous = { timeoutMs: 30_000, maxOutputBytes: 1024 * 1024 };
const folder = temporaryFolder();
const at = (name: string): string => join(folder.path, name);
let transcoder: Transcoder;
let toneMap = false;

type Expected = Partial<AcceptedVideo> & {
  /** Of what is made of it; 400 unless said. */
  readonly madeMs?: number;
  readonly madeRate?: number;
  readonly madeSilent?: boolean;
};
const sd = { matrix: 'bt601', fullRange: false, primaries: 'bt709' } as const;
const bt2020 = { matrix: 'bt2020', fullRange: false, primaries: 'bt2020' } as const;
const silent = { audioIndex: undefined, audioChannels: 0, audioCompliant: false } as const;
const encoded = { playable: false, compliant: false } as const;
const webm = { extension: 'webm', compliant: false, constantRate: false, audioCompliant: false } as const;
const old = { extension: 'bin', ...encoded, constantRate: false, audioCompliant: false } as const;

/** What differs from an MP4 of H.264 and AAC, 128 × 96 at 25 frames a second. */
const table: Readonly<Record<string, Expected>> = {
  'plain.mp4': {},
  'silent.mp4': silent,
  'mono.mov': {},
  'surround.mp4': { audioChannels: 6, audioCompliant: false },
  'full-range.mp4': { ...silent, colors: { ...sd, fullRange: true } },
  'ten-bits.mp4': { ...encoded, ...silent },
  'wide-pixels.mp4': { ...silent, width: 171 },
  'fast.mp4': { ...silent, compliant: false, framesPerSecond: 120, madeRate: 60 },
  'one-frame.mp4': { ...silent, durationMs: 40, madeMs: 40 },
  'one-frame.webm': { ...webm, ...silent, durationMs: 40, madeMs: 40 },
  'interlaced.mp4': { ...silent, compliant: false, interlaced: true },
  'irregular.mp4': { ...silent, framesPerSecond: 15, constantRate: false },
  'hevc.mov': encoded,
  'pq.mp4': { ...encoded, ...silent, range: 'pq', colors: bt2020 },
  'hlg.mov': { ...encoded, ...silent, range: 'hlg', colors: bt2020 },
  'vp8.webm': webm,
  'vp9.webm': webm,
  'vp9.mp4': { compliant: false, audioCompliant: false },
  'recorded.webm': { ...webm, playable: false, durationMs: 0 },
  'odd.webm': { ...webm, ...silent, width: 75, height: 53 },
  'tall-pixels.webm': { ...webm, ...silent, height: 192 },
  'av1.mp4': encoded,
  'prores.mov': { ...encoded, audioCompliant: false },
  'mjpeg.avi': { ...old, width: 75, height: 53, colors: { ...sd, fullRange: true } },
  'mpeg4.avi': old,
  'phone.3gp': encoded,
  'camcorder.ts': old,
  'disc.mpg': { ...old, interlaced: true },
  'flash.flv': { ...old, audioIndex: 0, videoIndex: 1 },
  'windows.wmv': old,
  'theora.ogv': old,
  'red.mp4': { ...silent, durationMs: 200, madeMs: 200 },
  'wide-red.mp4': { ...encoded, ...silent, durationMs: 200, madeMs: 200, colors: bt2020 },
  'grey-pq.mp4': { ...encoded, ...silent, durationMs: 200, madeMs: 200, range: 'pq', colors: bt2020 },
  'cut.mp4': { durationMs: 210, madeMs: 210 },
  'h264.mkv': { extension: 'webm', playable: false, constantRate: false },
  'subtitled.mp4': {},
  'covered.mp4': {},
  'late-pictures.mp4': { compliant: false, constantRate: false, durationMs: 900, madeMs: 900 },
  'late-sound.mp4': { audioIndex: 0, videoIndex: 1, compliant: false, audioCompliant: false, durationMs: 910 },
  'turned-90.mp4': { width: 96, height: 128 },
  'turned-180.mp4': {},
  'turned-270.mp4': { width: 96, height: 128 },
  'turned-wide-pixels.mp4': { ...silent, width: 96, height: 171 },
  'joined.ts': { ...old, madeMs: 800 },
  'hurried.mp4': { compliant: false, framesPerSecond: 12_800, madeMs: 20, madeRate: 50 },
  // The last of all: where no sound is made, the tracks behind it would have other numbers.
  'no-packets.mp4': { playable: false, audioCompliant: false, madeSilent: true },
};
const names = Object.keys(table);
/** One encoder writes many files at once, as tracks of one. */
const filesPerRun = 16;
const atOnce = 3;
/** On a machine that does other things as well. */
const preparedWithinMs = 180_000;
/** Of every duration: a frame at each end, and what encoders of sound add. */
const tolerableMs = 100;

const judged = new Map<string, AcceptedVideo>();
/** What was made: pictures, and sound if there is any. */
const made = new Map<string, { readonly picture: ProbedStream; readonly sound: ProbedStream | undefined }>();
/** Where the pictures of a file are: another file, and the number of the track in it. */
const places = new Map<string, { readonly path: string; readonly index: number }>();

beforeAll(async () => {
  transcoder = await createFfmpegTranscoder({ ffmpegPath: undefined, searchPath: ['/usr/local/bin', '/usr/bin'] });
  const filters = (await ffmpeg(['-filters'])).stdout.toString();
  toneMap = [/^ \S+ zscale /m, /^ \S+ tonemap /m].every((filter) => filter.test(filters));
  const files = await makeFormats(folder.path, async (args) => {
    await ffmpeg(['-nostdin', ...args]);
  });
  expect([...files].sort()).toEqual([...names].sort());
  await inParallel(names, async (name) => {
    judged.set(name, await judge(name));
  });
  const runs = Array.from({ length: Math.ceil(names.length / filesPerRun) }, (_, run) => run);
  await inParallel(runs, (run) => convert(`made-${run}.mp4`, names.slice(run * filesPerRun, (run + 1) * filesPerRun)));
}, preparedWithinMs);

afterAll(async () => {
  await transcoder.close();
  folder.remove();
});

async function ffmpeg(args: readonly string[]): Promise<ToolResult> {
  const result = await transcoder.run('ffmpeg', ['-v', 'error', ...args], generous);
  if (result.exitCode !== 0) throw new Error(`ffmpeg ${args.join(' ')}: ${result.stderrTail}`);
  return result;
}

const probe = (name: string): Promise<ToolResult> => transcoder.run('ffprobe', probeArguments(at(name)), generous);

async function judge(name: string): Promise<AcceptedVideo> {
  const { stdout, stderrTail } = await probe(name);
  const verdict = judgeVideo(readProbeReport(stdout.toString()), limits);
  if (verdict.kind === 'refused') throw new Error(`${name} is refused: ${verdict.rule.en} ${stderrTail}`);
  return verdict;
}

async function inParallel<T>(all: readonly T[], use: (one: T) => Promise<void>): Promise<void> {
  const left = all.values();
  const useAll = async (): Promise<void> => {
    for (const one of left) await use(one);
  };
  await Promise.all(Array.from({ length: atOnce }, useAll));
}

/** Encodes files as H.264 and AAC, with nothing but what this room decides, into the tracks of one file. */
async function convert(output: string, files: readonly string[]): Promise<void> {
  const inputs: string[] = [];
  const pictures: string[] = [];
  const sounds: string[] = [];
  for (const [input, name] of files.entries()) {
    const video = known(judged, name);
    inputs.push(...guarded(at(name)));
    pictures.push('-map', `${input}:${video.videoIndex}`);
    pictures.push(`-filter:v:${input}`, pictureFilters(video, { toneMap }).join(','));
  }
  const sounding = files.filter((name) => known(judged, name).audioIndex !== undefined);
  for (const [position, name] of sounding.entries()) {
    const video = known(judged, name);
    sounds.push('-map', `${files.indexOf(name)}:${video.audioIndex}`);
    sounds.push(`-filter:a:${position}`, soundFilters(video).join(','));
  }
  const encoders = ['-c:v', 'libx264', '-preset', 'ultrafast', '-threads', '1', ...outputColors, '-c:a', 'aac'];
  await ffmpeg([...inputs, ...pictures, ...sounds, ...encoders, '-t', '5', '-y', at(output)]);
  const report = readProbeReport((await probe(output)).stdout.toString());
  for (const [index, name] of files.entries()) {
    const picture = report?.streams[index];
    const position = sounding.indexOf(name);
    if (picture === undefined) throw new Error(`nothing was made of ${name}`);
    made.set(name, { picture, sound: position < 0 ? undefined : report?.streams[files.length + position] });
    places.set(name, { path: at(output), index });
  }
}

function known<T>(map: ReadonlyMap<string, T>, name: string): T {
  const value = map.get(name);
  if (value === undefined) throw new Error(`there is no ${name}`);
  return value;
}

describe.each(names)('%s', (name) => {
  const { madeMs, madeRate, madeSilent = false, ...expected } = { ...table[name] };

  it('is understood', () => {
    const { durationMs, bitsPerSecond, gridFramesPerSecond, ...video } = known(judged, name);
    const { durationMs: expectedMs = 400, ...others } = expected;
    expect(video).toEqual({
      kind: 'accepted',
      playable: true,
      compliant: true,
      videoIndex: 0,
      audioIndex: 1,
      width: 128,
      height: 96,
      framesPerSecond: 25,
      constantRate: true,
      range: 'sdr',
      colors: sd,
      interlaced: false,
      audioChannels: 1,
      audioCompliant: true,
      extension: 'mp4',
      ...others,
    });
    expect(Math.abs(durationMs - expectedMs)).toBeLessThanOrEqual(tolerableMs);
    expect(bitsPerSecond > 0).toBe(expectedMs > 0);
    expect(gridFramesPerSecond).toBeGreaterThan(0);
  });

  it('becomes even, plain pictures at an even rate, as they were seen', () => {
    const { picture, sound } = known(made, name);
    const video = known(judged, name);
    expect(picture).toMatchObject({
      kind: 'video',
      codec: 'h264',
      pixelFormat: 'yuv420p',
      pixelAspect: 1,
      rotationDegrees: 0,
      fieldOrder: 'progressive',
      startMs: 0,
      framesPerSecond: madeRate ?? 25,
      gridFramesPerSecond: madeRate ?? 25,
      colorTransfer: 'bt709',
      colorPrimaries: 'bt709',
      colorSpace: 'bt709',
      colorRange: 'tv',
    });
    for (const [side, shown] of [
      [picture.width, video.width],
      [picture.height, video.height],
    ] as const) {
      expect([side % 2, shown - side]).toEqual([0, shown % 2]);
    }
    expect(Math.abs(picture.durationMs - (madeMs ?? 400))).toBeLessThanOrEqual(tolerableMs);
    if (sound === undefined) return expect(video.audioChannels === 0 || madeSilent).toBe(true);
    const channels = Math.min(2, video.audioChannels);
    expect(sound).toMatchObject({ kind: 'audio', codec: 'aac', sampleRate: 48_000, channels, startMs: 0 });
  });
});

it.each(['cut.mp4', 'turned-wide-pixels.mp4', 'h264.mkv'])('%s is copied as it is seen', async (name) => {
  const before = known(judged, name);
  const copy = `copy-of-${name}.mp4`;
  const { videoIndex, audioIndex } = before;
  const sound = audioIndex === undefined ? undefined : { path: at(name), index: audioIndex };
  await ffmpeg(progressiveArguments(at(copy), { path: at(name), index: videoIndex }, sound));
  const after = await judge(copy);
  const { width, height, colors } = before;
  expect(after).toMatchObject({ playable: true, compliant: true, width, height, colors });
  expect(Math.abs(after.durationMs - before.durationMs)).toBeLessThanOrEqual(tolerableMs);
});

it('shows colours as they were, and light beyond the range of a screen within it', async () => {
  const colourOf = async (name: string): Promise<number[]> => {
    const { path, index } = known(places, name);
    const one = ['-map', `0:${index}`, '-frames:v', '1', '-vf', 'scale=2:2:in_color_matrix=bt709,format=rgb24'];
    const { stdout } = await ffmpeg([...guarded(path), ...one, '-f', 'rawvideo', 'pipe:1']);
    return [...stdout.subarray(0, 3)];
  };
  for (const name of toneMap ? ['red.mp4', 'wide-red.mp4'] : ['red.mp4']) {
    const [red = 0, green = 255, blue = 255] = await colourOf(name);
    expect([name, red > 245, green < 12, blue < 12]).toEqual([name, true, true, true]);
  }
  const [red = 0, green = 0, blue = 0] = await colourOf('grey-pq.mp4');
  expect(Math.max(red, green, blue) - Math.min(red, green, blue)).toBeLessThanOrEqual(4);
  // 130 as it lies there; 255 would be white.
  if (toneMap) expect(green).toBeGreaterThan(150);
});

it.each(Object.keys(unlisted))('%s is not decoded', async (name) => {
  const probed = await probe(name);
  expect([probed.exitCode, probed.stdout.toString().includes('codec_name')]).toEqual([1, false]);
  expect(judgeUnread(probed.stderrTail).error).toBe('ErrUnsupportedCodec');
  const run = await transcoder.run('ffmpeg', [...guarded(at(name)), '-f', 'framecrc', 'pipe:1'], generous);
  expect(run.exitCode).not.toBe(0);
  expect(run.stderrTail).toContain('not on whitelist');
});
