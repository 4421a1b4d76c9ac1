import { describe, expect, it } from 'vitest';
import { inWebm, judged, limits, mp4, picture, webm, withPicture, withSound } from '../../test/probed.ts';
import { judgeVideo, type ProbeReport } from './index.ts';

describe('what browsers play as it was received', () => {
  it.each<[string, ProbeReport]>([
    ['H.264 and AAC in MP4', mp4],
    ['without sound', { ...mp4, streams: [picture] }],
    ['Constrained Baseline', withPicture({ profile: 'Constrained Baseline' })],
    ['Main, full range', withPicture({ profile: 'Main', pixelFormat: 'yuvj420p' })],
    ['sideways', withPicture({ rotationDegrees: 90 })],
    ['what no phone would copy', withPicture({ width: 3_840, height: 2_160, framesPerSecond: 120, fieldOrder: 'tt' })],
    ['VP9 and Opus in WebM', webm],
    ['VP8 in WebM, without sound', { ...webm, streams: [{ ...picture, codec: 'vp8', profile: '0' }] }],
    ['VP9 in MP4', { ...webm, formatNames: mp4.formatNames }],
  ])('%s', (_name, report) => {
    expect(judged(report).playable).toBe(true);
  });

  it.each<[string, ProbeReport]>([
    ['HEVC', withPicture({ codec: 'hevc', profile: 'Main' })],
    ['AV1, which Safari lacks', withPicture({ codec: 'av1', profile: 'Main' })],
    ['AV1 in WebM', inWebm({ codec: 'av1', profile: 'Main' })],
    ['10 bits', withPicture({ profile: 'High 10', pixelFormat: 'yuv420p10le' })],
    ['VP9 of 10 bits', inWebm({ profile: 'Profile 2', pixelFormat: 'yuv420p10le' })],
    ['VP9 of 4:4:4', inWebm({ profile: 'Profile 1', pixelFormat: 'yuv444p' })],
    ['4:4:4', withPicture({ profile: 'High 4:4:4 Predictive', pixelFormat: 'yuv444p' })],
    ['PQ', withPicture({ colorTransfer: 'smpte2084' })],
    ['HLG in WebM', inWebm({ colorTransfer: 'arib-std-b67' })],
    ['HE-AAC', withSound({ profile: 'HE-AAC' })],
    ['MP3 sound', withSound({ codec: 'mp3', profile: '' })],
    ['H.264 in Matroska', { ...mp4, formatNames: ['matroska', 'webm'] }],
    ['a WebM that is to be turned', inWebm({ rotationDegrees: 90 })],
    ['no duration', { ...mp4, durationMs: 0, streams: [{ ...picture, durationMs: 0 }] }],
  ])('not %s', (_name, report) => {
    expect(judged(report).playable).toBe(false);
  });

  it.each<[string[], string]>([
    [['mov', 'mp4'], 'mp4'],
    [['matroska', 'webm'], 'webm'],
    [['avi'], 'bin'],
    [[''], 'bin'],
  ])('keeps the received file of %j as .%s', (formatNames, extension) => {
    expect(judgeVideo({ ...mp4, formatNames }, limits)).toMatchObject({ extension });
  });
});

describe('what is copied and not encoded anew', () => {
  it.each<[string, ProbeReport]>([
    ["a phone's own", mp4],
    ['in Matroska', { ...mp4, formatNames: ['matroska', 'webm'] }],
    ['the largest', withPicture({ level: 52, framesPerSecond: 60_000 / 1_001, width: 1_920, height: 1_080 })],
    ['25 Mbit/s', { ...mp4, bitsPerSecond: 25_000_000 }],
    ['pixels that are not square', withPicture({ pixelAspect: 4 / 3 })],
    ['sound that is encoded anew', withSound({ codec: 'mp3' })],
    ['sound that starts with the pictures, nearly', withSound({ startMs: -44 })],
    ['nothing said about fields', withPicture({ fieldOrder: 'unknown' })],
  ])('%s', (_name, report) => {
    expect(judged(report).compliant).toBe(true);
  });

  it.each<[string, ProbeReport]>([
    ['HEVC', withPicture({ codec: 'hevc', profile: 'Main' })],
    ['VP9', webm],
    ['10 bits', withPicture({ profile: 'High 10', pixelFormat: 'yuv420p10le' })],
    ['a container without times', { ...mp4, formatNames: ['mpegts'] }],
    ['AVI', { ...mp4, formatNames: ['avi'] }],
    ['interlaced', withPicture({ fieldOrder: 'bt' })],
    ['level 6', withPicture({ level: 60 })],
    ['an unknown level', withPicture({ level: 0 })],
    ['1440 lines', withPicture({ width: 1_440, height: 2_560 })],
    ['120 frames a second', withPicture({ framesPerSecond: 120 })],
    ['an unknown rate', withPicture({ framesPerSecond: 0 })],
    ['more than 25 Mbit/s', { ...mp4, bitsPerSecond: 25_000_001 }],
    ['an unknown bit rate', { ...mp4, bitsPerSecond: 0 }],
    ['PQ of 8 bits', withPicture({ colorTransfer: 'smpte2084' })],
    ['sound that starts late', withSound({ startMs: 300 })],
    ['no duration', { ...mp4, durationMs: 0, streams: [{ ...picture, durationMs: 0 }] }],
  ])('not %s', (_name, report) => {
    expect(judged(report).compliant).toBe(false);
  });

  it.each<[string, boolean, ProbeReport]>([
    ['AAC-LC', true, mp4],
    ['one channel', true, withSound({ channels: 1, sampleRate: 8_000 })],
    ['none', false, { ...mp4, streams: [picture] }],
    ['HE-AAC', false, withSound({ profile: 'HE-AAC' })],
    ['six channels', false, withSound({ channels: 6 })],
    ['96 kHz', false, withSound({ sampleRate: 96_000 })],
    ['that starts late', false, withSound({ startMs: 300 })],
    ['in a container without times', false, { ...mp4, formatNames: ['mpegts'] }],
  ])('sound: %s: %s', (_name, copied, report) => {
    expect(judged(report).audioCompliant).toBe(copied);
  });
});
