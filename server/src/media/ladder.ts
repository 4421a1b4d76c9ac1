/**
 * Which renditions a video gets: 360, 540, 720 and 1080 pixels on the short side, never above the source, and its own size
 * where that lies well above the last of these. A rendition never gets more bits than its pixels have in the source.
 */
import type { AcceptedVideo } from './judge-video.ts';
import { outputRate } from './picture-filters.ts';

export type Rendition = {
  /** Pixels of the shorter side; also its name. */
  readonly shortSide: number;
  readonly width: number;
  readonly height: number;
  /** x264's constant rate factor: lower is better. */
  readonly crf: number;
  readonly maxBitsPerSecond: number;
};

/**
 * Bits per second at 30 frames a second of a 16:9 picture. Together they are at most 0.57 of what phones record in 1080p
 * (14 Mbit/s), so that with the file that is played without HLS all is stored in less than 1.6 times the source.
 */
const steps = [
  { shortSide: 360, maxBitsPerSecond: 600_000 },
  { shortSide: 540, maxBitsPerSecond: 1_200_000 },
  { shortSide: 720, maxBitsPerSecond: 2_200_000 },
  { shortSide: 1080, maxBitsPerSecond: 4_000_000 },
] as const;
const largestShortSide = 1080;
const crf = 23;
/** A source this much larger than the last step below it is worth a rendition in its own size. */
const worthOwnSize = 1.15;
const usualFramesPerSecond = 30;
/** Twice the frames are worth this much more bits: they resemble each other. */
const fastShare = 1.5;
/** Half the pixels need more than half the bits: what is small has less that repeats. */
const bitsByPixels = 0.75;
const leastBitsPerSecond = 150_000;
const usualAspect = 16 / 9;

/** The renditions of a video, smallest first: at least one. */
export function ladderOf(video: AcceptedVideo): Rendition[] {
  const shortSide = even(Math.min(video.width, video.height));
  const sides: number[] = steps.map((step) => step.shortSide).filter((side) => side <= shortSide);
  if (shortSide < largestShortSide && shortSide >= (sides.at(-1) ?? 0) * worthOwnSize) sides.push(shortSide);
  return sides.map((side) => renditionOf(video, side));
}

function renditionOf(video: AcceptedVideo, shortSide: number): Rendition {
  const scale = Math.min(1, shortSide / Math.min(video.width, video.height));
  const width = video.width <= video.height ? shortSide : even(video.width * scale);
  const height = video.width <= video.height ? even(video.height * scale) : shortSide;
  const rate = (outputRate(video) ?? video.framesPerSecond) > usualFramesPerSecond * 1.1 ? fastShare : 1;
  const area = (width * height) / (shortSide * shortSide * usualAspect);
  const wanted = bitsForSide(shortSide) * rate * Math.min(2, Math.max(0.5, area));
  const share = Math.min(1, (width * height) / (video.width * video.height)) ** bitsByPixels;
  const bound = video.bitsPerSecond > 0 ? Math.min(wanted, video.bitsPerSecond * share) : wanted;
  return { shortSide, width, height, crf, maxBitsPerSecond: Math.round(Math.max(leastBitsPerSecond, bound)) };
}

/** Between two steps, by the number of pixels. */
function bitsForSide(shortSide: number): number {
  const above = steps.find((step) => step.shortSide >= shortSide) ?? steps[steps.length - 1];
  if (above === undefined) return leastBitsPerSecond;
  return above.maxBitsPerSecond * (shortSide / above.shortSide) ** 2;
}

/** Of what a scale brings out, so that 959.99 is 960. */
const rounding = 0.01;
/** 4:2:0 has one colour for two by two pixels. Down, since a rendition is never above the source. */
const even = (pixels: number): number => Math.max(2, 2 * Math.floor(pixels / 2 + rounding));
