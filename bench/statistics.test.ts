import { describe, expect, it } from 'vitest';
import { median, pairedRatios, percentile, summarize } from './statistics.ts';

describe('statistics', () => {
  it('takes the value in the middle, whatever the order', () => {
    expect(summarize([9, 1, 5])).toEqual({ runs: 3, median: 5, lowest: 1, highest: 9 });
    expect(median([7])).toBe(7);
  });

  it('takes the mean of the two in the middle of an even number', () => {
    expect(median([4, 1, 10, 2])).toBe(3);
  });

  it('sorts by size and not by spelling', () => {
    expect(summarize([100, 20, 3])).toMatchObject({ median: 20, lowest: 3, highest: 100 });
  });

  it('leaves its input as it was', () => {
    const values = [3, 1, 2];
    summarize(values);
    expect(values).toEqual([3, 1, 2]);
  });

  it('refuses what is no measurement', () => {
    expect(() => summarize([])).toThrow('nothing was measured');
    expect(() => summarize([1, Number.NaN])).toThrow('not a number');
    expect(() => summarize([1, Number.POSITIVE_INFINITY])).toThrow('not a number');
  });

  it('takes the value that a share does not exceed', () => {
    const values = Array.from({ length: 200 }, (_, at) => 200 - at);
    expect([percentile(values, 0.99), percentile(values, 0.5), percentile([7], 0.99)]).toEqual([198, 100, 7]);
    expect(() => percentile([], 0.5)).toThrow('nothing was measured');
  });

  it('divides within pairs, so that a slow moment of the machine cancels out', () => {
    const pairs = [
      { of: 80, to: 100 },
      { of: 8, to: 10 },
    ];
    expect(pairedRatios(pairs)).toEqual([0.8, 0.8]);
  });
});
