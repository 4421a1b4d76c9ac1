/**
 * The ffmpeg and ffprobe that npm brings along, side by side, for tests that are not about media: they are single files without libraries, which
 * start in 5 ms and not in 70 ms of processor time, and each video is seven starts. What is about media takes the system's
 * ({@link systemTools}).
 */
import { mkdirSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** Settings of a server that takes the tools of the system, as an installation does. */
export const systemTools = { FFMPEG_PATH: '' } as const;

/** Settings of a server that takes the quick ones; on a platform for which npm has none, those of the system. */
export function quickTools(): Readonly<Record<string, string>> {
  const require = createRequire(import.meta.url);
  try {
    const own = (scope: string) =>
      dirname(require.resolve(`${scope}/${process.platform}-${process.arch}/package.json`));
    const ffmpeg = own('@ffmpeg-installer');
    const folder = join(dirname(dirname(ffmpeg)), '.cache', 'quick-tools');
    mkdirSync(folder, { recursive: true });
    link(join(ffmpeg, 'ffmpeg'), join(folder, 'ffmpeg'));
    link(join(own('@ffprobe-installer'), 'ffprobe'), join(folder, 'ffprobe'));
    return { FFMPEG_PATH: join(folder, 'ffmpeg') };
  } catch {
    return systemTools;
  }
}

function link(target: string, path: string): void {
  try {
    symlinkSync(target, path);
  } catch (error) {
    // Of another test that runs now, or of an earlier run.
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
}
