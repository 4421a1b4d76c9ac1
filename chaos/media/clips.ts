/** Two real clips of a second or two, made by the system's ffmpeg. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram, runProgram } from '../../engines/programs.ts';
import type { ClipKind } from './plan.ts';

const makeTimeoutMs = 60_000;

/** `whole` ones have three renditions; others one, which is made at once. */
export async function makeClips(folder: string, size: 'whole' | 'tiny'): Promise<Readonly<Record<ClipKind, Buffer>>> {
  const ffmpeg = findProgram('ffmpeg', 'ffmpeg');
  const [pixels, rate, seconds] = size === 'whole' ? ['600x720', 15, 2] : ['96x128', 10, 1];
  const make = async (name: string, codecs: readonly string[]): Promise<Buffer> => {
    const path = join(folder, name);
    const pictures = ['-f', 'lavfi', '-i', `testsrc2=size=${pixels}:rate=${rate}:duration=${seconds}`];
    const sound = ['-f', 'lavfi', '-i', `sine=frequency=440:duration=${seconds}`];
    await runProgram(ffmpeg, ['-v', 'error', ...pictures, ...sound, ...codecs, '-y', path], makeTimeoutMs);
    return readFileSync(path);
  };
  return {
    playable: await make('playable.mp4', ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p']),
    foreign: await make('foreign.mkv', ['-c:v', 'mpeg4', '-c:a', 'ac3']),
  };
}
