import { DomainError } from '@tiktok-server/contract';
import sharp from 'sharp';
import { coverMoments, frameArguments, scoreFrame } from '../../media/index.ts';
import type { BlobStore, StagedBlob, Transcoder } from '../../ports/index.ts';

/** Makes the picture that stands for a video. */
export interface CoverMaker {
  /**
   * A staged JPEG of a representative frame; undefined if none could be had within `budgetMs`. Rejects with a
   * {@link DomainError} if the file has no frame that can be decoded at all.
   */
  make(
    path: string,
    video: { readonly videoIndex: number; readonly durationMs: number },
    budgetMs: number,
  ): Promise<StagedBlob | undefined>;
}

/** While an uploader waits. */
export const coverAtOnceMs = 2_000;
/** In a job, where nobody waits. */
export const coverInJobMs = 60_000;

const frameMaxBytes = 32 * 1024 * 1024;
const sampleSidePixels = 64;
const jpegQuality = 80;

export function createCoverMaker(deps: { readonly transcoder: Transcoder; readonly blobs: BlobStore }): CoverMaker {
  const { transcoder, blobs } = deps;

  /** The best frame that the time allows: a good one ends the search. */
  async function findFrame(
    path: string,
    videoIndex: number,
    durationMs: number,
    deadline: number,
  ): Promise<Buffer | undefined> {
    let best: { readonly frame: Buffer; readonly score: number } | undefined;
    let late = false;
    for (const momentMs of coverMoments(durationMs)) {
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) {
        late = true;
        break;
      }
      const result = await transcoder.run('ffmpeg', frameArguments(path, videoIndex, momentMs), {
        timeoutMs: Math.ceil(leftMs),
        maxOutputBytes: frameMaxBytes,
      });
      if (result.end === 'timeout') late = true;
      if (result.exitCode !== 0 || result.stdout.length === 0) continue;
      const sample = await sharp(result.stdout)
        .greyscale()
        .resize(sampleSidePixels, sampleSidePixels, { fit: 'fill' })
        .raw()
        .toBuffer();
      const { score, good } = scoreFrame(sample);
      if (best === undefined || score > best.score) best = { frame: result.stdout, score };
      if (good) break;
    }
    if (best === undefined && !late) {
      throw new DomainError('ErrNotVideo', {
        detail: { en: 'none of its pictures can be decoded', zh: '无法解码任何画面' },
      });
    }
    return best?.frame;
  }

  return {
    make: async (path, { videoIndex, durationMs }, budgetMs) => {
      const frame = await findFrame(path, videoIndex, durationMs, performance.now() + budgetMs);
      if (frame === undefined) return undefined;
      const target = blobs.scratchPath('jpg');
      try {
        await sharp(frame).jpeg({ quality: jpegQuality, mozjpeg: true }).toFile(target);
        return await blobs.adopt(target);
      } catch (error) {
        await blobs.discardScratch(target);
        throw error;
      }
    },
  };
}
