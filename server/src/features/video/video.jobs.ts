import { DomainError } from '@tiktok-server/contract';
import type { Database, Derived, VideoFailure, VideoRow } from '../../db/index.ts';
import {
  type BlobOwner,
  type JobContext,
  type JobHandlers,
  type JobLog,
  newBlobFolder,
  newBlobKey,
  promoteWith,
  type Writer,
} from '../../jobs/index.ts';
import type { BlobStore, Clock } from '../../ports/index.ts';
import { feedHeadKey, replacedFileLifeMs, userKey, videoKey } from '../../read/index.ts';
import { userStore, videoStore } from '../../store/index.ts';
import { type Cover, type CoverMaker, coverInJobMs } from './cover-maker.ts';
import type { Inspector } from './inspector.ts';
import type { MadePackage, Packager } from './packager.ts';
import { noteProgress } from './progress.ts';
import { eraseBatch, failVideo } from './video.service.ts';
import { TooCostlyError } from './workshop.ts';

export type VideoJobDeps = {
  readonly database: Database;
  readonly writer: Writer;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly inspector: Inspector;
  readonly covers: CoverMaker;
  readonly packager: Packager;
  readonly limits: { readonly maxDurationMs: number };
  readonly log: Pick<JobLog, 'error'>;
};

/** What comes out shorter than this share of what the file promised was cut off. */
const completeShare = 0.9;

export function videoJobs(deps: VideoJobDeps): Pick<JobHandlers, 'video.prepare' | 'video.cover' | 'video.erase'> {
  const { database, writer, blobs } = deps;

  const find = async (videoId: number): Promise<VideoRow | undefined> => {
    const [video] = await videoStore.findVideos(database.reader, [videoId]);
    return video;
  };

  /** With the cover beside it, if there is one. */
  async function makePackage(video: VideoRow, path: string, signal: AbortSignal): Promise<MadePackage> {
    const inspected = await deps.inspector.inspect(path, video.size_bytes);
    const progress = noteProgress(deps, video.id);
    const make = (coverPath: string | undefined): Promise<MadePackage> =>
      deps.packager.make({ path, video: inspected, coverPath }, { signal, progress: progress.report });
    try {
      return await (video.cover_key === null ? make(undefined) : blobs.withLocalFile(video.cover_key, make));
    } finally {
      await progress.settled();
    }
  }

  /** What was made takes the place of the received file; a video that waited for it becomes visible. */
  async function publishPackage(video: VideoRow, made: MadePackage): Promise<void> {
    const owner = ownerOf(video);
    // A package that was lost and is made anew was made from the MP4 that is there.
    const playKey = video.received_key === null ? newBlobKey(owner, 'mp4') : video.play_key;
    const replaces = playKey !== video.play_key;
    const folder = newBlobFolder(owner);
    const derived: Derived = { folder, ...made.derived };
    const files = made.files.map(({ name, staged }) => ({ key: `${folder}/${name}`, staged }));
    if (replaces) files.push({ key: playKey, staged: made.play });
    await promoteWith(deps, owner, files, async ({ trx, enqueue, invalidate }) => {
      const now = deps.clock.now();
      // Video, author, moment: the order in which every transaction holds them.
      const [current] = await videoStore.lockVideos(trx, [video.id]);
      if (current === undefined || current.play_key !== video.play_key) return false;
      const appears = current.state !== 'ready';
      if (appears) await userStore.lockUsers(trx, [video.author_id]);
      const finished = await videoStore.finishPreparing(trx, video.id, {
        play_key: playKey,
        received_key: replaces ? video.play_key : video.received_key,
        derived: JSON.stringify(derived),
        prepared_at: now,
        duration_ms: made.durationMs,
        width: made.width,
        height: made.height,
        size_bytes: replaces ? made.play.sizeBytes : video.size_bytes,
        // Published when others can see it: nobody who has paged past the upload's moment misses it.
        ...(appears && { published_at: await videoStore.nextPublishedAt(trx, now) }),
      });
      if (!finished) return false;
      await videoStore.deleteProgress(trx, video.id);
      if (replaces) {
        await enqueue('blobs.reconcile', { ...owner, keys: [video.play_key] }, { delayMs: replacedFileLifeMs });
      }
      invalidate(videoKey(video.id));
      if (!appears) return true;
      await userStore.addToUserCounter(trx, [video.author_id], 'work_count', 1);
      invalidate(userKey(video.author_id), feedHeadKey);
      return true;
    });
  }

  /** A file that has no picture, which trying again does not change, keeps the placeholder. */
  async function findCover(path: string, sizeBytes: number): Promise<Cover | 'none'> {
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

  /** What the file itself is to blame for stays so however often it is tried. */
  async function giveUp(video: VideoRow, failure: VideoFailure): Promise<void> {
    if (video.state === 'ready' && failure !== 'too-long') await keep(video.id);
    else await failVideo(deps, video.id, failure);
  }

  /** It plays as it was received, and that is all that can be had. */
  async function keep(videoId: number): Promise<void> {
    await writer.write(async ({ trx, invalidate }) => {
      if (!(await videoStore.keepAsReceived(trx, videoId, deps.clock.now()))) return;
      await videoStore.deleteProgress(trx, videoId);
      invalidate(videoKey(videoId));
    });
  }

  async function prepare(video: VideoRow, { signal }: JobContext): Promise<void> {
    await writer.write(async ({ trx, invalidate }) => {
      if (await videoStore.startProcessing(trx, video.id)) invalidate(videoKey(video.id));
    });
    await blobs.withLocalFile(video.play_key, async (path) => {
      let made: MadePackage;
      try {
        made = await makePackage(video, path, signal);
      } catch (error) {
        if (error instanceof DomainError || error instanceof TooCostlyError) {
          deps.log.error({ err: error, videoId: video.id }, 'nothing could be made of a video');
        }
        if (error instanceof TooCostlyError) return await giveUp(video, 'internal');
        if (!(error instanceof DomainError) || error.row === 'ErrOverloaded') throw error;
        return await giveUp(video, error.row === 'ErrVideoTooLong' ? 'too-long' : 'undecodable');
      }
      try {
        if (made.durationMs > deps.limits.maxDurationMs) return await giveUp(video, 'too-long');
        if (made.durationMs < video.duration_ms * completeShare) return await giveUp(video, 'incomplete');
        await publishPackage(video, made);
      } finally {
        await made.discard();
      }
    });
  }

  return {
    'video.prepare': {
      run: async ({ videoId }, context) => {
        const video = await find(videoId);
        if (video === undefined || video.prepared_at !== null) return;
        if (video.state === 'failed' || video.state === 'deleted') return;
        try {
          await prepare(video, context);
        } catch (error) {
          // Deleted meanwhile, with its files: there is nothing left to do.
          const now = await find(videoId);
          if (now !== undefined && now.state !== 'deleted') throw error;
        }
      },
      gaveUp: async ({ videoId }) => {
        const video = await find(videoId);
        if (video !== undefined) await giveUp(video, 'internal');
      },
    },
    'video.cover': {
      run: async ({ videoId }) => {
        const video = await find(videoId);
        if (video === undefined || video.state === 'deleted' || video.cover_key !== null) return;
        const cover = await blobs.withLocalFile(video.play_key, (path) => findCover(path, video.size_bytes));
        if (cover === 'none') return;
        const { staged, placeholder } = cover;
        const key = newBlobKey(ownerOf(video), 'jpg');
        try {
          await promoteWith(deps, ownerOf(video), [{ key, staged }], async ({ trx, invalidate }) => {
            if (!(await videoStore.updateCover(trx, videoId, { cover_key: key, placeholder }))) return false;
            invalidate(videoKey(videoId));
            return true;
          });
        } finally {
          await staged.discard();
        }
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
