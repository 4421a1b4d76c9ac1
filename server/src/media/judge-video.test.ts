import { errors } from '@tiktok-server/contract';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judged, limits, mp4, picture, sound, withPicture, withSound } from '../../test/probed.ts';
import { type AcceptedVideo, judgeUnread, judgeVideo, type ProbedStream, type ProbeReport } from './index.ts';

describe('what it says about the pictures', () => {
  it.each<[number, number, boolean]>([
    [30, 30, true],
    [30_000 / 1_001, 30, true],
    [29.4, 30, false],
    [41, 60, false],
    [0, 0, false],
    [0, 1_000, false],
  ])('%d a second on a grid of %d is constant: %s', (framesPerSecond, gridFramesPerSecond, constantRate) => {
    expect(judged(withPicture({ framesPerSecond, gridFramesPerSecond }))).toMatchObject({
      constantRate,
      framesPerSecond,
    });
  });

  it('believes no other container that the rate is constant, and no track that starts late', () => {
    expect(judged({ ...mp4, formatNames: ['matroska', 'webm'] }).constantRate).toBe(false);
    expect(judged(withPicture({ startMs: 500 })).constantRate).toBe(false);
    expect(judged({ ...withPicture({ startMs: 500 }), startMs: 500 }).constantRate).toBe(true);
  });

  it.each([
    ['smpte2084', 'pq'],
    ['arib-std-b67', 'hlg'],
    ['bt709', 'sdr'],
    ['bt2020-10', 'sdr'],
    ['unknown', 'sdr'],
    ['', 'sdr'],
  ])('transfer %j is of the range %s', (colorTransfer, range) => {
    expect(judged(withPicture({ colorTransfer })).range).toBe(range);
  });

  const unsaid = { colorSpace: 'unknown', colorPrimaries: '', colorRange: '' };
  it.each<[string, Partial<ProbedStream>, Partial<AcceptedVideo['colors']>]>([
    [
      'what it says',
      { colorSpace: 'smpte170m', colorPrimaries: 'smpte432', colorRange: 'pc' },
      { matrix: 'bt601', fullRange: true, primaries: 'p3' },
    ],
    ['BT.709, if it is large and says nothing', unsaid, { matrix: 'bt709', fullRange: false, primaries: 'bt709' }],
    [
      'BT.601, if it is small and says nothing',
      { ...unsaid, width: 640, height: 480 },
      { matrix: 'bt601', primaries: 'bt709' },
    ],
    [
      'BT.2020, if its range is high',
      { ...unsaid, colorTransfer: 'smpte2084' },
      { matrix: 'bt2020', primaries: 'bt2020' },
    ],
    ['full, if the pixel format says so', { ...unsaid, pixelFormat: 'yuvj420p' }, { fullRange: true }],
  ])('takes the colours for %s', (_name, more, colors) => {
    expect(judged(withPicture(more)).colors).toMatchObject(colors);
  });

  it.each<[string, Partial<ProbedStream>, [number, number]]>([
    ['wide pixels', { width: 1_440, height: 1_080, pixelAspect: 4 / 3 }, [1_920, 1_080]],
    ['high pixels', { width: 720, height: 480, pixelAspect: 8 / 9 }, [720, 540]],
    ['wide pixels, turned', { width: 1_440, height: 1_080, pixelAspect: 4 / 3, rotationDegrees: 270 }, [1_080, 1_920]],
    ['wide pixels with no room', { width: 3_840, height: 2_160, pixelAspect: 2 }, [3_840, 1_080]],
    ['nonsense', { width: 640, height: 480, pixelAspect: 100 }, [640, 480]],
  ])('shows %s as they are seen', (_name, more, [width, height]) => {
    expect(judged(withPicture(more))).toMatchObject({ width, height });
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
    ['sound that is unknown', withSound({ codec: 'unknown' }), 'ErrUnsupportedCodec'],
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

it('takes the sound that it knows, and none where there is not a packet of it', () => {
  const spatial = { ...sound, index: 1, codec: 'unknown', channels: 4 };
  expect(judged({ ...mp4, streams: [picture, spatial, { ...sound, index: 2 }] }).audioIndex).toBe(2);
  expect(judged(withSound({ channels: 0 }))).toMatchObject({ audioIndex: undefined, audioChannels: 0 });
  expect(judged(withSound({ sampleRate: 0 }))).toMatchObject({ audioIndex: undefined, audioChannels: 0 });
});

it('says of a file that ffprobe does not read whether the format is the reason', () => {
  expect(judgeUnread("[gif @ 0x55] Codec (gif) not on whitelist 'h264,aac'\n").error).toBe('ErrUnsupportedCodec');
  expect(judgeUnread('Format not on whitelist').error).toBe('ErrNotVideo');
  expect(judgeUnread('').error).toBe('ErrNotVideo');
});

it('accepts nothing beyond its limits', () => {
  const size = fc.integer({ min: 0, max: 20_000 });
  const aspect = fc.double({ min: 0.01, max: 100, noNaN: true });
  fc.assert(
    fc.property(size, size, aspect, fc.nat({ max: 1_200_000 }), (width, height, pixelAspect, durationMs) => {
      const verdict = judgeVideo({ ...withPicture({ width, height, pixelAspect }), durationMs }, limits);
      const within = width * height <= limits.maxPixels && durationMs <= limits.maxDurationMs;
      if (verdict.kind === 'accepted') {
        expect(within && width > 0 && height > 0).toBe(true);
        expect(verdict.width * verdict.height).toBeLessThanOrEqual(limits.maxPixels);
        expect(Math.min(verdict.width, verdict.height)).toBeGreaterThan(0);
        expect(Math.max(verdict.width, verdict.height)).toBeLessThanOrEqual(8_192);
      } else expect(within && width > 0 && height > 0 && Math.max(width, height) <= 8_192).toBe(false);
    }),
  );
});
