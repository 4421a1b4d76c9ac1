import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AcceptedVideo, ladderOf } from './index.ts';

const phone: AcceptedVideo = {
  kind: 'accepted',
  playable: true,
  compliant: true,
  videoIndex: 0,
  audioIndex: 1,
  durationMs: 30_000,
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
  bitsPerSecond: 14_000_000,
  extension: 'mp4',
};
const sizes = (width: number, height: number): string[] =>
  ladderOf({ ...phone, width, height }).map((one) => `${one.width}x${one.height}`);

describe('renditions', () => {
  it.each<[string, number, number, string[]]>([
    ['a phone held upright', 1_080, 1_920, ['360x640', '540x960', '720x1280', '1080x1920']],
    ['a phone held sideways', 1_920, 1_080, ['640x360', '960x540', '1280x720', '1920x1080']],
    ['4K', 3_840, 2_160, ['640x360', '960x540', '1280x720', '1920x1080']],
    ['720p', 720, 1_280, ['360x640', '540x960', '720x1280']],
    ['an old camera', 640, 480, ['480x360', '640x480']],
    ['a size just above a step', 740, 1_280, ['360x622', '540x934', '720x1244']],
    ['a small one', 320, 240, ['320x240']],
    ['odd sizes', 201, 301, ['200x298']],
    ['one line', 2_000, 2, ['2000x2']],
    ['one pixel', 1, 1, ['2x2']],
  ])('of %s', (_what, width, height, expected) => {
    expect(sizes(width, height)).toEqual(expected);
  });

  it('are at least one, even, never above the source, and grow', () => {
    const side = fc.integer({ min: 1, max: 8_192 });
    fc.assert(
      fc.property(
        side,
        side,
        fc.nat({ max: 60 }),
        fc.nat({ max: 50_000_000 }),
        (width, height, framesPerSecond, bits) => {
          const video = { ...phone, width, height, framesPerSecond, bitsPerSecond: bits };
          const ladder = ladderOf(video);
          expect(ladder.length).toBeGreaterThan(0);
          for (const [position, one] of ladder.entries()) {
            expect([one.width % 2, one.height % 2]).toEqual([0, 0]);
            // Two pixels are the least that there can be.
            expect(one.width).toBeLessThanOrEqual(Math.max(2, width));
            expect(one.height).toBeLessThanOrEqual(Math.max(2, height));
            expect(Math.min(one.width, one.height)).toBe(one.shortSide);
            if (bits > 150_000) expect(one.maxBitsPerSecond).toBeLessThanOrEqual(bits);
            expect(one.maxBitsPerSecond).toBeGreaterThanOrEqual(150_000);
            const before = ladder[position - 1];
            if (before !== undefined) expect(one.shortSide).toBeGreaterThan(before.shortSide);
          }
        },
      ),
    );
  });

  it('of what a phone records in 1080p are together less than 0.6 of it', () => {
    const bits = ladderOf(phone).reduce((sum, one) => sum + one.maxBitsPerSecond, 0);
    expect(bits / phone.bitsPerSecond).toBeLessThan(0.6);
  });
});
