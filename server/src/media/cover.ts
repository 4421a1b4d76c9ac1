/**
 * Which frame stands for a video. Moments are tried in this order until one is good; most videos need one try, those that
 * are dark nearly throughout need many. A good frame is neither near black nor near white nor all alike.
 */
const triedShares = [0.2, 0.5, 0.08, 0.8, 0.35, 0.65, 0.97] as const;
/** Frames this near to each other need not both be tried. */
const distinctMs = 40;

/** Moments to try, in milliseconds; the last one is the first frame, which every video has. */
export function coverMoments(durationMs: number): number[] {
  const moments: number[] = [];
  for (const share of triedShares) {
    const moment = Math.floor(durationMs * share);
    if (moment >= distinctMs && moments.every((other) => Math.abs(other - moment) >= distinctMs)) moments.push(moment);
  }
  return [...moments, 0];
}

export type FrameScore = {
  /** Higher is better. */
  readonly score: number;
  readonly good: boolean;
  /** Near black: as good as nothing. */
  readonly dark: boolean;
};

const darkestMean = 24;
const brightestMean = 238;
/** Standard deviation of brightness below which a frame is a blank surface. */
const leastContrast = 12;

/** Scores a frame by the brightness (0 to 255) of its pixels, of which a small sample is enough. */
export function scoreFrame(brightness: Uint8Array): FrameScore {
  if (brightness.length === 0) return { score: 0, good: false, dark: true };
  let sum = 0;
  let squares = 0;
  for (const value of brightness) {
    sum += value;
    squares += value * value;
  }
  const mean = sum / brightness.length;
  const contrast = Math.sqrt(Math.max(0, squares / brightness.length - mean * mean));
  const exposure = 1 - Math.abs(mean - 118) / 137;
  return {
    score: contrast * (0.4 + 0.6 * exposure) + mean / 255,
    dark: mean < darkestMean,
    good: mean >= darkestMean && mean <= brightestMean && contrast >= leastContrast,
  };
}
