import type { Database } from '../db/index.ts';
import type { BlobStore } from '../ports/index.ts';
import { userStore, videoStore } from '../store/index.ts';
import type { JobHandler, JobPayload } from './registry.ts';

/**
 * Deletes those of the files that their owner's row does not name. One rule serves an upload that never became a row, a
 * file that was replaced, and an owner that is gone.
 */
export function reconcileBlobsHandler(deps: {
  readonly database: Database;
  readonly blobs: BlobStore;
}): JobHandler<'blobs.reconcile'> {
  return {
    run: async (payload) => {
      const named = await keysNamedBy(deps.database, payload);
      await deps.blobs.delete(payload.keys.filter((key) => !named.includes(key)));
    },
  };
}

async function keysNamedBy(
  database: Database,
  { owner, ownerId }: JobPayload<'blobs.reconcile'>,
): Promise<readonly (string | null)[]> {
  if (owner === 'video') {
    const [video] = await videoStore.findVideos(database.reader, [ownerId]);
    return video === undefined ? [] : [video.play_key, video.cover_key];
  }
  const [user] = await userStore.findUsers(database.reader, [ownerId]);
  return user === undefined ? [] : [user.avatar_key, user.background_key];
}
