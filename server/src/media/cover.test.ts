import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { coverMoments, scoreFrame } from './index.ts';

describe('moments to try', () => {
  it.each<[number, number[]]>([
    [10_000, [2_000, 5_000, 800, 8_000, 3_500, 6_500, 9_700, 0]],
    [1_000, [200, 500, 80, 800, 350, 650, 970, 0]],
    [100, [50, 97, 0]],
    [0, [0]],
  ])('of %i ms', (durationMs, moments) => {
    expect(coverMoments(durationMs)).toEqual(moments);
  });

  it('lie within the video, are few and apart, and end with the first frame', () => {
    fc.assert(
      fc.property(fc.nat({ max: 86_400_000 }), (durationMs) => {
        const moments = coverMoments(durationMs);
        expect(moments.at(-1)).toBe(0);
        expect(moments.length).toBeLessThanOrEqual(8);
        for (const [position, moment] of moments.entries()) {
          expect(Number.isInteger(moment) && moment >= 0 && moment <= durationMs).toBe(true);
          for (const other of moments.slice(0, position)) expect(Math.abs(other - moment)).toBeGreaterThanOrEqual(40);
        }
      }),
    );
  });
});

describe('a frame', () => {
  const flat = (value: number) => new Uint8Array(1_024).fill(value);
  const mixed = (low: number, high: number) => new Uint8Array(1_024).map((_, position) => (position % 2 ? high : low));

  it.each<[string, Uint8Array, boolean]>([
    ['black', flat(0), false],
    ['nearly black', mixed(0, 30), false],
    ['white', flat(255), false],
    ['one colour', flat(120), false],
    ['noise on one colour', mixed(115, 125), false],
    ['no pixels', new Uint8Array(0), false],
    ['light and dark', mixed(40, 200), true],
    ['a dark scene with a light', mixed(5, 90), true],
  ])('that is %s', (_name, pixels, good) => {
    expect(scoreFrame(pixels).good).toBe(good);
  });

  it('is better with contrast, and better grey than black', () => {
    const score = (pixels: Uint8Array) => scoreFrame(pixels).score;
    expect(score(mixed(40, 200))).toBeGreaterThan(score(mixed(100, 140)));
    expect(score(mixed(60, 160))).toBeGreaterThan(score(mixed(0, 20)));
    expect(score(flat(120))).toBeGreaterThan(score(flat(0)));
  });

  it('has a finite score that does not go by the order of its pixels', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 400 }), (pixels) => {
        const { score, good } = scoreFrame(pixels);
        expect(Number.isFinite(score) && score >= 0).toBe(true);
        const turned = scoreFrame(pixels.toReversed());
        expect(turned.score).toBeCloseTo(score);
        expect(turned.good).toBe(good);
      }),
    );
  });
});
