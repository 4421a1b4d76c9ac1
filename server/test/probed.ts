/** What ffprobe reports of a phone's video, of a browser's, and of their variants. */
import {
  type AcceptedVideo,
  judgeVideo,
  type ProbedStream,
  type ProbeReport,
  type VideoLimits,
} from '../src/media/index.ts';

export const limits: VideoLimits = { maxDurationMs: 600_000, maxPixels: 3_840 * 2_160 };
export const picture: ProbedStream = {
  index: 0,
  kind: 'video',
  codec: 'h264',
  profile: 'High',
  level: 42,
  pixelFormat: 'yuv420p',
  width: 1_080,
  height: 1_920,
  pixelAspect: 1,
  rotationDegrees: 0,
  framesPerSecond: 30,
  gridFramesPerSecond: 30,
  colorTransfer: 'bt709',
  colorPrimaries: 'bt709',
  colorSpace: 'bt709',
  colorRange: 'tv',
  fieldOrder: 'progressive',
  channels: 0,
  sampleRate: 0,
  frames: 150,
  startMs: 0,
  durationMs: 5_000,
  attachedPicture: false,
};
export const sound: ProbedStream = {
  ...{ ...picture, index: 1, kind: 'audio', codec: 'aac', profile: 'LC' },
  ...{ width: 0, height: 0, level: 0, channels: 2, sampleRate: 48_000 },
};
export const mp4: ProbeReport = {
  formatNames: ['mov', 'mp4', 'm4a', '3gp', '3g2', 'mj2'],
  durationMs: 5_000,
  startMs: 0,
  bitsPerSecond: 8_000_000,
  streams: [picture, sound],
};
export const webm: ProbeReport = {
  ...mp4,
  formatNames: ['matroska', 'webm'],
  streams: [
    { ...picture, codec: 'vp9', profile: 'Profile 0', level: 0 },
    { ...sound, codec: 'opus', profile: '' },
  ],
};
export const inWebm = (more: Partial<ProbedStream>): ProbeReport => ({
  ...webm,
  streams: webm.streams.map((stream) => (stream.kind === 'video' ? { ...stream, ...more } : stream)),
});
export const withPicture = (more: Partial<ProbedStream>): ProbeReport => ({
  ...mp4,
  streams: [{ ...picture, ...more }, sound],
});
export const withSound = (more: Partial<ProbedStream>): ProbeReport => ({
  ...mp4,
  streams: [picture, { ...sound, ...more }],
});

export const judged = (report: ProbeReport): AcceptedVideo => {
  const verdict = judgeVideo(report, limits);
  if (verdict.kind === 'refused') throw new Error(verdict.rule.en);
  return verdict;
};
