/**
 * ffmpeg's arguments for what is made from a video: renditions and sound in one pass, so that the source is decoded once; the MP4
 * that is played without HLS, of what is there already; thumbnails and preview, of the smallest rendition.
 */
import { cleanMp4, guarded, guardedInput, seconds } from './ffmpeg-arguments.ts';
import type { AcceptedVideo } from './judge-video.ts';
import type { Rendition } from './ladder.ts';
import { gainFilters, type Loudness } from './loudness.ts';
import { outputColors, pictureFilters, soundFilters } from './picture-filters.ts';
import type { ThumbnailGrid } from './thumbnails.ts';
import { type EncoderArguments, encoderArguments, type VideoEncoder } from './video-encoders.ts';

/**
 * Segments begin at 0 s, 1 s, and then every two seconds: the first one is short, so that it is there sooner. All
 * renditions have the same pictures, so their segments begin together.
 */
const segmentStarts = 'expr:gte(t,2*n_forced-1)';
const soundSegmentMicroseconds = 2_000_000;
const soundBitsPerChannel = 64_000;
const previewFramesPerSecond = 8;
const previewMs = 3_000;
const previewShortSidePixels = 180;
/** libwebp's scale: 100 is best. */
const previewQuality = '45';
const coverQuality = '75';
/** ffmpeg's scale for JPEG: 2 is best, 31 worst. */
const spriteQuality = '6';

/** Prints the loudness of the sound on standard error, for `readLoudness`. */
export function loudnessArguments(input: string, video: AcceptedVideo & { readonly audioIndex: number }): string[] {
  return [
    ...guarded(input, ['-threads', '1'], 'info'),
    ...['-map', `0:${video.audioIndex}`, '-vn', '-sn', '-dn'],
    // Without a line for each tenth of a second.
    ...['-af', 'ebur128=framelog=verbose:peak=sample', '-f', 'null', '-'],
  ];
}

export type PackagePlan = {
  readonly video: AcceptedVideo;
  readonly renditions: readonly Rendition[];
  readonly loudness: Loudness | undefined;
  /** Threads of each of decoder and encoders. */
  readonly threads: number;
  readonly toneMap: boolean;
  readonly encoder: VideoEncoder;
  /** Nothing behind this is taken. */
  readonly maxDurationMs: number;
};

/**
 * Encodes each rendition into a fragmented MP4 of its own (`outputs`, in the order of the plan), and the sound into `audioOutput`.
 * Reports its progress on standard output, for `readProgress`.
 */
export function packageArguments(
  input: string,
  plan: PackagePlan,
  outputs: readonly string[],
  audioOutput: string | undefined,
): string[] {
  const { video, renditions } = plan;
  const beforeInput = renditions.slice(0, 1).flatMap((rendition) => encodes(plan, rendition).beforeInput);
  const most = ['-t', seconds(plan.maxDurationMs)];
  return [
    ...guarded(input, [...beforeInput, '-threads', String(plan.threads)]),
    ...['-progress', 'pipe:1', '-nostats', '-filter_complex_threads', '1', '-filter_complex', filterGraph(plan)],
    ...renditions.flatMap((rendition, position) => [
      ...['-map', `[v${position}]`, ...most, ...encodes(plan, rendition).output, ...outputColors],
      ...fragments(`+frag_keyframe`, outputs[position] ?? ''),
    ]),
    ...(video.audioIndex === undefined || audioOutput === undefined
      ? []
      : [
          ...['-map', `0:${video.audioIndex}`, ...most],
          ...['-af', [...soundFilters(video), ...gainFilters(plan.loudness)].join(',')],
          ...['-c:a', 'aac', '-b:a', String(soundBitsPerChannel * (video.audioChannels === 1 ? 1 : 2))],
          ...['-frag_duration', String(soundSegmentMicroseconds)],
          ...fragments('', audioOutput),
        ]),
  ];
}

/** One chain that makes the source ordinary, and from its end each size. */
function filterGraph(plan: PackagePlan): string {
  const { video, renditions, toneMap } = plan;
  const scaled = (position: number, rendition: Rendition): string => {
    const { width, height } = rendition;
    return `[s${position}]scale=${width}:${height}:flags=bicubic,setsar=1,${encodes(plan, rendition).filter}[v${position}]`;
  };
  const ends = renditions.map((_, position) => `[s${position}]`).join('');
  const source = `[0:${video.videoIndex}]${pictureFilters(video, { toneMap }).join(',')},split=${renditions.length}${ends}`;
  return [source, ...renditions.map((rendition, position) => scaled(position, rendition))].join(';');
}

const encodes = ({ encoder, threads }: PackagePlan, { crf, maxBitsPerSecond }: Rendition): EncoderArguments =>
  encoderArguments(encoder, { stream: 'v:0', crf, maxBitsPerSecond, keyFrames: segmentStarts, threads });

/** The header is written behind the first pictures, so that it can say where they really begin. */
function fragments(flags: string, output: string): string[] {
  return [
    ...['-map_metadata', '-1', '-map_chapters', '-1', '-fflags', '+bitexact'],
    ...['-movflags', `+delay_moov+default_base_moof+skip_trailer${flags}`, '-f', 'mp4', '-y', `file:${output}`],
  ];
}

/**
 * The file that is played without HLS: the source's own pictures where every phone plays them, else those of the largest
 * rendition; its own sound where that is as loud as it should be. Nothing is encoded.
 */
export function progressiveArguments(
  output: string,
  pictures: { readonly path: string; readonly index: number },
  sound: { readonly path: string; readonly index: number } | undefined,
): string[] {
  const apart = sound !== undefined && sound.path !== pictures.path;
  return [
    ...guarded(pictures.path),
    ...(apart ? guardedInput(sound.path) : []),
    ...['-map', `0:${pictures.index}`, ...(sound === undefined ? [] : ['-map', `${apart ? 1 : 0}:${sound.index}`])],
    ...['-dn', '-sn', '-c', 'copy'],
    ...cleanMp4(output),
  ];
}

export type Pictures = {
  /** The rendition that thumbnails and preview are taken from. */
  readonly rendition: string;
  readonly grid: ThumbnailGrid;
  readonly sprite: string;
  readonly preview: { readonly path: string; readonly fromMs: number };
  /** The cover, a JPEG of our own, and the widths in which it is wanted. */
  readonly cover:
    | { readonly path: string; readonly outputs: readonly { readonly width: number; readonly path: string }[] }
    | undefined;
};

/** The sprite as JPEG, the preview as animated WebP, and the cover as WebP in several widths: all in one run. */
export function pictureArguments({ rendition, grid, sprite, preview, cover }: Pictures): string[] {
  const { intervalMs, columns, rows, width, height } = grid;
  const side = `max(2,trunc(min(${previewShortSidePixels},min(iw,ih))/2)*2)`;
  const tiles = `fps=1000/${intervalMs}:start_time=0:round=up,scale=${width}:${height}:out_range=full,setsar=1,tile=${columns}x${rows}`;
  return [
    ...guarded(rendition, ['-threads', '1']),
    ...(cover === undefined ? [] : ['-f', 'jpeg_pipe', '-i', `file:${cover.path}`]),
    ...['-filter_complex_threads', '1', '-map', '0:v:0', '-vf', `${tiles},format=yuvj420p`],
    ...['-frames:v', '1', '-c:v', 'mjpeg', '-q:v', spriteQuality, '-f', 'image2', '-y', `file:${sprite}`],
    ...['-map', '0:v:0', '-ss', seconds(preview.fromMs), '-t', seconds(previewMs)],
    ...['-vf', `fps=${previewFramesPerSecond},scale='if(gt(iw,ih),-2,${side})':'if(gt(iw,ih),${side},-2)'`],
    ...['-c:v', 'libwebp', '-quality', previewQuality, '-loop', '0', '-an', '-f', 'webp', '-y', `file:${preview.path}`],
    ...(cover?.outputs ?? []).flatMap(({ width: coverWidth, path }) => [
      ...[
        '-map',
        '1:v:0',
        '-frames:v',
        '1',
        '-vf',
        `scale=${coverWidth}:-2`,
        '-c:v',
        'libwebp',
        '-quality',
        coverQuality,
      ],
      ...['-map_metadata', '-1', '-f', 'webp', '-y', `file:${path}`],
    ]),
  ];
}

/** Where in a video the preview begins: not with its first moment, which is often black. */
export const previewStartMs = (durationMs: number): number =>
  Math.max(0, Math.min(durationMs / 5, durationMs - previewMs));

/** Milliseconds of the source that are done, from one line of ffmpeg's progress; undefined if it says something else. */
export function readProgress(line: string): number | undefined {
  // Despite its name, microseconds; the newer name is not in every version.
  const microseconds = Number(/^out_time_ms=(\d+)$/.exec(line.trim())?.[1]);
  return Number.isFinite(microseconds) ? microseconds / 1000 : undefined;
}
