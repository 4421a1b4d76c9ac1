import type { ErrorName, Text } from '@tiktok-server/contract';
import { audioCodecs, videoCodecs } from './decoders.ts';
import type { ProbedStream, ProbeReport } from './probe-report.ts';
import { type Colors, colorsOf, type Range, rangeOf, type Size, shownSize } from './shown-pictures.ts';
import { hasConstantRate, isCompliant, isCompliantSound, isInterlaced, isPlayable } from './what-plays.ts';

export type VideoLimits = {
  readonly maxDurationMs: number;
  /** Pixels of one frame. */
  readonly maxPixels: number;
};

export type AcceptedVideo = {
  readonly kind: 'accepted';
  /** Browsers play the file as it was received. */
  readonly playable: boolean;
  /** Its pictures are what every phone plays, in a size that is worth it: they are copied into the MP4, not encoded anew. */
  readonly compliant: boolean;
  readonly videoIndex: number;
  /** The first sound that can be decoded. */
  readonly audioIndex: number | undefined;
  /** 0 if unknown. */
  readonly durationMs: number;
  /** As shown: in square pixels, rotation applied. */
  readonly width: number;
  readonly height: number;
  /** On average; 0 if unknown. */
  readonly framesPerSecond: number;
  /** The lowest rate whose grid holds all moments that were looked at; 0 if unknown. */
  readonly gridFramesPerSecond: number;
  /** Pictures come at equal intervals, from the beginning on. */
  readonly constantRate: boolean;
  /** Transfer function: what is not `sdr` is mapped to it. */
  readonly range: Range;
  readonly colors: Colors;
  readonly interlaced: boolean;
  /** 0 without sound. */
  readonly audioChannels: number;
  /** The sound is AAC-LC of one or two channels, which every phone plays: it is copied. */
  readonly audioCompliant: boolean;
  /** Of the whole file; 0 if unknown. */
  readonly bitsPerSecond: number;
  /** Of the file as it was received. */
  readonly extension: string;
};

export type RefusedVideo = { readonly kind: 'refused'; readonly error: ErrorName; readonly rule: Text };

const maxStreams = 32;
/** Decoders hold several frames; a side beyond this is not a video that anyone filmed. */
const maxSidePixels = 8_192;

/** A track without a packet has no rate or no channels, and would keep ffmpeg from everything else. */
const hasSound = ({ kind, channels, sampleRate }: ProbedStream): boolean =>
  kind === 'audio' && channels > 0 && sampleRate > 0;

const refuse = (error: ErrorName, en: string, zh: string): RefusedVideo => ({
  kind: 'refused',
  error,
  rule: { en, zh },
});

const notVideo = refuse('ErrNotVideo', 'data must be a video file', 'data 必须是视频文件');
const unsupported = refuse(
  'ErrUnsupportedCodec',
  'use a common format such as MP4 with H.264, HEVC, VP9 or AV1',
  '请使用常见格式，例如 H.264、HEVC、VP9 或 AV1 的 MP4',
);

const unsupportedSound = refuse(
  'ErrUnsupportedCodec',
  'the sound is in an unknown format: use a common one such as AAC',
  '音频格式无法识别，请使用 AAC 等常见格式',
);

/** Why ffprobe gave no report, by the end of what it wrote to standard error: it may have met a decoder that is not listed. */
export const judgeUnread = (stderrTail: string): RefusedVideo =>
  /Codec \(\S+\) not on whitelist/.test(stderrTail) ? unsupported : notVideo;

/** Decides what becomes of an upload, from what ffprobe found in it. */
export function judgeVideo(report: ProbeReport | undefined, limits: VideoLimits): AcceptedVideo | RefusedVideo {
  if (report === undefined || report.streams.length === 0) return notVideo;
  if (report.streams.length > maxStreams) {
    return refuse('ErrNotVideo', `a file may have at most ${maxStreams} streams`, `文件最多包含 ${maxStreams} 个流`);
  }
  const video = report.streams.find((stream) => stream.kind === 'video' && !stream.attachedPicture);
  if (video === undefined) return refuse('ErrNotVideo', 'the file has no video track', '文件中没有视频轨道');
  if (!videoCodecs.has(video.codec)) return unsupported;
  const { width, height } = video;
  if (width < 1 || height < 1) return refuse('ErrNotVideo', 'the video has no picture size', '视频没有画面尺寸');
  const mayBe = (size: Size): boolean =>
    size.width <= maxSidePixels && size.height <= maxSidePixels && size.width * size.height <= limits.maxPixels;
  if (!mayBe(video)) {
    return refuse(
      'ErrNotVideo',
      `the picture may have at most ${limits.maxPixels} pixels and ${maxSidePixels} per side, not ${width} × ${height}`,
      `画面最多 ${limits.maxPixels} 像素且单边不超过 ${maxSidePixels}，当前为 ${width} × ${height}`,
    );
  }
  // Phones write a second sound that only they know beside the one for everybody.
  const sounds = report.streams.filter(hasSound);
  const audio = sounds.find(({ codec }) => audioCodecs.has(codec));
  if (audio === undefined && sounds.length > 0) return unsupportedSound;
  const durationMs = Math.max(report.durationMs, video.durationMs);
  if (durationMs > limits.maxDurationMs) {
    const seconds = Math.floor(limits.maxDurationMs / 1000);
    return refuse('ErrVideoTooLong', `at most ${seconds} seconds are allowed`, `时长不能超过 ${seconds} 秒`);
  }
  const tracks = { video, audio };
  return {
    kind: 'accepted',
    playable: durationMs > 0 && isPlayable(report, tracks),
    compliant: durationMs > 0 && isCompliant(report, tracks),
    videoIndex: video.index,
    audioIndex: audio?.index,
    durationMs,
    ...shownSize(video, mayBe),
    framesPerSecond: video.framesPerSecond,
    gridFramesPerSecond: video.gridFramesPerSecond,
    constantRate: hasConstantRate(report, video),
    range: rangeOf(video),
    colors: colorsOf(video),
    interlaced: isInterlaced(video),
    audioChannels: audio?.channels ?? 0,
    audioCompliant: isCompliantSound(report, audio),
    bitsPerSecond: report.bitsPerSecond,
    extension: extensionOf(report.formatNames),
  };
}

function extensionOf(formatNames: readonly string[]): string {
  if (formatNames.includes('mp4')) return 'mp4';
  if (formatNames.includes('webm')) return 'webm';
  return 'bin';
}
