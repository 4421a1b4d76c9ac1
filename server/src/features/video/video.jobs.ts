import { DomainError } from '@tiktok-server/contract';
import type { Database, VideoFailure, VideoRow } from '../../db/index.ts';
import {
  type BlobOwner,
  type JobContext,
  type JobHandlers,
  newBlobKey,
  promoteWith,
  type Writer,
} from '../../jobs/index.ts';
import type { AcceptedVideo } from '../../media/index.ts';
import type { BlobStore, Clock, StagedBlob } from '../../ports/index.ts';
import { feedHeadKey, userKey, videoKey } from '../../read/index.ts';
import { userStore, videoStore } from '../../store/index.ts';
import { type CoverMaker, coverInJobMs } from './cover-maker.ts';
import type { Inspector } from './inspector.ts';
import { type Preparer, TooSlowError } from './preparer.ts';
import { eraseBatch } from './video.service.ts';

export type VideoJobDeps = {
  readonly database: Database;
  readonly writer: Writer;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly inspector: Inspector;
  readonly covers: CoverMaker;
  readonly preparer: Preparer;
};

type Source = { readonly path: string; readonly inspected: AcceptedVideo };

/** Addresses of the received file that were handed out keep working for this long after it was replaced. */
const replacedFileLifeMs = 24 * 60 * 60_000;
/** A conversion that comes out shorter than this share of what the file promised was cut off. */
const completeShare = 0.9;

export function videoJobs(deps: VideoJobDeps): Pick<JobHandlers, 'video.prepare' | 'video.cover' | 'video.erase'> {
  const { database, writer, blobs } = deps;

  const find = async (videoId: number): Promise<VideoRow | undefined> => {
    const [video] = await videoStore.findVideos(database.reader, [videoId]);
    return video;
  };

  /** The received file plays already: a copy that starts faster and tells nothing about its maker replaces it. */
  async function replaceReceived(video: VideoRow, source: Source, signal: AbortSignal): Promise<void> {
    await withFile(deps.preparer.remux(source.path, source.inspected, signal), async (staged) => {
      const key = newBlobKey(ownerOf(video), 'mp4');
      await promoteWith(deps, ownerOf(video), [{ key, staged }], async ({ trx, enqueue, invalidate }) => {
        const prepared = { play_key: key, size_bytes: staged.sizeBytes, prepared_at: deps.clock.now() };
        if (!(await videoStore.replaceReceivedFile(trx, video.id, prepared))) return false;
        await enqueue(
          'blobs.reconcile',
          { ...ownerOf(video), keys: [video.play_key] },
          { delayMs: replacedFileLifeMs },
        );
        invalidate(videoKey(video.id));
        return true;
      });
    });
  }

  /** The received file does not play everywhere: the converted one makes the video visible. */
  async function convert(video: VideoRow, source: Source, signal: AbortSignal): Promise<void> {
    await withFile(deps.preparer.convert(source.path, source.inspected, signal), async (staged) => {
      const made = await deps.inspector.inspect(staged.path, staged.sizeBytes);
      if (made.durationMs < video.duration_ms * completeShare) return await fail(video.id, 'incomplete');
      const key = newBlobKey(ownerOf(video), 'mp4');
      await promoteWith(deps, ownerOf(video), [{ key, staged }], async ({ trx, enqueue, invalidate }) => {
        const now = deps.clock.now();
        // Video, author, moment: the order in which every transaction holds them.
        await videoStore.lockVideos(trx, [video.id]);
        await userStore.lockUsers(trx, [video.author_id]);
        const finished = await videoStore.finishProcessing(trx, video.id, {
          play_key: key,
          // Published when others can see it: nobody who has paged past the upload's moment misses it.
          published_at: await videoStore.nextPublishedAt(trx, now),
          prepared_at: now,
          duration_ms: made.durationMs,
          width: made.width,
          height: made.height,
          size_bytes: staged.sizeBytes,
        });
        if (!finished) return false;
        await userStore.addToUserCounter(trx, [video.author_id], 'work_count', 1);
        await enqueue(
          'blobs.reconcile',
          { ...ownerOf(video), keys: [video.play_key] },
          { delayMs: replacedFileLifeMs },
        );
        invalidate(videoKey(video.id), userKey(video.author_id), feedHeadKey);
        return true;
      });
    });
  }

  /** A file that has no picture, which trying again does not change, keeps the placeholder. */
  async function findCover(path: string, sizeBytes: number): Promise<StagedBlob | 'none'> {
    const inspected = await deps.inspector.inspect(path, sizeBytes);
    try {
      const cover = await deps.covers.make(path, inspected, coverInJobMs);
      if (cover === undefined) throw new Error('no cover could be made in time');
      return cover;
    } catch (error) {
      if (error instanceof DomainError && error.row === 'ErrNotVideo') return 'none';
      throw error;
    }
  }

  async function fail(videoId: number, failure: VideoFailure): Promise<void> {
    await writer.write(async ({ trx, invalidate }) => {
      if (await videoStore.failProcessing(trx, videoId, failure)) invalidate(videoKey(videoId));
    });
  }

  async function prepare(video: VideoRow, { signal }: JobContext): Promise<void> {
    await blobs.withLocalFile(video.play_key, async (path) => {
      const source = { path, inspected: await deps.inspector.inspect(path, video.size_bytes) };
      if (video.state === 'ready') return await replaceReceived(video, source, signal);
      try {
        await convert(video, source, signal);
      } catch (error) {
        // What the file itself is to blame for stays so however often it is tried.
        if (error instanceof TooSlowError) return await fail(video.id, 'internal');
        if (!(error instanceof DomainError) || error.row === 'ErrOverloaded') throw error;
        await fail(video.id, error.row === 'ErrVideoTooLong' ? 'too-long' : 'undecodable');
      }
    });
  }

  return {
    'video.prepare': {
      run: async ({ videoId }, context) => {
        const video = await find(videoId);
        if (video === undefined || video.prepared_at !== null) return;
        if (video.state !== 'ready' && video.state !== 'processing') return;
        try {
          await prepare(video, context);
        } catch (error) {
          // Deleted meanwhile, with its files: there is nothing left to do.
          const now = await find(videoId);
          if (now !== undefined && now.state !== 'deleted') throw error;
        }
      },
      // A video that plays as received stays as it is; guarded by its state, so only one that waits fails.
      gaveUp: ({ videoId }) => fail(videoId, 'internal'),
    },
    'video.cover': {
      run: async ({ videoId }) => {
        const video = await find(videoId);
        if (video === undefined || video.state === 'deleted' || video.cover_key !== null) return;
        const cover = await blobs.withLocalFile(video.play_key, (path) => findCover(path, video.size_bytes));
        if (cover === 'none') return;
        await withFile(cover, async (staged) => {
          const key = newBlobKey(ownerOf(video), 'jpg');
          await promoteWith(deps, ownerOf(video), [{ key, staged }], async ({ trx, invalidate }) => {
            if (!(await videoStore.updateCover(trx, videoId, key))) return false;
            invalidate(videoKey(videoId));
            return true;
          });
        });
      },
    },
    'video.erase': {
      run: async ({ videoId }, { signal }) => {
        let done = false;
        while (!done) {
          signal.throwIfAborted();
          done = await writer.write(async (unit) => {
            const [video] = await videoStore.lockVideos(unit.trx, [videoId]);
            return video === undefined || video.state !== 'deleted' || (await eraseBatch(unit, video));
          });
        }
      },
    },
  };
}

const ownerOf = (video: VideoRow): BlobOwner => ({ owner: 'video', ownerId: video.id });

/** Uses a staged file and removes what was not promoted of it, whatever happens. */
async function withFile(
  making: StagedBlob | Promise<StagedBlob>,
  use: (staged: StagedBlob) => Promise<void>,
): Promise<void> {
  const staged = await making;
  try {
    await use(staged);
  } finally {
    await staged.discard();
  }
}
