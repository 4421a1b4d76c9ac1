import type { AcceptedVideo } from './judge-video.ts';
import { demuxers, maxAllocationBytes } from './probe-report.ts';

const outputShortSidePixels = 1_080;
/** H.264 needs more bytes than what newer formats brought; beyond this much more, the output is cut. */
const convertedMaxGrowth = 4;
const coverShortSidePixels = 720;
/** ffmpeg's scale for JPEG: 2 is best, 31 worst. */
const coverQuality = '4';
/** Side of the square sample that a frame is judged by. */
export const sampleSidePixels = 64;
const outputMaxFramesPerSecond = 60;

/** Every run: no questions, only the file itself, only known containers. */
const guarded = (path: string, beforeInput: readonly string[] = []): string[] => [
  '-hide_banner',
  '-nostdin',
  '-v',
  'error',
  '-max_alloc',
  String(maxAllocationBytes),
  '-protocol_whitelist',
  'file,pipe',
  '-format_whitelist',
  demuxers,
  ...beforeInput,
  '-i',
  `file:${path}`,
];

const seconds = (ms: number): string => (ms / 1000).toFixed(3);

/**
 * Takes the frame at a moment out twice: as a JPEG no larger than a cover, written to `output`, and as a small grey sample
 * of {@link sampleSidePixels} squared bytes on standard output, by which `scoreFrame` judges it. Nothing is written where
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
    ...['-vf', `scale=${sampleSidePixels}:${sampleSidePixels},format=gray`, '-f', 'rawvideo', 'pipe:1'],
  ];
}

/** Copies pictures and sound into an MP4 whose index comes first, without names, places and other traces. */
export function remuxArguments(input: string, output: string, video: AcceptedVideo): string[] {
  return [...guarded(input), ...tracks(video), '-c', 'copy', ...cleanMp4(output)];
}

/** Encodes as H.264 and AAC, which play everywhere: never larger than the source, at most 1080 pixels on the short side. */
export function convertArguments(
  input: string,
  output: string,
  video: AcceptedVideo,
  limits: { readonly maxDurationMs: number; readonly maxBytes: number },
): string[] {
  const tooFast = video.framesPerSecond > outputMaxFramesPerSecond;
  const filters = [atMostShortSide(outputShortSidePixels), 'setsar=1', 'format=yuv420p'];
  if (tooFast) filters.push(`fps=${outputMaxFramesPerSecond}`);
  return [
    ...guarded(input, ['-threads', '1']),
    ...tracks(video),
    '-vf',
    filters.join(','),
    '-c:v',
    'libx264',
    '-profile:v',
    'high',
    '-preset',
    'veryfast',
    '-crf',
    '23',
    '-threads',
    '1',
    '-c:a',
    'aac',
    '-b:a',
    '128k',
    '-ac',
    '2',
    '-t',
    // A little more than is allowed, so that a file which hid its length is found out.
    seconds(limits.maxDurationMs + 1_000),
    '-fs',
    String(limits.maxBytes * convertedMaxGrowth),
    ...cleanMp4(output),
  ];
}

const tracks = (video: AcceptedVideo): string[] => [
  '-map',
  `0:${video.videoIndex}`,
  ...(video.audioIndex === undefined ? [] : ['-map', `0:${video.audioIndex}`]),
  '-dn',
  '-sn',
];

/** Phones write where a video was filmed: nothing of that goes along. The rotation is not metadata and stays. */
const cleanMp4 = (output: string): string[] => [
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
