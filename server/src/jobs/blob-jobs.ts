import type { Database } from '../db/index.ts';
import type { BlobStore } from '../ports/index.ts';
import { userStore, videoStore } from '../store/index.ts';
import { type BlobOwner, ownerFolder } from './blob-owner.ts';
import type { JobHandlers } from './registry.ts';

type BlobJobs = Pick<JobHandlers, 'blobs.reconcile' | 'blobs.erase'>;

export function blobJobs(deps: { readonly database: Database; readonly blobs: BlobStore }): BlobJobs {
  return {
    // One rule serves an upload that never became a row, a file that was replaced, and an owner that is gone.
    'blobs.reconcile': {
      run: async (payload) => {
        const named = await keysNamedBy(deps.database, payload);
        await deps.blobs.delete(payload.keys.filter((key) => !named.includes(key)));
      },
    },
    // Ids are never used again, and what is promoted for an owner without a row is removed by who promotes it.
    'blobs.erase': { run: (owner) => deps.blobs.deleteFolder(ownerFolder(owner)) },
  };
}

async function keysNamedBy(database: Database, { owner, ownerId }: BlobOwner): Promise<readonly (string | null)[]> {
  if (owner === 'video') {
    const [video] = await videoStore.findVideos(database.reader, [ownerId]);
    return video === undefined ? [] : [video.play_key, video.cover_key];
  }
  const [user] = await userStore.findUsers(database.reader, [ownerId]);
  return user === undefined ? [] : [user.avatar_key, user.background_key];
}
