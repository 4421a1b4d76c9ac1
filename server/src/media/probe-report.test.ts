import fc from 'fast-check';
import { expect, it } from 'vitest';
import { demuxers, judgeVideo, probeArguments, probedDecoders, readProbeReport } from './index.ts';

const report = (value: unknown) => readProbeReport(JSON.stringify(value));
const streamOf = (stream: unknown) => report({ streams: [stream] })?.streams[0];

it('reads what ffprobe prints', () => {
  const text = `{"programs": [], "streams": [
    {"index": 0, "codec_name": "h264", "profile": "High", "codec_type": "video", "width": 1920, "height": 1080,
     "level": 42, "sample_aspect_ratio": "4:3", "r_frame_rate": "30/1", "color_transfer": "smpte2084", "color_primaries": "bt2020",
     "color_space": "bt2020nc", "color_range": "tv", "field_order": "tt", "nb_frames": "370", "start_time": "-0.021000",
     "pix_fmt": "yuv420p", "avg_frame_rate": "30000/1001", "duration": "12.345678", "disposition": {"attached_pic": 0},
     "side_data_list": [{}, {"rotation": -90}]},
    {"index": 1, "codec_name": "aac", "profile": "LC", "codec_type": "audio", "avg_frame_rate": "0/0", "duration": "12.3",
     "channels": 2, "sample_rate": "44100", "start_time": "0.020000"}],
    "format": {"format_name": "mov,mp4,m4a,3gp,3g2,mj2", "duration": "12.400000", "start_time": "-0.021000", "bit_rate": "8000123"}}`;
  expect(readProbeReport(text)).toEqual({
    formatNames: ['mov', 'mp4', 'm4a', '3gp', '3g2', 'mj2'],
    durationMs: 12_400,
    startMs: -21,
    bitsPerSecond: 8_000_123,
    streams: [
      {
        index: 0,
        kind: 'video',
        codec: 'h264',
        profile: 'High',
        level: 42,
        pixelFormat: 'yuv420p',
        width: 1920,
        height: 1080,
        pixelAspect: 4 / 3,
        rotationDegrees: 90,
        framesPerSecond: 30_000 / 1_001,
        gridFramesPerSecond: 30,
        colorTransfer: 'smpte2084',
        colorPrimaries: 'bt2020',
        colorSpace: 'bt2020nc',
        colorRange: 'tv',
        fieldOrder: 'tt',
        channels: 0,
        sampleRate: 0,
        frames: 370,
        startMs: -21,
        durationMs: 12_346,
        attachedPicture: false,
      },
      {
        index: 1,
        kind: 'audio',
        codec: 'aac',
        profile: 'LC',
        level: 0,
        pixelFormat: '',
        width: 0,
        height: 0,
        pixelAspect: 1,
        rotationDegrees: 0,
        framesPerSecond: 0,
        gridFramesPerSecond: 0,
        colorTransfer: '',
        colorPrimaries: '',
        colorSpace: '',
        colorRange: '',
        fieldOrder: '',
        channels: 2,
        sampleRate: 44_100,
        frames: 0,
        startMs: 20,
        durationMs: 12_300,
        attachedPicture: false,
      },
    ],
  });
});

it.each([
  [{ side_data_list: [{ rotation: -90 }] }, 90],
  [{ side_data_list: [{ rotation: 90 }] }, 270],
  [{ side_data_list: [{ rotation: 180 }] }, 180],
  [{ side_data_list: [{ rotation: -89.6 }] }, 90],
  [{ side_data_list: [{ rotation: -80 }] }, 0],
  [{ side_data_list: [{ rotation: 45 }] }, 0],
  [{ side_data_list: [{ rotation: 720 }] }, 0],
  [{ side_data_list: [{ rotation: -90 }], tags: { rotate: '270' } }, 90],
  [{ side_data_list: 'x', tags: { rotate: '270' } }, 270],
  [{ tags: { rotate: '90' } }, 90],
  [{ tags: { rotate: '-90' } }, 270],
  [{ tags: { rotate: 'up' } }, 0],
  [{}, 0],
])('reads the rotation of %j as %i degrees clockwise', (stream, degrees) => {
  expect(streamOf(stream)?.rotationDegrees).toBe(degrees);
});

it.each(['0/0', '1/0', '-25/1', 'N/A', '', '25', '/', 'NaN/1', '1/Infinity'])('knows no frame rate in %j', (rate) => {
  expect(streamOf({ avg_frame_rate: rate })?.framesPerSecond).toBe(0);
});

it.each(['N/A', '-1', '', '0', 'Infinity', '1e999', null, 12])('knows no duration in %j', (duration) => {
  expect(report({ streams: [], format: { duration } })?.durationMs).toBe(0);
});

it('does not mind what an old ffprobe leaves out', () => {
  const stream = streamOf({ index: 0, codec_type: 'video', codec_name: 'h264', width: 64, height: 48, level: -99 });
  expect(stream).toMatchObject({
    level: 0,
    pixelAspect: 1,
    gridFramesPerSecond: 0,
    channels: 0,
    startMs: 0,
    frames: 0,
  });
  expect(report({ streams: [] })).toMatchObject({ durationMs: 0, startMs: 0, bitsPerSecond: 0 });
});

it.each(['0:1', 'N/A', '1:0', '', '4/3', '-1:1'])('takes pixels of %j for square', (aspect) => {
  expect(streamOf({ sample_aspect_ratio: aspect })?.pixelAspect).toBe(1);
});

it.each(['', 'x', 'null', '[]', '1', '"streams"', '{}', '{"streams": {}}', '{"streams": null}', '{"streams": ['])(
  'takes %j for no report',
  (text) => {
    expect(readProbeReport(text)).toBeUndefined();
  },
);

it('never throws, whatever the report is, nor does the judgement of it', () => {
  const anyStream = fc.record(
    {
      index: fc.anything(),
      codec_type: fc.oneof(fc.constantFrom('video', 'audio', 'data'), fc.anything()),
      codec_name: fc.oneof(fc.constantFrom('h264', 'hevc', 'png'), fc.anything()),
      width: fc.oneof(fc.integer(), fc.anything()),
      height: fc.oneof(fc.integer(), fc.anything()),
      duration: fc.oneof(fc.double().map(String), fc.anything()),
      avg_frame_rate: fc.oneof(fc.string(), fc.anything()),
      r_frame_rate: fc.oneof(fc.string(), fc.anything()),
      sample_aspect_ratio: fc.oneof(fc.constantFrom('4:3', '1:100', '9999999:1'), fc.anything()),
      start_time: fc.oneof(fc.double().map(String), fc.anything()),
      level: fc.oneof(fc.integer(), fc.anything()),
      channels: fc.oneof(fc.integer(), fc.anything()),
      sample_rate: fc.oneof(fc.integer().map(String), fc.anything()),
      nb_frames: fc.oneof(fc.integer().map(String), fc.anything()),
      color_transfer: fc.oneof(fc.constantFrom('smpte2084', 'arib-std-b67'), fc.anything()),
      field_order: fc.anything(),
      disposition: fc.anything(),
      tags: fc.anything(),
      side_data_list: fc.oneof(fc.array(fc.anything()), fc.anything()),
    },
    { requiredKeys: [] },
  );
  const anyReport = fc.oneof(
    fc.record({ streams: fc.array(fc.oneof(anyStream, fc.jsonValue())), format: fc.jsonValue() }),
    fc.jsonValue(),
  );
  const limits = { maxDurationMs: 600_000, maxPixels: 8_294_400 };
  fc.assert(
    fc.property(anyReport, (value) => {
      const read = readProbeReport(
        JSON.stringify(value, (_key, one) => (typeof one === 'bigint' ? String(one) : one)) ?? '',
      );
      const verdict = judgeVideo(read, limits);
      if (read === undefined) expect(verdict.kind).toBe('refused');
      for (const stream of read?.streams ?? []) {
        const { index, width, height, level, channels, sampleRate, frames } = stream;
        for (const number of [index, width, height, level, channels, sampleRate, frames]) {
          expect(Number.isSafeInteger(number) && number >= 0).toBe(true);
        }
        for (const number of [stream.framesPerSecond, stream.gridFramesPerSecond, stream.pixelAspect]) {
          expect(Number.isFinite(number) && number >= 0).toBe(true);
        }
        expect(Number.isSafeInteger(stream.startMs) && stream.pixelAspect > 0).toBe(true);
        // Too long for a number of milliseconds is too long to be accepted.
        expect(stream.durationMs).toBeGreaterThanOrEqual(0);
        expect([0, 90, 180, 270]).toContain(stream.rotationDegrees);
      }
    }),
    { numRuns: 300 },
  );
  fc.assert(fc.property(fc.string(), (text) => judgeVideo(readProbeReport(text), limits).kind === 'refused'));
});

it('asks ffprobe to open nothing but the file, with known containers only', () => {
  const args = probeArguments('/data/-i evil; $(x).mp4');
  expect(args.at(-1)).toBe('file:/data/-i evil; $(x).mp4');
  const after = (option: string) => args[args.indexOf(option) + 1];
  expect(after('-protocol_whitelist')).toBe('file');
  expect(after('-format_whitelist')).toBe(demuxers);
  expect(after('-codec_whitelist')).toBe(probedDecoders);
  for (const playlist of ['hls', 'concat', 'dash', 'image2', 'lavfi', 'tty', 'sdp', 'rtsp', 'srt', 'ass']) {
    expect(demuxers.split(',')).not.toContain(playlist);
  }
});
