import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AcceptedVideo,
  coverArguments,
  decoders,
  demuxers,
  ladderOf,
  loudnessArguments,
  type PackagePlan,
  packageArguments,
  pictureArguments,
  progressiveArguments,
  readProgress,
  thumbnailGrid,
} from './index.ts';

const video: AcceptedVideo = {
  kind: 'accepted',
  playable: false,
  compliant: false,
  videoIndex: 2,
  audioIndex: 5,
  durationMs: 5_000,
  width: 1_080,
  height: 1_920,
  framesPerSecond: 30,
  gridFramesPerSecond: 30,
  constantRate: true,
  range: 'sdr',
  colors: { matrix: 'bt709', fullRange: false, primaries: 'bt709' },
  interlaced: false,
  audioChannels: 2,
  audioCompliant: true,
  bitsPerSecond: 0,
  extension: 'mp4',
};
const folder = '/data/media/.staged';
const input = `${folder}/-y evil; $(x).part`;
const output = `${folder}/out.mp4`;
const sound = `${folder}/sound.mp4`;
const plan: PackagePlan = {
  video,
  renditions: ladderOf(video),
  loudness: { integrated: -26, peak: -3 },
  threads: 2,
  toneMap: true,
  encoder: 'libx264',
  maxDurationMs: 601_000,
};
const outputs = plan.renditions.map(({ shortSide }) => `${folder}/v${shortSide}.mp4`);

const runs: readonly (readonly [string, string[]])[] = [
  ['a cover', coverArguments(input, `${folder}/cover.jpg`, 2, 1_234)],
  ['a measurement of loudness', loudnessArguments(input, { ...video, audioIndex: 5 })],
  ['a package', packageArguments(input, plan, outputs, sound)],
  ['a copy', progressiveArguments(output, { path: input, index: 2 }, { path: input, index: 5 })],
  [
    'pictures',
    pictureArguments({
      ...{ rendition: input, grid: thumbnailGrid(5_000, 360, 640), sprite: `${folder}/s.jpg`, cover: undefined },
      preview: { path: `${folder}/p.webp`, fromMs: 1_000 },
    }),
  ],
];
const after = (args: readonly string[], option: string): string | undefined => args[args.indexOf(option) + 1];
const every = (args: readonly string[], option: string): string[] =>
  args.flatMap((arg, position) => (arg === option ? [args[position + 1] ?? ''] : []));

describe.each(runs)('%s', (_name, args) => {
  it('opens one input, by a name that cannot be taken for anything else', () => {
    expect(every(args, '-i')).toEqual([`file:${input}`]);
    expect(args.filter((arg) => arg === input)).toEqual([]);
  });

  it('lets the input open nothing, in known containers only, within a bound of memory, and asks no questions', () => {
    const before = args.slice(0, args.indexOf('-i'));
    expect(after(before, '-protocol_whitelist')).toBe('file,pipe');
    expect(after(before, '-format_whitelist')).toBe(demuxers);
    expect(after(before, '-codec_whitelist')).toBe(decoders);
    expect(Number(after(before, '-max_alloc'))).toBeLessThanOrEqual(2 ** 30);
    expect(before).toContain('-nostdin');
  });

  it('is made of words that say something', () => {
    // `null` alone is a format of ffmpeg.
    for (const arg of args) expect(arg).not.toMatch(/undefined|NaN|null.|.null|\[object/);
    expect(args.every((arg) => arg.length > 0)).toBe(true);
  });
});

it('takes the tracks that were judged, and no others', () => {
  const args = packageArguments(input, plan, outputs, sound);
  expect(after(args, '-filter_complex')).toMatch(/^\[0:2\]/);
  expect(every(args, '-map')).toEqual(['[v0]', '[v1]', '[v2]', '[v3]', '0:5']);
  const silent = { ...plan, video: { ...video, audioIndex: undefined } };
  expect(every(packageArguments(input, silent, outputs, undefined), '-map')).not.toContain('0:5');
  expect(every(coverArguments(input, output, 7, 0), '-map')).toEqual(['0:7', '0:7']);
});

it('copies what is there into one MP4, from one file or from two', () => {
  const pictures = { path: input, index: 2 };
  const one = progressiveArguments(output, pictures, { path: input, index: 5 });
  expect([every(one, '-i'), every(one, '-map')]).toEqual([[`file:${input}`], ['0:2', '0:5']]);
  const two = progressiveArguments(output, pictures, { path: sound, index: 0 });
  expect([every(two, '-i'), every(two, '-map')]).toEqual([
    [`file:${input}`, `file:${sound}`],
    ['0:2', '1:0'],
  ]);
  expect(every(progressiveArguments(output, pictures, undefined), '-map')).toEqual(['0:2']);
  for (const args of [one, two]) {
    expect(every(args, '-c')).toEqual(['copy']);
    expect(after(args, '-movflags')).toBe('+faststart');
  }
});

it('leaves names and places behind in every file', () => {
  const args = packageArguments(input, plan, outputs, sound);
  const files = args.filter((arg) => arg.startsWith('file:') && arg !== `file:${input}`);
  expect(files).toEqual([...outputs, sound].map((path) => `file:${path}`));
  for (const option of ['-map_metadata', '-map_chapters']) {
    expect(every(args, option)).toEqual(files.map(() => '-1'));
    expect(after(progressiveArguments(output, { path: input, index: 2 }, undefined), option)).toBe('-1');
  }
});

it('gives all renditions the same key pictures, and none more bits than it may have', () => {
  const args = packageArguments(input, plan, outputs, sound);
  const of = (option: string) => every(args, option);
  expect(new Set(of('-force_key_frames:v:0')).size).toBe(1);
  expect(of('-force_key_frames:v:0')).toHaveLength(4);
  expect(of('-sc_threshold:v:0')).toEqual(['0', '0', '0', '0']);
  expect(of('-maxrate:v:0').map(Number)).toEqual(plan.renditions.map(({ maxBitsPerSecond }) => maxBitsPerSecond));
  // A little longer than allowed, so that a file which hid its length is found out.
  expect(of('-t').map(Number)).toEqual([601, 601, 601, 601, 601]);
  expect(after(args, '-af')).toContain('volume=10dB');
});

it('writes moments in seconds with a point, for any moment', () => {
  expect(after(coverArguments(input, output, 0, 1_234), '-ss')).toBe('1.234');
  fc.assert(
    fc.property(fc.nat({ max: 86_400_000 }), (momentMs) => {
      expect(after(coverArguments(input, output, 0, momentMs), '-ss')).toMatch(/^\d+\.\d{3}$/);
    }),
  );
});

it('reads how far ffmpeg has come, and nothing else', () => {
  expect(readProgress('out_time_ms=1500000')).toBe(1_500);
  for (const line of ['out_time_ms=N/A', 'out_time=00:00:01', 'progress=end', '', 'out_time_ms=-1']) {
    expect(readProgress(line)).toBeUndefined();
  }
});
