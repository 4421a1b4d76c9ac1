/** Where the files of one package are made: every path that was given out is staged or removed in the end. */
import { writeFile } from 'node:fs/promises';
import { DomainError } from '@tiktok-server/contract';
import { noRoom } from '../../media/index.ts';
import {
  type BlobStore,
  BlobStoreFullError,
  type StagedBlob,
  type ToolLimits,
  type ToolResult,
  type Transcoder,
} from '../../ports/index.ts';

/** Progress is some lines for each second that ffmpeg runs. */
const progressMaxBytes = 64 * 1024 * 1024;
const noOutputBytes = 64 * 1024;

export type RunLimits = Pick<ToolLimits, 'timeoutMs' | 'onLine' | 'maxFileBytes' | 'maxMemoryBytes'>;

export interface Workshop {
  /** A new path to write to; `extension` without its dot. */
  path(extension: string): string;
  /** Runs ffmpeg in the background; rejects unless it succeeds, with a {@link DomainError} if the file is to blame. */
  run(args: readonly string[], limits: RunLimits): Promise<ToolResult>;
  stage(path: string): Promise<StagedBlob>;
  write(text: string): Promise<StagedBlob>;
  /** Removes what was not promoted. */
  discard(): Promise<void>;
}

export function createWorkshop(
  { transcoder, blobs }: { readonly transcoder: Transcoder; readonly blobs: BlobStore },
  signal: AbortSignal,
): Workshop {
  const scratch = new Set<string>();
  const staged: StagedBlob[] = [];
  const newPath = (extension: string): string => {
    const path = blobs.scratchPath(extension);
    scratch.add(path);
    return path;
  };
  const stage = async (path: string): Promise<StagedBlob> => {
    const one = await blobs.adopt(path);
    scratch.delete(path);
    staged.push(one);
    return one;
  };
  return {
    path: newPath,
    run: async (args, limits) => {
      const maxOutputBytes = limits.onLine === undefined ? noOutputBytes : progressMaxBytes;
      const result = await transcoder.run('ffmpeg', args, { ...limits, maxOutputBytes, signal, background: true });
      requireSuccess(result, signal);
      return result;
    },
    stage,
    write: async (text: string): Promise<StagedBlob> => {
      const path = newPath('txt');
      await writeFile(path, text);
      return await stage(path);
    },
    discard: async (): Promise<void> => {
      for (const path of scratch) await blobs.discardScratch(path);
      for (const one of staged) await one.discard();
    },
  };
}

/** This computer does not do it in the time and memory that it may take; trying again would take as much. */
export class TooCostlyError extends Error {
  override readonly name = 'TooCostlyError';
}

/** How ffmpeg ends when a signal asked it to. */
const endedBySignal = 255;

/** Says what a failed run means: a {@link DomainError} if the file is to blame, another error if it need not be. */
function requireSuccess(result: ToolResult, signal: AbortSignal): void {
  signal.throwIfAborted();
  if (result.end === 'exit' && result.exitCode === 0) return;
  if (noRoom.test(result.stderrTail)) throw new BlobStoreFullError('ffmpeg found no room left');
  if (result.end === 'exit' && result.exitCode !== null && result.exitCode !== endedBySignal) {
    throw new DomainError('ErrNotVideo', { cause: result.stderrTail });
  }
  if (result.end === 'timeout' || result.end === 'memory' || result.end === 'file-limit') {
    throw new TooCostlyError(`ffmpeg ended by ${result.end}: ${result.stderrTail}`);
  }
  throw new Error(`ffmpeg ended by ${result.end}: ${result.stderrTail}`);
}
