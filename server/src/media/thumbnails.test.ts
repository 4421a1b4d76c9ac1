import fc from 'fast-check';
import { expect, it } from 'vitest';
import { thumbnailGrid, thumbnailsVtt } from './index.ts';

it('has a picture for each second, and for longer ones, for as many as sixty moments', () => {
  expect(thumbnailGrid(4_000, 360, 640)).toEqual({
    ...{ intervalMs: 1_000, count: 4, columns: 4, rows: 1, width: 90, height: 160 },
  });
  expect(thumbnailGrid(600_000, 640, 360)).toEqual({
    ...{ intervalMs: 10_000, count: 60, columns: 10, rows: 6, width: 160, height: 90 },
  });
  expect(thumbnailGrid(0, 2, 2)).toMatchObject({ count: 1, columns: 1, rows: 1 });
});

it('covers the whole video, once, with pictures that lie in the sprite', () => {
  const side = fc.integer({ min: 2, max: 3_000 });
  fc.assert(
    fc.property(fc.nat({ max: 86_400_000 }), side, side, (durationMs, width, height) => {
      const grid = thumbnailGrid(durationMs, width, height);
      expect(grid.count).toBeLessThanOrEqual(60);
      expect(grid.count * grid.intervalMs).toBeGreaterThanOrEqual(durationMs - grid.intervalMs / 2);
      expect(grid.columns * grid.rows).toBeGreaterThanOrEqual(grid.count);
      expect(grid.width % 2 === 0 && grid.height % 2 === 0 && grid.width <= 320 && grid.height <= 320).toBe(true);
      const cues = thumbnailsVtt(grid, durationMs, 's.jpg').split('\n\n').slice(1);
      expect(cues).toHaveLength(grid.count);
      for (const cue of cues) {
        const [, x, y] = /s\.jpg#xywh=(\d+),(\d+),/.exec(cue) ?? [];
        expect(Number(x) + grid.width).toBeLessThanOrEqual(grid.columns * grid.width);
        expect(Number(y) + grid.height).toBeLessThanOrEqual(grid.rows * grid.height);
      }
    }),
  );
});

it('is written as WebVTT, with hours', () => {
  const text = thumbnailsVtt(thumbnailGrid(3_700_000, 90, 90), 3_700_000, 'thumbnails.jpg');
  expect(text.startsWith('WEBVTT\n\n00:00:00.000 --> 00:01:02.000\nthumbnails.jpg#xywh=0,0,90,90\n')).toBe(true);
  expect(text).toContain('--> 01:01:40.000');
});
