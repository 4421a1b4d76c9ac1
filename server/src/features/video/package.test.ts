/** Every file that is made from a video holds what its playlist, its name and its address claim. */
import { basename } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeClip, plainH264, topBoxes } from '../../../test/clips.ts';
import { peakBitsPerSecond } from '../../../test/hls.ts';
import {
  type FetchedPackage,
  fetchFile,
  fetchPackage,
  oneStream,
  packetsIn,
  streamsOf,
} from '../../../test/package-files.ts';
import { systemTools } from '../../../test/quick-tools.ts';
import { seedSettings, seedUser } from '../../../test/seed.ts';
import { numberOf, type Row, rowOf, startTestServer, type TestServer, textOf } from '../../../test/server.ts';
import { mediaFiles } from '../../../test/stored.ts';
import { readDerived } from '../../db/index.ts';
import { videoStore } from '../../store/index.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ ...seedSettings, ...systemTools });
});
afterAll(() => server.close());

const pattern = (size: string, rate: string, seconds: number): string[] => [
  ...['-f', 'lavfi', '-i', `testsrc2=size=${size}:rate=${rate}:duration=${seconds}`],
];
const tone = (seconds: number): string[] => ['-f', 'lavfi', '-i', `sine=frequency=440:duration=${seconds}`];

const clips = [
  {
    name: 'portrait with sound',
    extension: 'mp4',
    source: [...pattern('640x800', '25', 4), ...tone(4), ...plainH264, '-c:a', 'aac'],
    sizes: ['360x450', '540x674', '640x800'],
    rate: 25,
    seconds: 4,
    hasSound: true,
    compliant: true,
    coverWidths: [240, 480],
  },
  {
    name: 'silent',
    extension: 'mp4',
    source: [...pattern('250x300', '10', 3.1), ...plainH264],
    sizes: ['250x300'],
    rate: 10,
    seconds: 3.1,
    hasSound: false,
    compliant: true,
    coverWidths: [240],
  },
  {
    name: 'landscape, tiny, shorter than a segment, 29.97 pictures a second',
    extension: 'mp4',
    source: [...pattern('128x72', '30000/1001', 0.6), ...tone(0.6), ...plainH264, '-c:a', 'aac'],
    sizes: ['128x72'],
    rate: 29.97,
    seconds: 0.6,
    hasSound: true,
    compliant: true,
    coverWidths: [],
  },
  {
    name: 'WebM (VP9, Opus)',
    extension: 'webm',
    source: [
      ...[...pattern('96x64', '24', 2), ...tone(2)],
      ...['-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8', '-pix_fmt', 'yuv420p', '-c:a', 'libopus'],
    ],
    sizes: ['96x64'],
    // Matroska says nothing about a constant rate: it becomes one that screens show evenly.
    rate: 24,
    seconds: 2,
    hasSound: true,
    compliant: false,
    coverWidths: [],
  },
  {
    name: 'HEVC with 10 bits',
    extension: 'mov',
    source: [
      ...pattern('64x96', '10', 2),
      ...['-c:v', 'libx265', '-preset', 'ultrafast', '-x265-params', 'log-level=none', '-pix_fmt', 'yuv420p10le'],
    ],
    sizes: ['64x96'],
    rate: 10,
    seconds: 2,
    hasSound: false,
    compliant: false,
    coverWidths: [],
  },
] as const;

describe.each(clips)('$name', ({ extension, source, sizes, rate, seconds, hasSound, compliant, coverWidths }) => {
  let clip: Buffer;
  let video: Row;
  let made: FetchedPackage;
  /** Of one picture, and what rounding makes of it. */
  const frameSeconds = 1 / rate + 0.001;
  beforeAll(async () => {
    clip = await makeClip(server, extension, source);
    const id = await server.publish(await seedUser(server), 'A clip', clip);
    await server.context.jobs.processAll();
    video = rowOf(await server.call('video', { video_id: id }), 'video');
    made = await fetchPackage(server, video);
  });

  const tracks = () => [...made.renditions, ...(made.audio === undefined ? [] : [made.audio])];

  it('has a master playlist that says of each rendition what ffprobe finds in it', () => {
    expect(video['state']).toBe('ready');
    const resolutions = made.master.variants.map(({ attributes }) => attributes.get('RESOLUTION'));
    expect(resolutions.toSorted()).toEqual(sizes.toSorted());
    expect(made.audio !== undefined).toBe(hasSound);
    expect(made.master.media.map((one) => one.get('GROUP-ID'))).toEqual(hasSound ? ['audio'] : []);
    const soundPeak = made.audio === undefined ? 0 : peakBitsPerSecond(made.audio.playlist);
    for (const { variant, playlist, stream } of made.renditions) {
      const { attributes } = variant;
      const { codec_name, profile, pix_fmt, sample_aspect_ratio, width, height, level } = stream.fields;
      expect({ codec_name, profile, pix_fmt, sample_aspect_ratio }).toEqual({
        codec_name: 'h264',
        profile: 'High',
        pix_fmt: 'yuv420p',
        sample_aspect_ratio: '1:1',
      });
      expect(`${width}x${height}`).toBe(attributes.get('RESOLUTION'));
      const levelByte = Number(level).toString(16).padStart(2, '0');
      expect(attributes.get('CODECS')).toBe(`avc1.6400${levelByte}${hasSound ? ',mp4a.40.2' : ''}`);
      expect(Number(attributes.get('FRAME-RATE'))).toBeCloseTo(rate, 2);
      // One more where a container knows moments in whole milliseconds.
      expect(Math.abs(stream.decoded - Math.ceil(seconds * rate - 0.01))).toBeLessThanOrEqual(1);
      expect(stream.packets).toHaveLength(stream.decoded);
      // The playlist rounds its durations.
      const needed = (peakBitsPerSecond(playlist) + soundPeak) * 0.9999;
      expect(Number(attributes.get('BANDWIDTH'))).toBeGreaterThanOrEqual(needed);
      expect(Number(attributes.get('AVERAGE-BANDWIDTH'))).toBeLessThanOrEqual(Number(attributes.get('BANDWIDTH')));
      expect(attributes.get('AUDIO')).toBe(hasSound ? 'audio' : undefined);
    }
  });

  it('has playlists whose parts are the whole file, in order, and as long as the video', () => {
    for (const { playlist, file } of tracks()) {
      let end = playlist.map.sizeBytes;
      expect(playlist.map.offset).toBe(0);
      expect(topBoxes(file.subarray(0, end))).toEqual(['ftyp', 'moov']);
      for (const { offset, sizeBytes, seconds: lasts } of playlist.segments) {
        expect(offset).toBe(end);
        end += sizeBytes;
        expect(topBoxes(file.subarray(offset, end))).toEqual(['moof', 'mdat']);
        expect(Math.round(lasts)).toBeLessThanOrEqual(playlist.targetSeconds);
      }
      expect(end).toBe(file.length);
    }
    for (const { playlist } of made.renditions) {
      expect(Math.abs(playlist.seconds - seconds)).toBeLessThanOrEqual(frameSeconds);
      expect(Math.abs(playlist.seconds - numberOf(video, 'duration_ms') / 1000)).toBeLessThanOrEqual(frameSeconds);
      expect(playlist.segments[0]?.seconds).toBeLessThanOrEqual(1);
    }
    // Sound comes in pieces of 1,024 samples, the first of which the decoder only needs to begin with.
    if (made.audio !== undefined) expect(Math.abs(made.audio.playlist.seconds - seconds)).toBeLessThan(0.1);
  });

  it('has segments that begin with a picture that needs no other, at the same moments in all renditions', async () => {
    const starts = [];
    for (const { playlist, file, stream } of made.renditions) {
      let held = 0;
      for (const segment of playlist.segments) {
        const inside = packetsIn(stream.packets, segment);
        held += inside.length;
        expect(inside.map(({ isKey }) => isKey)).toEqual(inside.map((_, position) => position === 0));
        const shown = inside.map((packet) => packet.seconds);
        expect(shown[0]).toBe(Math.min(...shown));
        expect(Math.abs((shown[0] ?? Number.NaN) - segment.startSeconds)).toBeLessThan(0.001);
      }
      expect(held).toBe(stream.packets.length);
      starts.push(playlist.segments.map(({ startSeconds }) => startSeconds.toFixed(3)));
      // The last one is decoded without the others, whole.
      const last = playlist.segments.at(-1);
      if (last === undefined) throw new Error('a playlist without segments');
      const alone = [
        file.subarray(0, playlist.map.sizeBytes),
        file.subarray(last.offset, last.offset + last.sizeBytes),
      ];
      const { decoded } = oneStream(await streamsOf(server, Buffer.concat(alone)), 'video');
      expect(decoded).toBe(packetsIn(stream.packets, last).length);
    }
    for (const others of starts) expect(others).toEqual(starts[0]);
  });

  it('has sound in AAC that begins with the pictures, where it has sound', () => {
    for (const { playlist, stream } of made.audio === undefined ? [] : [made.audio]) {
      const { codec_name, profile, sample_rate, channels } = stream.fields;
      expect({ codec_name, profile, sample_rate }).toEqual({ codec_name: 'aac', profile: 'LC', sample_rate: '48000' });
      expect(String(channels)).toBe(made.master.media[0]?.get('CHANNELS'));
      const held = playlist.segments.reduce((sum, segment) => sum + packetsIn(stream.packets, segment).length, 0);
      expect(held).toBe(stream.packets.length);
      // What comes before 0 is dropped by who plays it.
      expect(stream.packets[0]?.seconds).toBeGreaterThan(-0.05);
      expect(stream.packets[0]?.seconds).toBeLessThanOrEqual(0);
    }
  });

  it('has an MP4 that starts fast, with pictures that were not encoded once more than needed', async () => {
    const { play, playStreams } = made;
    const boxes = topBoxes(play);
    expect(boxes.indexOf('moov')).toBeGreaterThan(0);
    expect(boxes.indexOf('moov')).toBeLessThan(boxes.indexOf('mdat'));
    expect(playStreams.map(({ kind }) => kind)).toEqual(hasSound ? ['video', 'audio'] : ['video']);
    const best = made.renditions.find(({ variant }) => variant.attributes.get('RESOLUTION') === sizes.at(-1));
    const from = compliant ? oneStream(await streamsOf(server, clip), 'video') : best?.stream;
    const pictures = oneStream(playStreams, 'video');
    expect(pictures.packets.map(({ hash }) => hash)).toEqual(from?.packets.map(({ hash }) => hash));
    expect(pictures.decoded).toBe(pictures.packets.length);
    expect(pictures.fields['codec_name']).toBe('h264');
    expect(Number(pictures.fields['start_time'])).toBe(0);
    expect(Math.abs(Number(pictures.fields['duration']) - seconds)).toBeLessThanOrEqual(frameSeconds);
    if (hasSound) expect(oneStream(playStreams, 'audio').fields['codec_name']).toBe('aac');
  });

  it('has covers, a preview and thumbnails as they are named', async () => {
    const covers = textOf(video, 'cover_srcset')
      .split(', ')
      .filter((entry) => entry !== '')
      .map((entry) => entry.split(' '));
    expect(covers.map(([, width]) => width)).toEqual(coverWidths.map((width) => `${width}w`));
    for (const [url = '', width] of covers) {
      const picture = await sharp(await fetchFile(server, url)).metadata();
      expect([picture.format, `${picture.width}w`]).toEqual(['webp', width]);
    }
    const preview = await sharp(await fetchFile(server, textOf(video, 'preview_url')), { animated: true }).metadata();
    expect(preview.format).toBe('webp');
    expect(preview.pages).toBeGreaterThan(1);
    expect(preview.loop).toBe(0);

    const vttUrl = textOf(video, 'thumbnails_url');
    const vtt = (await fetchFile(server, vttUrl)).toString();
    const cues = [...vtt.matchAll(/^(\S+) --> (\S+)\n(\S+)#xywh=(\d+),(\d+),(\d+),(\d+)$/gm)];
    expect(vtt.startsWith('WEBVTT\n')).toBe(true);
    expect(cues.length).toBe(Math.max(1, Math.round(seconds)));
    const sprite = await sharp(await fetchFile(server, new URL(cues[0]?.[3] ?? '', vttUrl).href)).metadata();
    expect(sprite.format).toBe('jpeg');
    const boxes = cues.map(([, , , , ...box]) => box.map(Number));
    expect(Math.max(...boxes.map(([x = 0, , width = 0]) => x + width))).toBe(sprite.width);
    expect(Math.max(...boxes.map(([, y = 0, , height = 0]) => y + height))).toBe(sprite.height);
    expect(new Set(boxes.map(([x, y]) => `${x},${y}`)).size).toBe(cues.length);
    const moments = cues.flatMap(([, from = '', to = '']) => [secondsOf(from), secondsOf(to)]);
    expect(moments[0]).toBe(0);
    for (let i = 1; i + 1 < moments.length; i += 2) expect(moments[i]).toBe(moments[i + 1]);
    expect(Math.abs((moments.at(-1) ?? 0) - seconds)).toBeLessThanOrEqual(frameSeconds);
  });

  it('has these files and no other', async () => {
    const id = numberOf(video, 'id');
    const [row] = await videoStore.findVideos(server.context.database.reader, [id]);
    const derived = readDerived(row?.derived ?? null);
    if (row === undefined || derived === null) throw new Error('the row says nothing about what was made');
    const inFolder = derived.files.map((name) => `${derived.folder}/${name}`);
    const named = [row.play_key, row.received_key, row.cover_key, ...inFolder].filter((key) => key !== null);
    const ours = (await mediaFiles(server)).filter((file) => file.includes(`${id}`));
    expect(ours.toSorted()).toEqual(named.toSorted());
    const fetched = tracks().flatMap(({ playlist }) => basename(playlist.map.uri));
    expect(derived.files).toEqual(expect.arrayContaining(fetched));
    expect(derived.renditions.map(String)).toEqual(
      sizes.map((size) => String(Math.min(...size.split('x').map(Number)))),
    );
  });
});

const secondsOf = (moment: string): number => moment.split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
