import type { ErrorName, Text } from '@tiktok-server/contract';
import type { ProbedStream, ProbeReport } from './probe-report.ts';

export type VideoLimits = {
  readonly maxDurationMs: number;
  /** Pixels of one frame. */
  readonly maxPixels: number;
};

export type AcceptedVideo = {
  readonly kind: 'accepted';
  /** `remux`: browsers play it as it is, it is only copied to start faster; `convert`: it is encoded anew. */
  readonly plan: 'remux' | 'convert';
  readonly videoIndex: number;
  readonly audioIndex: number | undefined;
  /** 0 if unknown. */
  readonly durationMs: number;
  /** As shown, rotation applied. */
  readonly width: number;
  readonly height: number;
  /** 0 if unknown. */
  readonly framesPerSecond: number;
  /** Of the file as it was received. */
  readonly extension: string;
};

export type RefusedVideo = { readonly kind: 'refused'; readonly error: ErrorName; readonly rule: Text };

const maxStreams = 32;
/** Decoders hold several frames; a side beyond this is not a video that anyone filmed. */
const maxSidePixels = 8_192;

const decodable = new Set(
  'h264 hevc vp8 vp9 av1 mpeg4 msmpeg4v2 msmpeg4v3 mpeg1video mpeg2video h263 flv1 mjpeg prores dnxhd theora wmv1 wmv2 wmv3 vc1'.split(
    ' ',
  ),
);
const playableProfiles = new Set(['Constrained Baseline', 'Baseline', 'Main', 'High']);
const playablePixelFormats = new Set(['yuv420p', 'yuvj420p']);

const refuse = (error: ErrorName, en: string, zh: string): RefusedVideo => ({
  kind: 'refused',
  error,
  rule: { en, zh },
});

/** Decides what becomes of an upload, from what ffprobe found in it. */
export function judgeVideo(report: ProbeReport | undefined, limits: VideoLimits): AcceptedVideo | RefusedVideo {
  if (report === undefined || report.streams.length === 0) {
    return refuse('ErrNotVideo', 'data must be a video file', 'data 必须是视频文件');
  }
  if (report.streams.length > maxStreams) {
    return refuse('ErrNotVideo', `a file may have at most ${maxStreams} streams`, `文件最多包含 ${maxStreams} 个流`);
  }
  const video = report.streams.find((stream) => stream.kind === 'video' && !stream.attachedPicture);
  if (video === undefined) return refuse('ErrNotVideo', 'the file has no video track', '文件中没有视频轨道');
  if (!decodable.has(video.codec)) {
    return refuse(
      'ErrUnsupportedCodec',
      'use a common format such as MP4 with H.264, HEVC, VP9 or AV1',
      '请使用常见格式，例如 H.264、HEVC、VP9 或 AV1 的 MP4',
    );
  }
  const { width, height } = video;
  if (width < 1 || height < 1) return refuse('ErrNotVideo', 'the video has no picture size', '视频没有画面尺寸');
  if (width > maxSidePixels || height > maxSidePixels || width * height > limits.maxPixels) {
    return refuse(
      'ErrNotVideo',
      `the picture may have at most ${limits.maxPixels} pixels and ${maxSidePixels} per side, not ${width} × ${height}`,
      `画面最多 ${limits.maxPixels} 像素且单边不超过 ${maxSidePixels}，当前为 ${width} × ${height}`,
    );
  }
  const audio = report.streams.find((stream) => stream.kind === 'audio');
  const durationMs = Math.max(report.durationMs, video.durationMs);
  if (durationMs > limits.maxDurationMs) {
    const seconds = Math.floor(limits.maxDurationMs / 1000);
    return refuse('ErrVideoTooLong', `at most ${seconds} seconds are allowed`, `时长不能超过 ${seconds} 秒`);
  }
  const sideways = video.rotationDegrees % 180 !== 0;
  return {
    kind: 'accepted',
    plan: durationMs > 0 && isPlayable(report, video, audio) ? 'remux' : 'convert',
    videoIndex: video.index,
    audioIndex: audio?.index,
    durationMs,
    width: sideways ? height : width,
    height: sideways ? width : height,
    framesPerSecond: video.framesPerSecond,
    extension: extensionOf(report.formatNames),
  };
}

/** H.264 with 8-bit 4:2:0 pictures and AAC-LC or no sound, in the MP4 family: what every browser and phone plays. */
function isPlayable(report: ProbeReport, video: ProbedStream, audio: ProbedStream | undefined): boolean {
  return (
    report.formatNames.includes('mp4') &&
    video.codec === 'h264' &&
    playableProfiles.has(video.profile) &&
    playablePixelFormats.has(video.pixelFormat) &&
    (audio === undefined || (audio.codec === 'aac' && audio.profile === 'LC'))
  );
}

function extensionOf(formatNames: readonly string[]): string {
  if (formatNames.includes('mp4')) return 'mp4';
  if (formatNames.includes('webm')) return 'webm';
  return 'bin';
}
