/** How coded pictures are meant to be seen: their size and their colours. */
import type { ProbedStream } from './probe-report.ts';

export type Size = { readonly width: number; readonly height: number };

/** Transfer function: standard, or one of the two high ranges of ITU-R BT.2100. */
export type Range = 'sdr' | 'pq' | 'hlg';

export type Colors = {
  /** How YUV becomes RGB, by swscale's names. */
  readonly matrix: 'bt601' | 'bt709' | 'bt2020' | 'smpte240m' | 'fcc';
  /** 0 to 255 instead of 16 to 235. */
  readonly fullRange: boolean;
  /** Red, green and blue beyond those of BT.709. */
  readonly primaries: 'bt709' | 'bt2020' | 'p3';
};

/** Anamorphic films and camcorders stay below 2; what says more is broken. */
const maxPixelAspect = 4;
/** Browsers take what has fewer lines and says nothing to be BT.601. */
const highDefinitionLines = 720;

const matrices: Readonly<Record<string, Colors['matrix']>> = {
  bt709: 'bt709',
  bt470bg: 'bt601',
  smpte170m: 'bt601',
  smpte240m: 'smpte240m',
  fcc: 'fcc',
  bt2020nc: 'bt2020',
  bt2020c: 'bt2020',
};
const primaries: Readonly<Record<string, Colors['primaries']>> = {
  bt709: 'bt709',
  bt2020: 'bt2020',
  smpte431: 'p3',
  smpte432: 'p3',
};

/**
 * Size as shown: in square pixels, turned. The side that is too short grows, as in browsers, so that nothing is lost; if
 * that is more than `mayBe` allows, the other side shrinks.
 */
export function shownSize(video: ProbedStream, mayBe: (size: Size) => boolean): Size {
  const { width, height } = inSquarePixels(video, mayBe);
  return video.rotationDegrees % 180 === 0 ? { width, height } : { width: height, height: width };
}

function inSquarePixels({ width, height, pixelAspect }: ProbedStream, mayBe: (size: Size) => boolean): Size {
  if (pixelAspect > maxPixelAspect || pixelAspect < 1 / maxPixelAspect) return { width, height };
  const wide = { width: scaled(width, pixelAspect), height };
  const high = { width, height: scaled(height, 1 / pixelAspect) };
  const [grown, shrunk] = pixelAspect > 1 ? [wide, high] : [high, wide];
  return mayBe(grown) ? grown : shrunk;
}

const scaled = (side: number, by: number): number => Math.max(1, Math.round(side * by));

export function rangeOf({ colorTransfer }: ProbedStream): Range {
  if (colorTransfer === 'smpte2084') return 'pq';
  return colorTransfer === 'arib-std-b67' ? 'hlg' : 'sdr';
}

/** What a file does not say is what goes with its range and size. */
export function colorsOf(video: ProbedStream): Colors {
  const high = rangeOf(video) !== 'sdr';
  const standard = video.height < highDefinitionLines ? 'bt601' : 'bt709';
  return {
    matrix: matrices[video.colorSpace] ?? (high ? 'bt2020' : standard),
    fullRange: video.colorRange === 'pc' || video.pixelFormat.startsWith('yuvj'),
    primaries: primaries[video.colorPrimaries] ?? (high ? 'bt2020' : 'bt709'),
  };
}
