/** Which ffmpeg and ffprobe are run: those that are configured, else the system's, else the builds that npm brings along. */
import { accessSync, chmodSync, constants } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { TranscoderInfo } from '../ports/index.ts';

export type Programs = Pick<TranscoderInfo, 'ffmpeg' | 'ffprobe' | 'source' | 'version'>;

export type Where = {
  /** The ffmpeg that was asked for. */
  readonly ffmpegPath: string | undefined;
  /** Absolute folders of the system's programs. */
  readonly searchPath: readonly string[];
};

/** The first pair of which both run; rejects with a message for the operator if none does. */
export async function firstThatRuns(
  { ffmpegPath: configured, searchPath }: Where,
  versionOf: (program: string) => Promise<string | undefined>,
): Promise<Programs> {
  const bundledFfprobe = bundled('@ffprobe-installer');
  const systemFfprobe = findProgram('ffprobe', searchPath);
  if (configured !== undefined) {
    const version = await versionOf(configured);
    if (version === undefined)
      throw new Error(`FFMPEG_PATH: ${configured} is not an ffmpeg that runs on this computer`);
    const beside = [join(dirname(configured), 'ffprobe'), systemFfprobe, bundledFfprobe];
    for (const ffprobe of beside) {
      if (ffprobe !== undefined && (await versionOf(ffprobe)) !== undefined) {
        return { ffmpeg: configured, ffprobe, source: 'configured', version };
      }
    }
    throw new Error(`FFMPEG_PATH: there is no ffprobe beside ${configured}, nor elsewhere on this computer`);
  }
  const candidates: Omit<Programs, 'version'>[] = [];
  const systemFfmpeg = findProgram('ffmpeg', searchPath);
  if (systemFfmpeg !== undefined && systemFfprobe !== undefined) {
    candidates.push({ ffmpeg: systemFfmpeg, ffprobe: systemFfprobe, source: 'system' });
  }
  const bundledFfmpeg = bundled('@ffmpeg-installer');
  if (bundledFfmpeg !== undefined && bundledFfprobe !== undefined) {
    candidates.push({ ffmpeg: bundledFfmpeg, ffprobe: bundledFfprobe, source: 'bundled' });
  }
  for (const programs of candidates) {
    const version = await versionOf(programs.ffmpeg);
    if (version !== undefined && (await versionOf(programs.ffprobe)) !== undefined) return { ...programs, version };
  }
  throw new Error('FFMPEG_PATH: no ffmpeg was found. Install ffmpeg, or set FFMPEG_PATH to one.');
}

const fileName = (program: string): string => (process.platform === 'win32' ? `${program}.exe` : program);

/** The absolute path of a program in the first of the folders that has it. */
export function findProgram(program: string, folders: readonly string[]): string | undefined {
  return folders
    .map((folder) => join(folder, fileName(program)))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** The binary that an installer package carries for this platform, made executable where npm did not do it. */
function bundled(scope: '@ffmpeg-installer' | '@ffprobe-installer'): string | undefined {
  const program = scope === '@ffmpeg-installer' ? 'ffmpeg' : 'ffprobe';
  const require = createRequire(import.meta.url);
  try {
    const manifest = require.resolve(`${scope}/${process.platform}-${process.arch}/package.json`);
    const path = join(dirname(manifest), fileName(program));
    try {
      accessSync(path, constants.X_OK);
    } catch {
      chmodSync(path, 0o755);
    }
    return path;
  } catch {
    return undefined;
  }
}
