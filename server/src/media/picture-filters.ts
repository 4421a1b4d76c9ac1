/** ffmpeg's filters that bring any accepted source to what every encoder and every player takes. */
import type { AcceptedVideo } from './judge-video.ts';
import type { Colors, Size } from './shown-pictures.ts';

/** Rates that screens show evenly. */
const standardRates = [24, 25, 30, 50, 60] as const;
const maxFramesPerSecond = 60;
const unknownFramesPerSecond = 30;
/** An average of 59.94, or of 29.9 because a phone was busy, means the rate beside it. */
const nearRateShare = 0.02;
const outputSampleRate = 48_000;
/** Beyond this, ffmpeg has no layout of speakers to mix from. */
const maxMixedChannels = 8;
/** Tone mapping works on floating point pictures: a frame of 4K would be 100 MB, and takes four times as long. */
const toneMappedShortSidePixels = 1_080;
/** Fewer lines cannot be deinterlaced. */
const minInterlacedPixels = 4;

/**
 * Said to the encoder (options of each output), as versions before 4.4 do not learn it from the pictures: what
 * {@link pictureFilters} makes is BT.709 in the limited range.
 */
export const outputColors: readonly string[] = [
  ...['-color_primaries', 'bt709', '-color_trc', 'bt709', '-colorspace', 'bt709', '-color_range', 'tv'],
];

/**
 * The chain, to be joined with commas: progressive, square pixels, even sides, BT.709 of standard range in 8-bit yuv420p, at
 * a constant rate from 0 on. Never scaled up, and down only where tone mapping needs it: beyond 1080 pixels on the short side.
 *
 * It counts on ffmpeg turning the pictures first, as it does by itself. The caller passes {@link outputColors} to the
 * encoder, and an end (`-t`), since a gap in a hostile file's time is filled with pictures. `can.toneMap`: this ffmpeg has the
 * filters zscale and tonemap; without them pictures of high range come out paler.
 */
export function pictureFilters(video: AcceptedVideo, can: { readonly toneMap: boolean }): string[] {
  const rate = outputRate(video);
  const mapped = can.toneMap && (video.range !== 'sdr' || video.colors.primaries !== 'bt709');
  const { width, height } = evenSize(video, mapped && video.range !== 'sdr' ? toneMappedShortSidePixels : Infinity);
  const { matrix, fullRange } = video.colors;
  const scale = (to: string): string =>
    `scale=${width}:${height}:in_color_matrix=${matrix}:out_color_matrix=${to}:in_range=${fullRange ? 'pc' : 'tv'}:out_range=tv`;
  const deinterlaced = video.interlaced && Math.min(width, height) >= minInterlacedPixels;
  return [
    ...(deinterlaced ? ['bwdif=mode=send_frame:parity=auto:deint=interlaced'] : []),
    // Before what costs more. A track that starts late starts with its first picture, and one that is over at once has one.
    ...(rate === undefined ? [] : [`fps=fps=${rate}:start_time=0:eof_action=pass`]),
    ...(mapped && video.range !== 'sdr' ? [`${scale('bt2020')}:flags=bilinear`, ...toneMapped(video)] : []),
    ...(mapped && video.range === 'sdr' ? [scale('bt709'), ...narrowed(video)] : []),
    ...(mapped ? [] : [scale('bt709')]),
    'format=yuv420p',
    'setsar=1',
    'setparams=field_mode=prog:range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709',
  ];
}

/** Brings sound to 48 kHz, mono or stereo, its gaps filled with silence, from 0 on. Empty without sound. */
export function soundFilters(video: AcceptedVideo): string[] {
  if (video.audioChannels === 0) return [];
  return [
    ...(video.audioChannels > maxMixedChannels ? ['pan=stereo|c0=c0|c1=c1'] : []),
    `aresample=${outputSampleRate}:async=1:first_pts=0`,
    `aformat=sample_rates=${outputSampleRate}:channel_layouts=${video.audioChannels === 1 ? 'mono' : 'stereo'}`,
  ];
}

/**
 * The rate that pictures are brought to; undefined if they keep their own. That of the grid where it is a standard one: a
 * phone that films 30 a second in the light and 20 in the dark has both averages.
 */
export function outputRate(video: AcceptedVideo): number | undefined {
  const { framesPerSecond, gridFramesPerSecond } = video;
  if (framesPerSecond === 0) return unknownFramesPerSecond;
  if (isFast(framesPerSecond)) {
    let half = framesPerSecond;
    while (isFast(half)) half /= 2;
    return standardRates.find((rate) => isNear(rate, half)) ?? maxFramesPerSecond;
  }
  if (video.constantRate) return undefined;
  const grid = standardRates.find((rate) => isNear(rate, gridFramesPerSecond));
  if (grid !== undefined && grid >= framesPerSecond * (1 - nearRateShare)) return grid;
  return standardRates.find((rate) => rate >= framesPerSecond * (1 - nearRateShare)) ?? maxFramesPerSecond;
}

const isFast = (rate: number): boolean => rate > maxFramesPerSecond * (1 + nearRateShare);
const isNear = (rate: number, other: number): boolean => Math.abs(other / rate - 1) <= nearRateShare;

/** Even sides, which 4:2:0 needs; the short one at most `shortSide` pixels. */
function evenSize({ width, height }: Size, shortSide: number): Size {
  const share = Math.min(1, shortSide / Math.min(width, height));
  const even = (side: number): number => Math.max(2, Math.floor((side * share) / 2) * 2);
  return { width: even(width), height: even(height) };
}

const zscalePrimaries: Readonly<Record<Colors['primaries'], string>> = {
  bt709: 'bt709',
  bt2020: 'bt2020',
  p3: 'smpte432',
};

/** From the light of ITU-R BT.2100 to that of a screen. zscale is told all that it needs, since files often are silent. */
function toneMapped({ range, colors }: AcceptedVideo): string[] {
  const transfer = range === 'pq' ? 'smpte2084' : 'arib-std-b67';
  return [
    'format=yuv420p10le',
    `zscale=tin=${transfer}:pin=${zscalePrimaries[colors.primaries]}:min=bt2020nc:rin=tv:t=linear:npl=100`,
    'format=gbrpf32le',
    'zscale=p=bt709',
    'tonemap=tonemap=hable:desat=0',
    'zscale=t=bt709:m=bt709:r=tv',
  ];
}

/** Only the primaries change. What is redder than BT.709 can show is cut, which has to happen to red, not to its share of YUV. */
const narrowed = ({ colors }: AcceptedVideo): string[] => [
  'format=yuv420p10le',
  `zscale=tin=bt709:pin=${zscalePrimaries[colors.primaries]}:min=bt709:rin=tv:t=bt709:p=bt709`,
  'format=gbrp10le',
  'zscale=m=bt709:r=tv',
];
