/** The few statistics that a report needs. Every function wants at least one value. */

export type Summary = {
  readonly runs: number;
  readonly median: number;
  readonly lowest: number;
  readonly highest: number;
};

export function summarize(values: readonly number[]): Summary {
  const sorted = [...values].sort((a, b) => a - b);
  const [lowest] = sorted;
  const highest = sorted.at(-1);
  if (lowest === undefined || highest === undefined) throw new RangeError('nothing was measured');
  if (!sorted.every(Number.isFinite))
    throw new RangeError(`not a number among what was measured: ${values.join(', ')}`);
  return { runs: sorted.length, median: middleOf(sorted), lowest, highest };
}

export const median = (values: readonly number[]): number => summarize(values).median;

function middleOf(sorted: readonly number[]): number {
  const half = sorted.length / 2;
  const upper = sorted[Math.floor(half)] ?? Number.NaN;
  const lower = sorted[Math.ceil(half) - 1] ?? Number.NaN;
  return (lower + upper) / 2;
}

/**
 * The quotient of each pair. Values of one pair were measured one right after the other, so that what slows the whole
 * machine down slows both, and the quotient stays.
 */
export function pairedRatios(pairs: readonly { readonly of: number; readonly to: number }[]): number[] {
  return pairs.map(({ of, to }) => of / to);
}

/** The value that `share` of all values do not exceed: 0.99 for the 99th percentile (nearest rank). */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
  if (value === undefined) throw new RangeError('nothing was measured');
  return value;
}
