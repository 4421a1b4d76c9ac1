import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, chmodSync, constants } from 'node:fs';
import { createRequire } from 'node:module';
import { setPriority } from 'node:os';
import { dirname, join } from 'node:path';
import type { ToolEnd, ToolLimits, ToolResult, Transcoder, TranscoderInfo } from '../ports/index.ts';

const stderrTailBytes = 4 * 1024;
const lowestPriority = 19;
const versionTimeoutMs = 10_000;
const longestLineBytes = 4 * 1024;

type Programs = Pick<TranscoderInfo, 'ffmpeg' | 'ffprobe' | 'source'>;

type Where = {
  /** The ffmpeg that was asked for. */
  readonly ffmpegPath: string | undefined;
  /** Absolute folders of the system's programs. */
  readonly searchPath: readonly string[];
};

/**
 * Runs ffmpeg and ffprobe as child processes: `FFMPEG_PATH`, else the system's, else the builds that npm brings along.
 * Rejects with a message for the operator if none of them runs.
 */
export async function createFfmpegTranscoder(options: Where): Promise<Transcoder> {
  const children = new Set<ChildProcess>();
  const run = async (program: string, args: readonly string[], limits: ToolLimits): Promise<ToolResult> => {
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: '/usr/local/bin:/usr/bin:/bin' },
      // In a group of its own: Ctrl-C and systemd signal the whole group of the server, which decides for its tools itself.
      detached: process.platform !== 'win32',
    });
    children.add(child);
    try {
      return await supervise(child, limits);
    } finally {
      children.delete(child);
    }
  };
  const versionOf = async (program: string): Promise<string | undefined> => {
    try {
      const result = await run(program, ['-version'], { timeoutMs: versionTimeoutMs, maxOutputBytes: 64 * 1024 });
      if (result.exitCode !== 0) return undefined;
      return /^ff(?:mpeg|probe) version (\S+)/.exec(result.stdout.toString('utf8'))?.[1];
    } catch {
      return undefined;
    }
  };
  const info = await firstThatRuns(options, versionOf);
  return {
    info,
    run: (tool, args, limits) => run(info[tool], args, limits),
    close: async () => {
      await Promise.all(
        [...children].map(async (child) => {
          const gone = child.exitCode === null && child.signalCode === null ? once(child, 'close') : undefined;
          child.kill('SIGKILL');
          await gone;
        }),
      );
    },
  };
}

async function firstThatRuns(
  { ffmpegPath: configured, searchPath }: Where,
  versionOf: (program: string) => Promise<string | undefined>,
): Promise<TranscoderInfo> {
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
  const candidates: Programs[] = [];
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

function findProgram(program: string, folders: readonly string[]): string | undefined {
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

async function supervise(child: ChildProcess, limits: ToolLimits): Promise<ToolResult> {
  let end: ToolEnd = 'exit';
  const kill = (why: ToolEnd): void => {
    if (end === 'exit') end = why;
    child.kill('SIGKILL');
  };
  const onAbort = (): void => kill('aborted');
  const timer = setTimeout(() => kill('timeout'), limits.timeoutMs);
  const output: Buffer[] = [];
  let outputBytes = 0;
  let stderr = Buffer.alloc(0);
  let line = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    outputBytes += chunk.length;
    if (outputBytes > limits.maxOutputBytes) {
      kill('output-limit');
      return;
    }
    if (limits.onLine === undefined) {
      output.push(chunk);
      return;
    }
    const lines = (line + chunk.toString('utf8')).split('\n');
    line = (lines.pop() ?? '').slice(-longestLineBytes);
    for (const one of lines) limits.onLine(one);
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr = Buffer.concat([stderr, chunk]).subarray(-stderrTailBytes);
  });
  try {
    const closed = once(child, 'close');
    if (limits.signal?.aborted === true) onAbort();
    limits.signal?.addEventListener('abort', onAbort, { once: true });
    if (limits.background === true && child.pid !== undefined) lowerPriority(child.pid);
    // Rejects if the program could not be started.
    await closed;
    return {
      end,
      exitCode: end === 'exit' ? child.exitCode : null,
      stdout: Buffer.concat(output),
      stderrTail: stderr.toString('utf8'),
    };
  } finally {
    clearTimeout(timer);
    limits.signal?.removeEventListener('abort', onAbort);
  }
}

function lowerPriority(pid: number): void {
  try {
    setPriority(pid, lowestPriority);
  } catch {
    // It has ended already, or the system does not allow it: the work is done all the same.
  }
}
