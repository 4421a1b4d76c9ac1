import { errors } from '@tiktok-server/contract';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judgeVideo, type ProbedStream, type ProbeReport, type VideoLimits } from './index.ts';

const limits: VideoLimits = { maxDurationMs: 600_000, maxPixels: 3_840 * 2_160 };
const picture: ProbedStream = {
  index: 0,
  kind: 'video',
  codec: 'h264',
  profile: 'High',
  pixelFormat: 'yuv420p',
  width: 1_080,
  height: 1_920,
  rotationDegrees: 0,
  framesPerSecond: 30,
  durationMs: 5_000,
  attachedPicture: false,
};
const sound: ProbedStream = { ...picture, index: 1, kind: 'audio', codec: 'aac', profile: 'LC', width: 0, height: 0 };
const mp4: ProbeReport = {
  formatNames: ['mov', 'mp4', 'm4a', '3gp', '3g2', 'mj2'],
  durationMs: 5_000,
  streams: [picture, sound],
};
const withPicture = (more: Partial<ProbedStream>): ProbeReport => ({
  ...mp4,
  streams: [{ ...picture, ...more }, sound],
});
const withSound = (more: Partial<ProbedStream>): ProbeReport => ({ ...mp4, streams: [picture, { ...sound, ...more }] });

describe('what browsers play is only copied', () => {
  it.each<[string, ProbeReport]>([
    ['H.264 and AAC in MP4', mp4],
    ['without sound', { ...mp4, streams: [picture] }],
    ['Constrained Baseline', withPicture({ profile: 'Constrained Baseline' })],
    ['Main, full range', withPicture({ profile: 'Main', pixelFormat: 'yuvj420p' })],
    ['sideways', withPicture({ rotationDegrees: 90 })],
  ])('%s', (_name, report) => {
    expect(judgeVideo(report, limits)).toMatchObject({ kind: 'accepted', plan: 'remux', extension: 'mp4' });
  });
});

describe('anything else is converted', () => {
  it.each<[string, ProbeReport]>([
    ['HEVC', withPicture({ codec: 'hevc', profile: 'Main' })],
    ['10 bits', withPicture({ profile: 'High 10', pixelFormat: 'yuv420p10le' })],
    ['4:4:4', withPicture({ profile: 'High 4:4:4 Predictive', pixelFormat: 'yuv444p' })],
    ['HE-AAC', withSound({ profile: 'HE-AAC' })],
    ['MP3 sound', withSound({ codec: 'mp3', profile: '' })],
    ['Matroska', { ...mp4, formatNames: ['matroska', 'webm'] }],
    ['no duration', { ...mp4, durationMs: 0, streams: [{ ...picture, durationMs: 0 }] }],
  ])('%s', (_name, report) => {
    expect(judgeVideo(report, limits)).toMatchObject({ kind: 'accepted', plan: 'convert' });
  });

  it.each<[string[], string]>([
    [['mov', 'mp4'], 'mp4'],
    [['matroska', 'webm'], 'webm'],
    [['avi'], 'bin'],
    [[''], 'bin'],
  ])('keeps the received file of %j as .%s', (formatNames, extension) => {
    expect(judgeVideo({ ...mp4, formatNames }, limits)).toMatchObject({ extension });
  });
});

describe('what is refused, and why', () => {
  const audioOnly = { ...mp4, streams: [sound] };
  it.each<[string, ProbeReport | undefined, string]>([
    ['no report', undefined, 'ErrNotVideo'],
    ['no streams', { ...mp4, streams: [] }, 'ErrNotVideo'],
    ['sound alone', audioOnly, 'ErrNotVideo'],
    ['a song with its cover', { ...mp4, streams: [sound, { ...picture, attachedPicture: true }] }, 'ErrNotVideo'],
    ['33 streams', { ...mp4, streams: Array.from({ length: 33 }, () => picture) }, 'ErrNotVideo'],
    ['no size', withPicture({ width: 0 }), 'ErrNotVideo'],
    ['too many pixels', withPicture({ width: 4_000, height: 4_000 }), 'ErrNotVideo'],
    ['a side that is too long', withPicture({ width: 8_193, height: 2 }), 'ErrNotVideo'],
    ['an unknown codec', withPicture({ codec: 'rawvideo' }), 'ErrUnsupportedCodec'],
    ['a codec without a name', withPicture({ codec: '' }), 'ErrUnsupportedCodec'],
    ['a picture', withPicture({ codec: 'png' }), 'ErrUnsupportedCodec'],
    ['a container that is too long', { ...mp4, durationMs: 600_001 }, 'ErrVideoTooLong'],
    ['pictures that last too long', withPicture({ durationMs: 600_001 }), 'ErrVideoTooLong'],
  ])('%s', (_name, report, error) => {
    const verdict = judgeVideo(report, limits);
    if (verdict.kind === 'accepted') throw new Error('it was accepted');
    expect(verdict.error).toBe(error);
    expect(errors[verdict.error]).toBeDefined();
    expect(verdict.rule.en.length).toBeGreaterThan(0);
    expect(verdict.rule.zh).toMatch(/[\u4e00-\u9fff]/);
  });

  it('goes exactly as far as the limits', () => {
    expect(judgeVideo({ ...mp4, durationMs: 600_000 }, limits).kind).toBe('accepted');
    expect(judgeVideo(withPicture({ width: 3_840, height: 2_160 }), limits).kind).toBe('accepted');
    expect(judgeVideo(withPicture({ width: 3_841, height: 2_160 }), limits).kind).toBe('refused');
    expect(judgeVideo({ ...mp4, streams: Array.from({ length: 32 }, () => picture) }, limits).kind).toBe('accepted');
  });
});

it('shows width and height as they are seen', () => {
  const seen = (rotationDegrees: number) => judgeVideo(withPicture({ rotationDegrees }), limits);
  for (const degrees of [0, 180]) expect(seen(degrees)).toMatchObject({ width: 1_080, height: 1_920 });
  for (const degrees of [90, 270]) expect(seen(degrees)).toMatchObject({ width: 1_920, height: 1_080 });
});

it('takes the first pictures and the first sound, by their own numbers', () => {
  const streams = [
    { ...picture, index: 0, attachedPicture: true },
    { ...picture, index: 2, kind: 'other' as const },
    { ...sound, index: 3 },
    { ...picture, index: 5 },
    { ...picture, index: 6, codec: 'rawvideo' },
    { ...sound, index: 7 },
  ];
  expect(judgeVideo({ ...mp4, streams }, limits)).toMatchObject({ videoIndex: 5, audioIndex: 3 });
});

it('accepts nothing beyond its limits', () => {
  const size = fc.integer({ min: 0, max: 20_000 });
  fc.assert(
    fc.property(size, size, fc.nat({ max: 1_200_000 }), (width, height, durationMs) => {
      const verdict = judgeVideo({ ...withPicture({ width, height }), durationMs }, limits);
      const within = width * height <= limits.maxPixels && durationMs <= limits.maxDurationMs;
      if (verdict.kind === 'accepted') expect(within && width > 0 && height > 0).toBe(true);
      else expect(within && width > 0 && height > 0 && Math.max(width, height) <= 8_192).toBe(false);
    }),
  );
});
