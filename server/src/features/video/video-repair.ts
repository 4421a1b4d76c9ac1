/**
 * What becomes of a video whose files are gone: it falls back to what is still there and is prepared again, or says that
 * it is lost.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Database } from '../../db/index.ts';
import { type Examine, type FoundRow, packageKeys, type Remedy, sizesOf, type Writer } from '../../jobs/index.ts';
import type { BlobStore } from '../../ports/index.ts';
import { feedHeadKey, userKey, videoKey } from '../../read/index.ts';
import { fileOwnerStore, userStore } from '../../store/index.ts';

type VideoFiles = fileOwnerStore.VideoFiles;

export type VideoRepair = {
  readonly missing: FoundRow['missing'];
  readonly remedy: Remedy;
  readonly changes: fileOwnerStore.VideoFileChanges;
  readonly jobs: readonly ('video.prepare' | 'video.cover')[];
};

/** `sizes`: bytes of those files of the video that are there. Undefined if none is missing. */
export function planRepair(video: VideoFiles, sizes: ReadonlyMap<string, number>): VideoRepair | undefined {
  const made = packageKeys(video.derived);
  const packageGone = made.some((key) => !sizes.has(key));
  const packageThere = made.length > 0 && !packageGone;
  const coverGone = video.cover_key !== null && !sizes.has(video.cover_key);
  // Of a video that is known to be lost this is no news.
  const playGone = !sizes.has(video.play_key);
  const lost = playGone && video.failure !== 'missing';
  const missing: FoundRow['missing'] = [
    ...(lost ? (['play'] as const) : []),
    ...(packageGone ? (['package'] as const) : []),
    ...(coverGone ? (['cover'] as const) : []),
  ];
  if (missing.length === 0) return undefined;

  const withoutCover = coverGone ? { cover_key: null, placeholder: null } : {};
  const withoutPackage = packageGone ? { derived: null, prepared_at: null } : {};
  if (!playGone) {
    // A failed video is processed again when its author asks for it.
    const jobs: VideoRepair['jobs'] = [
      ...(packageGone && video.state !== 'failed' ? (['video.prepare'] as const) : []),
      ...(coverGone ? (['video.cover'] as const) : []),
    ];
    const remedy = packageGone ? 'prepare' : 'cover';
    return { missing, remedy, changes: { ...withoutPackage, ...withoutCover }, jobs };
  }
  const receivedBytes = video.received_key === null ? undefined : sizes.get(video.received_key);
  if (lost && video.received_key !== null && receivedBytes !== undefined) {
    // Whether browsers play what was received is not known any more: it is shown when it has been prepared again.
    const changes = {
      ...({ state: 'uploaded', failure: null, play_key: video.received_key, received_key: null } as const),
      ...{ derived: null, prepared_at: null, size_bytes: receivedBytes },
      ...withoutCover,
    };
    return {
      missing,
      remedy: 'received',
      changes,
      jobs: ['video.prepare', ...(coverGone ? (['video.cover'] as const) : [])],
    };
  }
  // Players that take the package go on with it, and nothing else can be made from it here.
  if (lost && packageThere && video.state === 'ready')
    return { missing, remedy: 'left', changes: withoutCover, jobs: [] };
  if (!lost) return { missing, remedy: 'cleared', changes: { ...withoutPackage, ...withoutCover }, jobs: [] };
  const changes = { state: 'failed', failure: 'missing', derived: null, prepared_at: null, ...withoutCover } as const;
  return { missing, remedy: 'failed', changes, jobs: [] };
}

export function videoRepair(deps: {
  readonly database: Database;
  readonly writer: Writer;
  readonly blobs: Pick<BlobStore, 'list'>;
}): Examine {
  const { database, writer, blobs } = deps;

  /** In one transaction, and only if the row names what it did before its files were looked for. */
  async function apply(video: VideoFiles, { changes, jobs }: VideoRepair): Promise<boolean> {
    const { id, author_id: authorId } = video;
    return await writer.write(async ({ trx, enqueue, invalidate }) => {
      if (!isDeepStrictEqual(await fileOwnerStore.lockVideoFiles(trx, id), video)) return false;
      if (Object.keys(changes).length === 0) return true;
      await fileOwnerStore.updateVideoFiles(trx, id, changes);
      const hidden = video.state === 'ready' && changes.state !== undefined;
      if (hidden) await userStore.addToUserCounter(trx, [authorId], 'work_count', -1);
      const dropped = changes.derived === null ? packageKeys(video.derived) : [];
      if (dropped.length > 0) await enqueue('blobs.reconcile', { owner: 'video', ownerId: id, keys: dropped });
      // Without keys: jobs that gave up may still lie there under them.
      for (const job of jobs) await enqueue(job, { videoId: id });
      invalidate(videoKey(id), ...(hidden ? [userKey(authorId), feedHeadKey] : []));
      return true;
    });
  }

  return async (id, { repair }) => {
    const find = async (): Promise<VideoFiles | undefined> => {
      const [video] = await fileOwnerStore.findVideoFiles(database.reader, [id]);
      return video;
    };
    const video = await find();
    if (video === undefined || video.state === 'deleted') return undefined;
    const keys = [video.play_key, video.received_key, video.cover_key, ...packageKeys(video.derived)];
    const named = keys.filter((key) => key !== null);
    const plan = planRepair(video, await sizesOf(blobs, { owner: 'video', ownerId: id }, named));
    if (plan === undefined) return undefined;
    // What was replaced while the files were listed is not missing.
    const stands = repair ? await apply(video, plan) : isDeepStrictEqual(await find(), video);
    return stands ? { owner: 'video', id, missing: plan.missing, remedy: plan.remedy } : undefined;
  };
}
