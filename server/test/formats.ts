/** Real files in the formats that phones, cameras, browsers and old computers write, made by few runs of ffmpeg. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { changed, contentOf } from './forge.ts';

/** Ten frames of 128 × 96, and a tone that lasts ten milliseconds longer. */
const source = ['-f', 'lavfi', '-i', 'testsrc2=size=128x96:rate=25:duration=0.4'];
const tone = ['-f', 'lavfi', '-i', 'sine=sample_rate=48000:duration=0.41'];
/** Colours that can be looked for afterwards. The grey, read as PQ, is as bright as a white screen: 100 candelas. */
const red = ['-f', 'lavfi', '-i', 'color=c=red:size=128x96:rate=25:duration=0.2'];
const grey = ['-f', 'lavfi', '-i', 'color=c=0x828282:size=128x96:rate=25:duration=0.2'];
const h264 = '-c:v libx264 -preset ultrafast -profile:v high -threads 1 -pix_fmt yuv420p';
const x265 = '-c:v libx265 -preset ultrafast -tag:v hvc1';
const quiet = 'log-level=none:pools=none:frame-threads=1';
const highRange = (transfer: string): string =>
  `${x265} -pix_fmt yuv420p10le -x265-params ${quiet}:colorprim=bt2020:transfer=${transfer}:colormatrix=bt2020nc -an`;
const vp9 = '-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -threads 1 -pix_fmt yuv420p';

/** File name → options of its encoders. All are made from the same pictures by one run. */
const encoded: Readonly<Record<string, string>> = {
  'plain.mp4': `${h264} -c:a aac`,
  'silent.mp4': `${h264} -an`,
  'mono.mov': `${h264} -c:a aac -ac 1`,
  'surround.mp4': `${h264} -c:a aac -ac 6`,
  'full-range.mp4': `${h264} -pix_fmt yuvj420p -an`,
  'ten-bits.mp4': '-c:v libx264 -preset ultrafast -threads 1 -pix_fmt yuv420p10le -an',
  'wide-pixels.mp4': `${h264} -vf setsar=4/3 -an`,
  'fast.mp4': `${h264} -vf fps=120 -an`,
  'one-frame.mp4': `${h264} -frames:v 1 -an`,
  'one-frame.webm': `${vp9} -frames:v 1 -an`,
  'interlaced.mp4': `${h264} -flags +ildct+ilme -x264-params tff=1 -an`,
  'irregular.mp4': `${h264} -vf select=not(mod(n\\,3))+lt(n\\,4) -vsync vfr -an`,
  'hevc.mov': `${x265} -x265-params ${quiet} -pix_fmt yuv420p -c:a aac`,
  'pq.mp4': highRange('smpte2084'),
  'hlg.mov': highRange('arib-std-b67'),
  'vp8.webm': '-c:v libvpx -deadline realtime -cpu-used 8 -pix_fmt yuv420p -c:a libvorbis',
  'vp9.webm': `${vp9} -c:a libopus`,
  'vp9.mp4': `${vp9} -c:a libopus`,
  'recorded.webm': `${vp9} -c:a libopus -live 1`,
  'odd.webm': `${vp9} -vf scale=75:53,setsar=1 -an`,
  'tall-pixels.webm': `${vp9} -vf setsar=1/2 -an`,
  'av1.mp4': '-c:v libaom-av1 -cpu-used 8 -usage realtime -threads 1 -pix_fmt yuv420p -c:a aac',
  'prores.mov': '-c:v prores_ks -profile:v 2 -pix_fmt yuv422p10le -c:a pcm_s16le',
  'mjpeg.avi': '-c:v mjpeg -vf scale=75:53,setsar=1 -pix_fmt yuvj420p -c:a pcm_s16le',
  'mpeg4.avi': '-c:v mpeg4 -c:a mp3',
  'phone.3gp': '-c:v h263 -c:a aac -ac 1 -ar 16000',
  'camcorder.ts': `${h264} -c:a aac`,
  'disc.mpg': '-c:v mpeg2video -flags +ildct+ilme -top 1 -c:a mp2',
  'flash.flv': '-c:v flv -c:a mp3 -ar 44100',
  'windows.wmv': '-c:v wmv2 -c:a wmav2',
  'theora.ogv': '-c:v libtheora -c:a libvorbis',
};

/** What is not decoded: a decoder of these is on no list. */
export const unlisted: Readonly<Record<string, string>> = {
  'cinepak.avi': '-c:v cinepak -an',
  'gif.mkv': '-c:v gif -an',
  'tta.mkv': `${h264} -c:a tta`,
};

/** The same for pictures of one colour. */
const coloured: Readonly<Record<string, string>> = {
  'red.mp4': `-map 2:v ${h264}`,
  'wide-red.mp4': `-map 2:v -vf scale=out_color_matrix=bt2020 ${x265} -pix_fmt yuv420p10le -x265-params ${quiet}:colorprim=bt2020:transfer=bt2020-10:colormatrix=bt2020nc`,
  'grey-pq.mp4': `-map 3:v ${highRange('smpte2084')}`,
};

/** File name → a file from which it is copied, the options before it and those after it. */
const copied: readonly (readonly [name: string, from: string, before: string, after: string])[] = [
  ['cut.mp4', 'plain.mp4', '-ss 0.2', '-c copy'],
  ['h264.mkv', 'plain.mp4', '', '-c copy'],
  ['subtitled.mp4', 'plain.mp4', '', '-i text.srt -map 0 -map 1 -c copy -c:s mov_text'],
  ['covered.mp4', 'plain.mp4', '', '-i cover.png -map 0 -map 1 -c copy -disposition:v:1 attached_pic'],
  ['late-pictures.mp4', 'plain.mp4', '-itsoffset 0.5 -i plain.mp4', '-map 0:v -map 1:a -c copy'],
  ['late-sound.mp4', 'plain.mp4', '-itsoffset 0.5 -i plain.mp4', '-map 0:a -map 1:v -c copy'],
];

/** Right angles, counted clockwise, as matrices in the header of a track (ISO/IEC 14496-12, 8.3.2): a, b, u, c, d, v. */
const turns: Readonly<Record<string, readonly number[]>> = {
  'turned-90': [0, 0x10000, 0, -0x10000, 0, 0],
  'turned-180': [-0x10000, 0, 0, 0, -0x10000, 0],
  'turned-270': [0, -0x10000, 0, 0x10000, 0, 0],
};

/** Makes all files in an empty folder, and resolves with the names of those that are taken. `ffmpeg` runs with arguments, and rejects if it fails. */
export async function makeFormats(
  folder: string,
  ffmpeg: (args: readonly string[]) => Promise<void>,
): Promise<readonly string[]> {
  const at = (name: string): string => join(folder, name);
  const words = (text: string): string[] => text.split(' ').filter((word) => word !== '');
  const outputs = Object.entries({ ...encoded, ...unlisted, ...coloured }).flatMap(([name, options]) => [
    ...words(`${name in coloured ? '' : '-map 0:v -map 1:a'} -strict experimental ${options}`),
    at(name),
  ]);
  await ffmpeg([...source, ...tone, ...red, ...grey, ...outputs, '-map', '2:v', '-frames:v', '1', at('cover.png')]);
  await writeFile(at('text.srt'), '1\n00:00:00,000 --> 00:00:00,300\nHello\n');
  const copies = copied.map(([name, from, before, after]) => {
    const placed = (text: string): string[] =>
      words(text).map((word) => (/^[a-z]+\.[a-z0-9]+$/.test(word) ? at(word) : word));
    return ffmpeg([...placed(before), '-i', at(from), ...placed(after), at(name)]);
  });
  await Promise.all(copies);

  const made: string[] = [];
  const write = async (name: string, content: Buffer): Promise<void> => {
    await writeFile(at(name), content);
    made.push(name);
  };
  const plain = await readFile(at('plain.mp4'));
  const wide = await readFile(at('wide-pixels.mp4'));
  const stream = await readFile(at('camcorder.ts'));
  for (const [name, matrix] of Object.entries(turns)) await write(`${name}.mp4`, turned(plain, matrix));
  await write('turned-wide-pixels.mp4', turned(wide, turns['turned-90'] ?? []));
  // The clock goes back to 0 in the middle.
  await write('joined.ts', Buffer.concat([stream, stream]));
  await write('hurried.mp4', changed(plain, hurried));
  await write('no-packets.mp4', changed(plain, withoutSound));
  return [...Object.keys(encoded), ...Object.keys(coloured), ...copied.map(([name]) => name), ...made];
}

/** Writes a matrix into the header of the first track, which is the one of the pictures. */
const turned = (file: Buffer, matrix: readonly number[]): Buffer =>
  changed(file, (copy) => {
    const header = contentOf(copy, 'tkhd');
    for (const [position, value] of matrix.entries()) header.writeInt32BE(value, 40 + position * 4);
  });

/** All frames within a thousandth of a second (ISO/IEC 14496-12, 8.6.1.2). */
function hurried(file: Buffer): void {
  contentOf(file, 'stts').writeUInt32BE(1, 12);
}

/** The second track says that it has no samples. */
function withoutSound(file: Buffer): void {
  for (const type of ['stts', 'stsc', 'stsz', 'stco']) {
    contentOf(file, type, 1).writeUInt32BE(0, type === 'stsz' ? 8 : 4);
  }
}
