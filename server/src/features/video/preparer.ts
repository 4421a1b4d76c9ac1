import { DomainError } from '@tiktok-server/contract';
import { type AcceptedVideo, convertArguments, noRoom, remuxArguments } from '../../media/index.ts';
import {
  type BlobStore,
  BlobStoreFullError,
  type StagedBlob,
  type ToolResult,
  type Transcoder,
} from '../../ports/index.ts';

/** Makes the file that is played from the one that was received. */
export interface Preparer {
  /** Copies into a clean, fast-starting MP4. */
  remux(path: string, video: AcceptedVideo, signal: AbortSignal): Promise<StagedBlob>;
  /** Encodes anew; rejects with a {@link DomainError} if the file itself is to blame. */
  convert(path: string, video: AcceptedVideo, signal: AbortSignal): Promise<StagedBlob>;
}

/** This computer does not convert the video in the time that it has; trying again would take as long. */
export class TooSlowError extends Error {
  override readonly name = 'TooSlowError';
}

/** How ffmpeg ends when a signal asked it to. */
const endedBySignal = 255;

const remuxTimeoutMs = 10 * 60_000;
/** A conversion gets this much time for each second of video, beyond a first minute; one core is faster than that. */
const convertMsPerSecond = 10_000;
const convertFirstMs = 60_000;
const noOutputBytes = 64 * 1024;

export function createPreparer(deps: {
  readonly transcoder: Transcoder;
  readonly blobs: BlobStore;
  readonly limits: { readonly maxDurationMs: number; readonly maxBytes: number };
}): Preparer {
  const { transcoder, blobs, limits } = deps;

  async function make(
    arguments_: (output: string) => string[],
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<StagedBlob> {
    const output = blobs.scratchPath('mp4');
    try {
      const result = await transcoder.run('ffmpeg', arguments_(output), {
        timeoutMs,
        maxOutputBytes: noOutputBytes,
        signal,
        background: true,
      });
      requireSuccess(result, signal);
      return await blobs.adopt(output);
    } catch (error) {
      await blobs.discardScratch(output);
      throw error;
    }
  }

  return {
    remux: (path, video, signal) => make((output) => remuxArguments(path, output, video), remuxTimeoutMs, signal),
    convert: (path, video, signal) => {
      const seconds = (video.durationMs > 0 ? video.durationMs : limits.maxDurationMs) / 1000;
      const timeoutMs = convertFirstMs + seconds * convertMsPerSecond;
      return make((output) => convertArguments(path, output, video, limits), timeoutMs, signal);
    },
  };
}

function requireSuccess(result: ToolResult, signal: AbortSignal): void {
  signal.throwIfAborted();
  if (result.end === 'exit' && result.exitCode === 0) return;
  if (noRoom.test(result.stderrTail)) throw new BlobStoreFullError('ffmpeg found no room left');
  if (result.end === 'exit' && result.exitCode !== null && result.exitCode !== endedBySignal) {
    throw new DomainError('ErrNotVideo', { cause: result.stderrTail });
  }
  if (result.end === 'timeout') throw new TooSlowError(`ffmpeg did not come to its end: ${result.stderrTail}`);
  throw new Error(`ffmpeg ended by ${result.end}: ${result.stderrTail}`);
}
