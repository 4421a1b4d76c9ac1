import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AcceptedVideo, convertArguments, coverArguments, demuxers, remuxArguments } from './index.ts';

const video: AcceptedVideo = {
  kind: 'accepted',
  plan: 'convert',
  videoIndex: 2,
  audioIndex: 5,
  durationMs: 5_000,
  width: 1_080,
  height: 1_920,
  framesPerSecond: 30,
  extension: 'mp4',
};
const limits = { maxDurationMs: 600_000, maxBytes: 512_000_000 };
const input = '/data/media/.staged/-y evil; $(x).part';
const output = '/data/media/.staged/out.mp4';
const runs: readonly (readonly [string, string[]])[] = [
  ['a cover', coverArguments(input, '/data/media/.staged/cover.jpg', 2, 1_234)],
  ['a copy', remuxArguments(input, output, video)],
  ['a conversion', convertArguments(input, output, video, limits)],
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
    expect(Number(after(before, '-max_alloc'))).toBeLessThanOrEqual(2 ** 30);
    expect(before).toContain('-nostdin');
  });

  it('is made of words that say something', () => {
    for (const arg of args) expect(arg).not.toMatch(/undefined|NaN|null|\[object/);
    expect(args.every((arg) => arg.length > 0)).toBe(true);
  });
});

it('takes the tracks that were judged, and no others', () => {
  expect(every(remuxArguments(input, output, video), '-map')).toEqual(['0:2', '0:5']);
  expect(every(convertArguments(input, output, video, limits), '-map')).toEqual(['0:2', '0:5']);
  expect(every(remuxArguments(input, output, { ...video, audioIndex: undefined }), '-map')).toEqual(['0:2']);
  expect(every(coverArguments(input, output, 7, 0), '-map')).toEqual(['0:7', '0:7']);
});

it('leaves names and places behind, and puts the index first', () => {
  for (const args of [remuxArguments(input, output, video), convertArguments(input, output, video, limits)]) {
    expect(after(args, '-map_metadata')).toBe('-1');
    expect(after(args, '-map_chapters')).toBe('-1');
    expect(after(args, '-movflags')).toBe('+faststart');
    expect(after(args, '-f')).toBe('mp4');
    expect(args.at(-1)).toBe(`file:${output}`);
  }
});

it('copies without encoding, and converts to what plays everywhere', () => {
  expect(every(remuxArguments(input, output, video), '-c')).toEqual(['copy']);
  const args = convertArguments(input, output, video, limits);
  expect([after(args, '-c:v'), after(args, '-c:a')]).toEqual(['libx264', 'aac']);
  expect(after(args, '-vf')).toContain('format=yuv420p');
});

it('bounds a conversion: a little longer than allowed, no larger, no faster than 60 frames a second', () => {
  const args = convertArguments(input, output, video, limits);
  expect(Number(after(args, '-t')) * 1_000).toBe(limits.maxDurationMs + 1_000);
  expect(after(args, '-fs')).toBe(String(limits.maxBytes * 4));
  expect(after(args, '-vf')).not.toContain('fps=');
  expect(after(convertArguments(input, output, { ...video, framesPerSecond: 1_000 }, limits), '-vf')).toContain(
    'fps=60',
  );
});

it('writes moments in seconds with a point, for any moment', () => {
  expect(after(coverArguments(input, output, 0, 1_234), '-ss')).toBe('1.234');
  fc.assert(
    fc.property(fc.nat({ max: 86_400_000 }), (momentMs) => {
      expect(after(coverArguments(input, output, 0, momentMs), '-ss')).toMatch(/^\d+\.\d{3}$/);
    }),
  );
});
