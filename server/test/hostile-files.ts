/** Files that somebody may send instead of a video, each with what is to become of it. */
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import {
  box,
  changed,
  contentOf,
  element,
  fileType,
  manyMatroskaTracks,
  manyTracks,
  manyTransportStreams,
  movieHeader,
  seeded,
  u32,
} from './forge.ts';
import { decoderFiles } from './hostile-decoders.ts';
import { madeByFfmpeg, makeClip, pictures } from './hostile-encodes.ts';
import { accepted, either, evil, type HostileFile, refused, type Surroundings } from './hostile-file.ts';
import { references } from './hostile-references.ts';
import { someVideo } from './server.ts';

const mebibyte = 1024 * 1024;

export async function hostileFiles(around: Surroundings): Promise<HostileFile[]> {
  const clip = await makeClip(around);
  return [
    ...notMedia(clip),
    ...references(clip, around),
    ...truncated(),
    ...lyingBoxes(clip),
    ...excessive(clip),
    ...names(around),
    ...bitFlips(clip),
    ...(await decoderFiles(clip, around)),
    ...(await pictures()),
    ...(await madeByFfmpeg(around)),
  ];
}

function notMedia(clip: Buffer): HostileFile[] {
  const random = seeded(99);
  const noise = Buffer.from(Array.from({ length: 60_000 }, () => random(256)));
  const zeros = Buffer.alloc(8 * mebibyte);
  return [
    refused('empty', ''),
    refused('one byte', 'x'),
    refused('text', 'This is not a video.\n'.repeat(500)),
    refused('HTML', evil),
    refused('noise', noise),
    refused('noise after a type', Buffer.concat([fileType, noise])),
    refused('noise in a movie box', Buffer.concat([fileType, box('moov', noise)])),
    refused('noise in a RIFF', Buffer.concat([Buffer.from('RIFF\xff\xff\xff\x7fAVI LIST', 'latin1'), noise])),
    refused('noise in an Ogg', Buffer.concat([Buffer.from('OggS\0\x02', 'latin1'), noise])),
    refused('noise in an FLV', Buffer.concat([Buffer.from('FLV\x01\x05\0\0\0\x09\0\0\0\0', 'latin1'), noise])),
    refused('noise in a Matroska', element(0x1a45dfa3, noise)),
    refused('a ZIP', zip('video.mp4', clip)),
    refused('a ZIP bomb', zip('video.mp4', zeros)),
    refused('a gzip bomb', gzipSync(zeros)),
  ];
}

function truncated(): HostileFile[] {
  const cuts = [8, 40, 5_000, 9_000, Math.floor(someVideo.length / 2), someVideo.length - 1];
  return cuts.map((bytes) => refused(`the first ${bytes} bytes of a video`, someVideo.subarray(0, bytes)));
}

function lyingBoxes(clip: Buffer): HostileFile[] {
  const numbersIn = (type: string, at: number, value: number, nth = 0): Buffer =>
    changed(clip, (copy) => contentOf(copy, type, nth).writeUInt32BE(value, at));
  let nested = box('udta');
  for (let depth = 0; depth < 4_000; depth += 1) nested = box('moov', nested);
  const huge = Buffer.concat([u32(1), Buffer.from('free'), Buffer.from('7fffffffffffffff', 'hex')]);
  return [
    ...[0, 1, 7].map((size) =>
      refused(`a box of size ${size}`, Buffer.concat([fileType, u32(size), Buffer.from('moov')])),
    ),
    refused('boxes of size 0 without end', Buffer.concat([fileType, Buffer.alloc(8 * 10_000)])),
    refused('a box of nearly 2^63 bytes', Buffer.concat([fileType, huge, clip])),
    refused('boxes in boxes', Buffer.concat([fileType, nested])),
    refused(
      'a size that ends beyond the file',
      changed(clip, (copy) => copy.writeUInt32BE(0x7fffffff, clip.indexOf('mdat') - 4)),
    ),
    either('more samples than bytes', numbersIn('stsz', 8, 0x0fffffff)),
    either('more moments than bytes', numbersIn('stts', 4, 0x0fffffff)),
    either('more chunks than bytes', numbersIn('stco', 4, 0x0fffffff)),
    either(
      'chunks beyond the file',
      changed(clip, (copy) => contentOf(copy, 'stco').fill(0xff, 8)),
    ),
    either(
      'samples of no size',
      changed(clip, (copy) => contentOf(copy, 'stsz').fill(0, 12)),
    ),
    either('a time scale of 0', numbersIn('mdhd', 12, 0)),
    either('a time scale below 0', numbersIn('mdhd', 12, 0xffffffff)),
    either('a movie with a time scale of 0', numbersIn('mvhd', 12, 0)),
    either(
      'no duration',
      changed(clip, (copy) => ['mvhd', 'mdhd'].map((type) => contentOf(copy, type).writeUInt32BE(0, 16))),
    ),
    either(
      'moments of no length',
      changed(clip, (copy) => contentOf(copy, 'stts').fill(0, 8)),
    ),
    refused('a duration of centuries', numbersIn('mvhd', 16, 0xfffffffe)),
    either('frames that last for days', numbersIn('stts', 12, 0x7ffffff0)),
    either(
      'a picture of 65535 × 65535 in its track',
      changed(clip, (copy) => contentOf(copy, 'tkhd').fill(0xff, 76, 84)),
    ),
    either(
      'a picture of 65535 × 65535 in its format',
      changed(clip, (copy) => contentOf(copy, 'avc1').fill(0xff, 24, 28)),
    ),
    either(
      'a picture of 0 × 0 in its format',
      changed(clip, (copy) => contentOf(copy, 'avc1').fill(0, 24, 28)),
    ),
  ];
}

function excessive(clip: Buffer): HostileFile[] {
  const compressed = (bytes: Buffer, announced: number): Buffer =>
    Buffer.concat([
      fileType,
      box('moov', box('cmov', box('dcom', Buffer.from('zlib')), box('cmvd', u32(announced), deflateSync(bytes)))),
    ]);
  const note = box('\xa9nam', Buffer.from([0, 4, 0, 0]), Buffer.from('name'));
  const notes = (count: number): Buffer => box('udta', Buffer.concat(Array.from({ length: count }, () => note)));
  return [
    refused('10 000 tracks', manyTracks(10_000)),
    refused('10 000 tracks of Matroska', manyMatroskaTracks(10_000)),
    refused('8 000 streams of MPEG-TS', manyTransportStreams(40)),
    refused('a compressed index that is a bomb', compressed(Buffer.alloc(32 * mebibyte), 32 * mebibyte)),
    refused('a compressed index of 2 GB', compressed(Buffer.alloc(mebibyte), 0x7fffffff)),
    refused('nothing but notes', Buffer.concat([fileType, box('moov', movieHeader, notes(200_000))])),
    accepted('a video with megabytes of notes', Buffer.concat([clip, box('free', Buffer.alloc(8 * mebibyte, 'x'))])),
    accepted('a video that is a page as well', Buffer.concat([clip, box('free', Buffer.from(evil))]), 'page.html'),
  ];
}

/** Names of files mean nothing. */
function names({ secretPath, port }: Surroundings): HostileFile[] {
  const spellings = [
    ...['%03d.png', '../../../../etc/passwd', 'concat:a|b', 'a\0.html', 'pipe:0', 'data:video/mp4;base64,AAAA'],
    ...[`subfile,,start,0,end,0,,:${secretPath}`, `http://127.0.0.1:${port}/video.mp4`, '-i /dev/zero -y a.mp4'],
  ];
  return spellings.map((fileName) => refused(`text named ${fileName.slice(0, 30)}`, 'nothing', fileName));
}

function bitFlips(clip: Buffer): HostileFile[] {
  return Array.from({ length: 20 }, (_, seed) => {
    const random = seeded(seed);
    // Mostly in the index, where each number matters.
    const within = seed % 4 === 3 ? clip.length : clip.indexOf('mdat');
    return either(
      `a video with flipped bits, seed ${seed}`,
      changed(clip, (copy) => {
        for (let flip = 0; flip < 12; flip += 1) {
          const at = random(within);
          copy[at] = (copy[at] ?? 0) ^ (1 << random(8));
        }
      }),
    );
  });
}

/** An archive with one file, deflated; without its directory at the end, as a stream would be. */
function zip(name: string, content: Buffer): Buffer {
  const packed = deflateRawSync(content);
  const head = Buffer.alloc(30);
  head.writeUInt32LE(0x04034b50, 0);
  head.writeUInt16LE(20, 4);
  head.writeUInt16LE(8, 8);
  head.writeUInt32LE(packed.length, 18);
  head.writeUInt32LE(content.length, 22);
  head.writeUInt16LE(name.length, 26);
  return Buffer.concat([head, Buffer.from(name), packed]);
}
