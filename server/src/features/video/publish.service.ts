import { type BlobOwner, newBlobKey, promoteWith, type Unit, type Writer } from '../../jobs/index.ts';
import type { BlobStore, Clock, IdSource, StagedBlob } from '../../ports/index.ts';
import { feedHeadKey, userKey, videoKey } from '../../read/index.ts';
import { userStore, videoStore } from '../../store/index.ts';
import { requireOpenAccount } from '../actor.ts';
import { type CoverMaker, coverAtOnceMs } from './cover-maker.ts';
import type { Inspector } from './inspector.ts';

export type PublishDeps = {
  readonly writer: Writer;
  readonly blobs: BlobStore;
  readonly ids: IdSource;
  readonly clock: Clock;
  readonly inspector: Inspector;
  readonly covers: CoverMaker;
};

/**
 * The app gives up after 5 s: in this time all tools that look at the file have ended, whatever the machine has to do beside.
 * What is not done by then is left to a job, or refused as overload if nothing is known yet.
 */
const answerBudgetMs = 3_500;

/**
 * Publishes a staged file: looked at, given a cover, made durable together with its row. What browsers play is visible to
 * all at once; anything else only to its author until `video.prepare` has converted it. Rejects with a
 * {@link DomainError} that says what is wrong with the file; nothing is left of it then. `alsoInTransaction` commits with
 * the video's row, and refuses it by throwing a {@link DomainError}.
 */
export async function publishVideo(
  deps: PublishDeps,
  video: { readonly authorId: number; readonly title: string; readonly file: StagedBlob },
  alsoInTransaction?: (unit: Unit, videoId: number) => Promise<void>,
): Promise<number> {
  const { authorId, title, file } = video;
  const deadline = performance.now() + answerBudgetMs;
  const inspected = await deps.inspector.inspect(file.path, file.sizeBytes, answerBudgetMs);
  const cover = await deps.covers.make(file.path, inspected, Math.min(coverAtOnceMs, deadline - performance.now()));
  try {
    const id = deps.ids.next();
    const owner: BlobOwner = { owner: 'video', ownerId: id };
    const playKey = newBlobKey(owner, inspected.extension);
    const coverKey = cover === undefined ? null : newBlobKey(owner, 'jpg');
    const files = [{ key: playKey, staged: file }];
    if (cover !== undefined && coverKey !== null) files.push({ key: coverKey, staged: cover.staged });
    const visible = inspected.playable;
    const insert = async (unit: Unit): Promise<boolean> => {
      const { trx, enqueue, invalidate } = unit;
      await requireOpenAccount(trx, authorId);
      await videoStore.insertVideo(trx, {
        id,
        author_id: authorId,
        title,
        state: visible ? 'ready' : 'uploaded',
        published_at: await videoStore.nextPublishedAt(trx, deps.clock.now()),
        play_key: playKey,
        cover_key: coverKey,
        placeholder: cover?.placeholder ?? null,
        duration_ms: inspected.durationMs,
        width: inspected.width,
        height: inspected.height,
        size_bytes: file.sizeBytes,
        sha256: file.sha256,
      });
      await enqueue('video.prepare', { videoId: id }, { dedupeKey: `video.prepare:${id}` });
      if (coverKey === null) await enqueue('video.cover', { videoId: id }, { dedupeKey: `video.cover:${id}` });
      if (visible) await userStore.addToUserCounter(trx, [authorId], 'work_count', 1);
      invalidate(videoKey(id), userKey(authorId), feedHeadKey);
      await alsoInTransaction?.(unit, id);
      return true;
    };
    await promoteWith(deps, owner, files, insert);
    return id;
  } finally {
    await cover?.staged.discard();
  }
}
