import { encode } from 'blurhash';

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

/** Brightness (0 to 255, ITU-R BT.601) of pixels given as red, green, blue. */
export function brightnessOf(rgb: Uint8Array): Uint8Array {
  const brightness = new Uint8Array(Math.floor(rgb.length / 3));
  for (let i = 0, at = 0; i < brightness.length; i += 1, at += 3) {
    brightness[i] = 0.299 * (rgb[at] ?? 0) + 0.587 * (rgb[at + 1] ?? 0) + 0.114 * (rgb[at + 2] ?? 0);
  }
  return brightness;
}

/** Every second pixel of every second row: cosines cost time by the pixel, and a blur shows no difference. */
const placeholderStep = 2;
const placeholderComponents = 4;

/** A BlurHash (blurha.sh) of a square sample given as red, green, blue: some 30 characters to show until the cover has come. */
export function placeholderOf(rgb: Uint8Array, sidePixels: number): string {
  const side = Math.floor(sidePixels / placeholderStep);
  const pixels = new Uint8ClampedArray(side * side * 4);
  for (let row = 0, to = 0; row < side; row += 1) {
    for (let column = 0; column < side; column += 1, to += 4) {
      const from = (row * sidePixels + column) * placeholderStep * 3;
      for (let colour = 0; colour < 3; colour += 1) pixels[to + colour] = rgb[from + colour] ?? 0;
      pixels[to + 3] = 255;
    }
  }
  return encode(pixels, side, side, placeholderComponents, placeholderComponents);
}

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
