/** Real encodings that are still not what is asked for. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { changed } from './forge.ts';
import { accepted, evil, type HostileFile, refused, type Surroundings, unplayable } from './hostile-file.ts';

const tone = ['-f', 'lavfi', '-i', 'sine=duration=1'];
const bars = ['-f', 'lavfi', '-i', 'testsrc2=size=64x64:rate=10:duration=1'];

/** A second of a real video, so small that all the variants of it are soon looked at. */
export async function makeClip({ ffmpeg, folder }: Surroundings): Promise<Buffer> {
  const path = join(folder, 'clip.mp4');
  const codecs = ['-c:v', 'libx264', '-pix_fmt', 'yuv420p', '-c:a', 'aac', '-movflags', '+faststart'];
  await ffmpeg([...bars, ...tone, ...codecs, '-y', path]);
  return await readFile(path);
}

export async function pictures(): Promise<HostileFile[]> {
  const picture = sharp({ create: { width: 64, height: 64, channels: 3, background: '#336699' } });
  const frames = sharp(Buffer.alloc(64 * 64 * 3, 80), { raw: { width: 64, height: 64, channels: 3, pageHeight: 32 } });
  return [
    refused('a PNG', await picture.clone().png().toBuffer(), 'video.mp4'),
    refused('a JPEG', await picture.clone().jpeg().toBuffer(), 'video.mp4'),
    refused('an animated GIF', await frames.gif({ delay: [100, 100] }).toBuffer(), 'video.mp4'),
  ];
}

export async function madeByFfmpeg({ ffmpeg, folder }: Surroundings): Promise<HostileFile[]> {
  const at = (name: string): string => join(folder, name);
  const make = async (name: string, ...args: readonly string[]): Promise<Buffer> => {
    await ffmpeg([...args, '-y', at(name)]);
    return await readFile(at(name));
  };
  const song = await make('song.m4a', ...tone, '-c:a', 'aac');
  await make('cover.png', ...bars, '-frames:v', '1');
  const subtitles = Buffer.from('1\n00:00:00,000 --> 00:00:01,000\nHello\n');
  await Promise.all([writeFile(at('text.srt'), subtitles), writeFile(at('evil.html'), Buffer.from(evil))]);
  const photo = await make('photo.mkv', ...bars, '-c:v', 'mjpeg', '-frames:v', '5');
  return [
    refused('sound only', song),
    refused('sound only, MP3', await make('song.mp3', ...tone, '-c:a', 'mp3')),
    refused(
      'a song with a cover',
      await make(
        'cover.m4a',
        '-i',
        at('song.m4a'),
        '-i',
        at('cover.png'),
        '-map',
        '0',
        '-map',
        '1',
        '-c',
        'copy',
        '-disposition:v',
        'attached_pic',
      ),
    ),
    refused('subtitles only', await make('text.mkv', '-i', at('text.srt'))),
    refused('raw H.264', await make('raw.h264', ...bars, '-c:v', 'libx264')),
    accepted(
      'a Matroska with a page attached',
      await make(
        'attached.mkv',
        ...bars,
        '-attach',
        at('evil.html'),
        '-metadata:s:t',
        'mimetype=text/html',
        '-c:v',
        'libx264',
      ),
    ),
    unplayable('pictures of 65535 × 65535', changed(photo, enlarge)),
    refused(
      'pictures of 9000 × 16',
      await make('wide.mp4', '-f', 'lavfi', '-i', 'color=size=9000x16:rate=5:duration=1', '-c:v', 'libx264'),
    ),
    refused('a still PNG as a track', await make('png.mkv', '-i', at('cover.png'), '-c:v', 'copy')),
    refused('the first bytes of a Matroska', photo.subarray(0, 400)),
  ];
}

/** Says in the header of every JPEG within (the marker SOF0) that it is as large as a JPEG can be. */
function enlarge(file: Buffer): void {
  for (let at = file.indexOf('ffc00011', 0, 'hex'); at >= 0; at = file.indexOf('ffc00011', at + 1, 'hex'))
    file.fill(0xff, at + 5, at + 9);
}
