/** What becomes of the pictures and the sound of a file that is accepted: played as received, copied, or encoded anew. */
import type { ProbedStream, ProbeReport } from './probe-report.ts';
import { rangeOf } from './shown-pictures.ts';

export type Tracks = { readonly video: ProbedStream; readonly audio: ProbedStream | undefined };

const h264Profiles = new Set(['Constrained Baseline', 'Baseline', 'Main', 'High']);
/** 4:2:0 with eight bits, in the limited and the full range. */
const plainPixelFormats = new Set(['yuv420p', 'yuvj420p']);
const webmSound = new Set(['opus', 'vorbis']);

/** Containers that write down when each frame is shown; the others tell, and often enough tell wrongly. */
const timedContainers = ['mp4', 'matroska'];
const compliantMaxLevel = 52;
const compliantShortSidePixels = 1_080;
/** With a little room, since an average is not exact. */
const compliantMaxFramesPerSecond = 60.6;
/** A phone on a mobile network reads no more than this at a stretch. */
const compliantMaxBitsPerSecond = 25_000_000;
/** More than the frames by which an encoder starts late; an old player that ignores edit lists shows it as bad sync. */
const tolerableGapMs = 200;
const sameRateShare = 0.005;
const soundMaxSampleRate = 48_000;

/**
 * Browsers play the file as it was received. Sure only for what all of them play, Safari included: H.264 with AAC-LC in
 * MP4 or MOV; VP8 and VP9 in WebM (Safari since macOS 11.3 and iOS 17.4); VP9 in MP4. AV1 is not among it, although the
 * others play it: Safari does only where the chip decodes it, which is no iPhone before the 15 Pro and no Mac before the M3.
 */
export function isPlayable(report: ProbeReport, { video, audio }: Tracks): boolean {
  if (!plainPixelFormats.has(video.pixelFormat) || rangeOf(video) !== 'sdr') return false;
  if (report.formatNames.includes('mp4')) {
    if (video.codec === 'h264') return h264Profiles.has(video.profile) && (audio === undefined || isPlainAac(audio));
    const sound = audio === undefined || isPlainAac(audio) || audio.codec === 'opus';
    return isPlainVp9(video) && sound;
  }
  // The demuxer's name is the same for WebM and any Matroska. How it is turned is written in a way that browsers do not read.
  return (
    report.formatNames.includes('webm') &&
    (video.codec === 'vp8' || isPlainVp9(video)) &&
    video.rotationDegrees === 0 &&
    (audio === undefined || webmSound.has(audio.codec))
  );
}

/** Every phone's decoder takes the pictures as they are, so that copying them loses nothing. */
export function isCompliant(report: ProbeReport, { video, audio }: Tracks): boolean {
  return (
    timedContainers.some((name) => report.formatNames.includes(name)) &&
    video.codec === 'h264' &&
    h264Profiles.has(video.profile) &&
    plainPixelFormats.has(video.pixelFormat) &&
    within(video.level, compliantMaxLevel) &&
    Math.min(video.width, video.height) <= compliantShortSidePixels &&
    within(video.framesPerSecond, compliantMaxFramesPerSecond) &&
    within(report.bitsPerSecond, compliantMaxBitsPerSecond) &&
    rangeOf(video) === 'sdr' &&
    !isInterlaced(video) &&
    (audio === undefined || Math.abs(video.startMs - audio.startMs) <= tolerableGapMs)
  );
}

export function isCompliantSound(report: ProbeReport, audio: ProbedStream | undefined): boolean {
  return (
    audio !== undefined &&
    isPlainAac(audio) &&
    within(audio.channels, 2) &&
    within(audio.sampleRate, soundMaxSampleRate) &&
    Math.abs(audio.startMs - report.startMs) <= tolerableGapMs &&
    timedContainers.some((name) => report.formatNames.includes(name))
  );
}

/** Pictures come at equal intervals from the beginning on. Believed of the MP4 family alone, which lists every moment. */
export function hasConstantRate(report: ProbeReport, { framesPerSecond, gridFramesPerSecond, ...video }: ProbedStream) {
  if (!report.formatNames.includes('mp4') || video.startMs - report.startMs > tolerableGapMs) return false;
  return framesPerSecond > 0 && Math.abs(gridFramesPerSecond / framesPerSecond - 1) <= sameRateShare;
}

export const isInterlaced = ({ fieldOrder }: ProbedStream): boolean => /^[tb]{2}$/.test(fieldOrder);

const isPlainAac = (audio: ProbedStream): boolean => audio.codec === 'aac' && audio.profile === 'LC';
const isPlainVp9 = (video: ProbedStream): boolean => video.codec === 'vp9' && video.profile === 'Profile 0';
/** What is not known (0) is not taken to be within. */
const within = (value: number, most: number): boolean => value > 0 && value <= most;
