/** Files that ask for decoders which nobody is to be given, or that lie to those which are. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { changed, contentOf, seeded } from './forge.ts';
import { either, type HostileFile, refused, type Surroundings } from './hostile-file.ts';

const source = [
  '-f',
  'lavfi',
  '-i',
  'testsrc2=size=64x64:rate=5:duration=0.4',
  '-f',
  'lavfi',
  '-i',
  'sine=duration=0.4',
];

/** File name → options of encoders whose counterparts are on no list. */
const unlisted: Readonly<Record<string, readonly string[]>> = {
  'cinepak.avi': ['-c:v', 'cinepak', '-an'],
  'gif.mkv': ['-c:v', 'gif', '-an'],
  'ffv1.mkv': ['-c:v', 'ffv1', '-an'],
  'animation.mov': ['-c:v', 'qtrle', '-an'],
  'raw.avi': ['-c:v', 'rawvideo', '-pix_fmt', 'yuv420p', '-an'],
  'tta.mkv': ['-c:v', 'mpeg4', '-c:a', 'tta'],
};

/** QuickTime's names of formats, in the place of H.264's. */
const otherNames = ['cvid', 'rpza', 'gif ', 'png ', 'jp2 ', 'smc ', '\0\0\0\0'];

export async function decoderFiles(clip: Buffer, { ffmpeg, folder }: Surroundings): Promise<HostileFile[]> {
  const at = (name: string): string => join(folder, name);
  const outputs = Object.entries(unlisted).flatMap(([name, options]) => [
    ...['-map', '0:v', '-map', '1:a', ...options],
    ...['-y', at(name)],
  ]);
  await writeFile(at('clip-plain.mp4'), clip);
  await writeFile(at('line.srt'), '1\n00:00:00,000 --> 00:00:01,000\nHello\n');
  await ffmpeg([...source, ...outputs, '-map', '0:v', '-frames:v', '1', '-y', at('front.png')]);
  const copies = ['-i', at('clip-plain.mp4'), '-i', at('line.srt'), '-i', at('front.png')];
  const tracks = ['-map', '0', '-map', '1', '-c', 'copy', '-c:s', 'mov_text', '-y', at('lines.mp4')];
  const covered = ['-map', '0', '-map', '2', '-c', 'copy', '-disposition:v:1', 'attached_pic', '-y', at('front.mp4')];
  const recorded = ['-map', '0:v', '-c:v', 'libvpx', '-deadline', 'realtime', '-y', at('whole.webm')];
  await ffmpeg([...copies, ...tracks, ...covered, ...recorded]);
  const [lines, front, webm] = await Promise.all(
    ['lines.mp4', 'front.mp4', 'whole.webm'].map((name) => readFile(at(name))),
  );
  if (lines === undefined || front === undefined || webm === undefined) throw new Error('ffmpeg made too little');
  const random = seeded(7);
  return [
    ...(await Promise.all(
      Object.keys(unlisted).map(async (name) =>
        refused(`in a format of no list, ${name}`, await readFile(at(name)), name),
      ),
    )),
    ...otherNames.map((name) =>
      refused(
        `H.264 that says it is ${JSON.stringify(name)}`,
        changed(clip, (copy) => copy.write(name, copy.indexOf('avc1', copy.indexOf('stsd')), 'latin1')),
      ),
    ),
    either(
      'subtitles described by noise',
      changed(lines, (copy) => {
        const described = contentOf(copy, 'tx3g');
        for (let position = 8; position < described.length; position += 1) described[position] = random(256);
      }),
    ),
    either(
      'a cover that says it is 65535 × 65535',
      changed(front, (copy) => copy.fill('0000ffff', copy.indexOf('IHDR') + 4, copy.indexOf('IHDR') + 12, 'hex')),
    ),
    refused('the first half of a WebM', webm.subarray(0, webm.length / 2), 'video.webm'),
  ];
}
