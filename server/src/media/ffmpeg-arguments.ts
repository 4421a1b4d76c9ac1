import { decoders } from './decoders.ts';
import { demuxers, maxAllocationBytes } from './probe-report.ts';

const coverShortSidePixels = 720;
/** ffmpeg's scale for JPEG: 2 is best, 31 worst. */
const coverQuality = '4';
/** Side of the square sample that a frame is judged by. */
export const sampleSidePixels = 64;

/** Every run: no questions, and a bound on what one allocation may take. */
const quietly = (verbosity: 'error' | 'info'): string[] => [
  ...['-hide_banner', '-nostdin', '-v', verbosity],
  ...['-max_alloc', String(maxAllocationBytes)],
];

/** An input: only the file itself, only known containers and formats. */
export const guardedInput = (path: string, before: readonly string[] = []): string[] => [
  ...['-protocol_whitelist', 'file,pipe', '-format_whitelist', demuxers, '-codec_whitelist', decoders],
  ...before,
  ...['-i', `file:${path}`],
];

export const guarded = (
  path: string,
  before: readonly string[] = [],
  verbosity: 'error' | 'info' = 'error',
): string[] => [...quietly(verbosity), ...guardedInput(path, before)];

/** Seconds with a point, as ffmpeg takes them. */
export const seconds = (ms: number): string => (ms / 1000).toFixed(3);

/**
 * Takes the frame at a moment out twice: as a JPEG no larger than a cover, written to `output`, and as a small sample
 * of {@link sampleSidePixels} squared pixels in RGB on standard output, by which `scoreFrame` judges it. Nothing is written where
 * there is no frame.
 */
export function coverArguments(input: string, output: string, videoIndex: number, momentMs: number): string[] {
  const oneFrame = ['-map', `0:${videoIndex}`, '-frames:v', '1'];
  return [
    ...guarded(input, ['-threads', '2', '-ss', seconds(momentMs)]),
    ...oneFrame,
    '-vf',
    // JPEG has the whole range of brightness; the encoder takes it by this name in every version.
    `${atMostShortSide(coverShortSidePixels)}:out_range=full,setsar=1,format=yuvj420p`,
    ...['-map_metadata', '-1', '-c:v', 'mjpeg', '-q:v', coverQuality, '-f', 'image2', '-y', `file:${output}`],
    ...oneFrame,
    ...['-vf', `scale=${sampleSidePixels}:${sampleSidePixels},format=rgb24`, '-f', 'rawvideo', 'pipe:1'],
  ];
}

/** Phones write where a video was filmed: nothing of that goes along. The rotation is not metadata and stays. */
export const cleanMp4 = (output: string): string[] => [
  '-map_metadata',
  '-1',
  '-map_chapters',
  '-1',
  '-fflags',
  '+bitexact',
  '-movflags',
  '+faststart',
  '-f',
  'mp4',
  '-y',
  `file:${output}`,
];

/** Scales down to a short side, to even sizes, which the encoder needs; never up. */
function atMostShortSide(pixels: number): string {
  const side = (name: string): string => `max(2,trunc(min(${pixels},${name})/2)*2)`;
  return `scale='if(gt(iw,ih),-2,${side('iw')})':'if(gt(iw,ih),${side('ih')},-2)'`;
}
