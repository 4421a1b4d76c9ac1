/** A real video of a wanted size, made by ffmpeg's own generators. */
import { once } from 'node:events';
import { appendFileSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import type { Resources } from './resources.ts';

const encodeTimeoutMs = 180_000;
const bitsPerSecond = 40_000_000;
const frame = { width: 720, height: 1_280, perSecond: 30 };
/** The encoder aims a little lower, since it does not hit a size exactly; the rest is filled up. */
const aim = 0.93;
const boxHeaderBytes = 8;

/**
 * Makes an MP4 (H.264 and AAC, a moving test picture under noise, which compresses badly, and a tone) of exactly `sizeBytes`.
 * The encoder brings it close to that; what is missing is a `free` box at the end, which players skip.
 */
export async function makeClip(resources: Resources, ffmpeg: string, sizeBytes: number): Promise<string> {
  const path = join(resources.folder('clip'), 'clip.mp4');
  const seconds = ((sizeBytes * aim * 8) / bitsPerSecond).toFixed(2);
  const { width, height, perSecond } = frame;
  const rate = String(bitsPerSecond);
  const child = resources.spawn(
    ffmpeg,
    [
      ...['-hide_banner', '-nostdin', '-v', 'error', '-y'],
      ...['-f', 'lavfi', '-i', `testsrc2=size=${width}x${height}:rate=${perSecond},noise=alls=30:allf=t`],
      ...['-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=44100'],
      ...['-t', seconds, '-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-g', String(perSecond)],
      ...[
        '-b:v',
        rate,
        '-minrate',
        rate,
        '-maxrate',
        rate,
        '-bufsize',
        String(bitsPerSecond / 4),
        '-x264-params',
        'nal-hrd=cbr',
      ],
      ...['-c:a', 'aac', '-b:a', '128k', path],
    ],
    { stdio: ['ignore', 'ignore', 'inherit'], timeout: encodeTimeoutMs, killSignal: 'SIGKILL' },
  );
  const [exitCode] = await once(child, 'exit');
  if (exitCode !== 0) throw new Error(`ffmpeg made no clip (${exitCode ?? 'killed'})`);
  fillUp(path, sizeBytes);
  return path;
}

/** Makes an MP4 of `seconds` whose pictures (MPEG-4 Part 2, full HD upright) browsers do not play, so that it has to be converted. */
export async function makeForeignClip(resources: Resources, ffmpeg: string, seconds: number): Promise<string> {
  const path = join(resources.folder('clip'), 'foreign.mp4');
  const source = `testsrc2=size=1080x1920:rate=30:duration=${seconds},noise=alls=10:allf=t`;
  const child = resources.spawn(
    ffmpeg,
    ['-hide_banner', '-nostdin', '-v', 'error', '-f', 'lavfi', '-i', source, '-c:v', 'mpeg4', '-q:v', '4', path],
    { stdio: ['ignore', 'ignore', 'inherit'], timeout: encodeTimeoutMs, killSignal: 'SIGKILL' },
  );
  const [exitCode] = await once(child, 'exit');
  if (exitCode !== 0) throw new Error(`ffmpeg made no clip (${exitCode ?? 'killed'})`);
  return path;
}

/** Makes an MP4 longer by a `free` box of zeros, which takes no room on a file system that knows holes. */
export function fillUp(path: string, sizeBytes: number): void {
  const missing = sizeBytes - statSync(path).size;
  if (missing < boxHeaderBytes) throw new Error(`the clip is ${-missing} bytes larger than wanted`);
  const header = Buffer.alloc(boxHeaderBytes);
  header.writeUInt32BE(missing, 0);
  header.write('free', 4, 'latin1');
  appendFileSync(path, header);
  truncateSync(path, sizeBytes);
}
