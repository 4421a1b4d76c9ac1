import { DomainError } from '@tiktok-server/contract';
import {
  brightnessOf,
  coverArguments,
  coverMoments,
  type FrameScore,
  noRoom,
  placeholderOf,
  sampleSidePixels,
  scoreFrame,
} from '../../media/index.ts';
import { type BlobStore, BlobStoreFullError, type StagedBlob, type Transcoder } from '../../ports/index.ts';

/** Makes the picture that stands for a video. */
export interface CoverMaker {
  /**
   * A staged JPEG of a representative frame; undefined if none could be had within `budgetMs`, or, while somebody waits,
   * only such as are black: a job has the time to look further. Rejects with a
   * {@link DomainError} if the file has no frame that can be decoded at all.
   */
  make(
    path: string,
    video: { readonly videoIndex: number; readonly durationMs: number },
    budgetMs: number,
  ): Promise<Cover | undefined>;
}

/** While an uploader waits. */
export const coverAtOnceMs = 2_000;
/** In a job, where nobody waits. */
export const coverInJobMs = 10_000;

/** A JPEG of a cover's size has some hundred kilobytes. */
const coverMaxBytes = 16 * 1024 ** 2;
/** Red, green and blue. */
const sampleBytes = sampleSidePixels ** 2 * 3;

type Frame = FrameScore & { readonly path: string; readonly sample: Uint8Array };

export type Cover = {
  readonly staged: StagedBlob;
  /** BlurHash of the picture. */
  readonly placeholder: string;
};

export function createCoverMaker(deps: {
  readonly transcoder: Pick<Transcoder, 'run'>;
  readonly blobs: Pick<BlobStore, 'scratchPath' | 'discardScratch' | 'adopt'>;
}): CoverMaker {
  const { transcoder, blobs } = deps;

  /** The frame at a moment, or why there is none. */
  async function takeFrame(
    path: string,
    videoIndex: number,
    momentMs: number,
    timeoutMs: number,
  ): Promise<Frame | 'none' | 'late'> {
    const target = blobs.scratchPath('jpg');
    const result = await transcoder.run('ffmpeg', coverArguments(path, target, videoIndex, momentMs), {
      timeoutMs,
      maxOutputBytes: sampleBytes,
      maxFileBytes: coverMaxBytes,
    });
    if (result.exitCode === 0 && result.stdout.length === sampleBytes) {
      return { path: target, sample: result.stdout, ...scoreFrame(brightnessOf(result.stdout)) };
    }
    await blobs.discardScratch(target);
    if (noRoom.test(result.stderrTail)) throw new BlobStoreFullError('ffmpeg found no room left');
    // Killed, by its time or by somebody: the file need not be to blame.
    return result.exitCode === null ? 'late' : 'none';
  }

  /** A good frame ends the search, else the best of all. When the time is up first: the best so far, or none. */
  async function findFrame(
    path: string,
    videoIndex: number,
    durationMs: number,
    deadline: number,
    settle: boolean,
  ): Promise<Frame | undefined> {
    let best: Frame | undefined;
    for (const momentMs of coverMoments(durationMs)) {
      const leftMs = deadline - performance.now();
      const frame = leftMs > 0 ? await takeFrame(path, videoIndex, momentMs, Math.ceil(leftMs)) : 'late';
      if (frame === 'late') {
        if (best === undefined || settle || !best.dark) return best;
        await blobs.discardScratch(best.path);
        return undefined;
      }
      if (frame === 'none') continue;
      const [kept, worse] = best === undefined || frame.score > best.score ? [frame, best] : [best, frame];
      if (worse !== undefined) await blobs.discardScratch(worse.path);
      best = kept;
      if (best.good) return best;
    }
    if (best !== undefined) return best;
    throw new DomainError('ErrNotVideo', {
      detail: { en: 'none of its pictures can be decoded', zh: '无法解码任何画面' },
    });
  }

  return {
    make: async (path, { videoIndex, durationMs }, budgetMs) => {
      const frame = await findFrame(
        path,
        videoIndex,
        durationMs,
        performance.now() + budgetMs,
        budgetMs > coverAtOnceMs,
      );
      if (frame === undefined) return undefined;
      try {
        return { staged: await blobs.adopt(frame.path), placeholder: placeholderOf(frame.sample, sampleSidePixels) };
      } catch (error) {
        await blobs.discardScratch(frame.path);
        throw error;
      }
    },
  };
}
