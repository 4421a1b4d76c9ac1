import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { ToolLimits, ToolResult, Transcoder, TranscoderCapabilities } from '../ports/index.ts';
import { readCapabilities } from './ffmpeg-capabilities.ts';
import { firstThatRuns, type Where } from './ffmpeg-programs.ts';
import { detectGuards, guardFailed } from './tool-guard.ts';
import { lowerPriority } from './tool-priority.ts';
import { supervise } from './tool-run.ts';

const versionTimeoutMs = 10_000;

/** Nothing of the server's own. Without the bound glibc reserves 64 MiB of addresses for many threads each. */
const toolEnvironment = { PATH: '/usr/local/bin:/usr/bin:/bin', MALLOC_ARENA_MAX: '2' };

type Options = Where & {
  /** Of background tools. `idle`, if nothing is said: only when nobody else wants the processor. `normal`: as everybody else. */
  readonly mediaPriority?: 'idle' | 'normal';
};

/**
 * Runs ffmpeg and ffprobe as child processes: `FFMPEG_PATH`, else the system's, else the builds that npm brings along.
 * Rejects with a message for the operator if none of them runs.
 */
export async function createFfmpegTranscoder(options: Options): Promise<Transcoder> {
  const children = new Set<ChildProcess>();
  const guards = await detectGuards(options.searchPath);
  const idle = options.mediaPriority !== 'normal';
  const run = async (program: string, args: readonly string[], limits: ToolLimits): Promise<ToolResult> => {
    const background = idle && limits.background === true;
    const command = guards.command(program, args, { ...limits, background });
    const child = spawn(command.program, command.args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: toolEnvironment,
      // In a group of its own: Ctrl-C signals the whole group of the server, which decides for its tools itself.
      detached: process.platform !== 'win32',
    });
    children.add(child);
    if (background) lowerPriority(child);
    try {
      const result = await supervise(child, limits);
      if (result.exitCode !== 0 && guardFailed.test(result.stderrTail)) {
        throw new Error(`${program} could not be started: ${result.stderrTail}`);
      }
      return result;
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
  const info = { ...(await firstThatRuns(options, versionOf)), guards: guards.on };
  let capabilities: Promise<TranscoderCapabilities> | undefined;
  return {
    info,
    capabilities: () => {
      // Two runs of ffmpeg, which a start does not wait for.
      capabilities ??= readCapabilities((args, limits) => run(info.ffmpeg, args, limits)).catch((error: unknown) => {
        capabilities = undefined;
        throw error;
      });
      return capabilities;
    },
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
