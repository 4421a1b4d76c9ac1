import type { Database } from '../db/index.ts';
import type { BlobStore } from '../ports/index.ts';
import { fileOwnerStore } from '../store/index.ts';
import { type BlobOwner, ownerFolder } from './blob-owner.ts';
import { filesOfUser, filesOfVideo, type OwnedFiles } from './owned-files.ts';
import type { JobHandlers } from './registry.ts';

type BlobJobs = Pick<JobHandlers, 'blobs.reconcile' | 'blobs.erase'>;

export function blobJobs(deps: { readonly database: Database; readonly blobs: BlobStore }): BlobJobs {
  return {
    // One rule serves an upload that never became a row, a file that was replaced, and an owner that is gone. A received file
    // whose time is over is named no more: what the row has of it is an address.
    'blobs.reconcile': {
      run: async (payload) => {
        const files = await filesOf(deps.database, payload);
        await deps.blobs.delete(payload.keys.filter((key) => files?.names(key) !== true));
      },
    },
    // Ids are never used again, and what is promoted for an owner without a row is removed by who promotes it.
    'blobs.erase': { run: (owner) => deps.blobs.deleteFolder(ownerFolder(owner)) },
  };
}

async function filesOf({ reader }: Database, { owner, ownerId }: BlobOwner): Promise<OwnedFiles | undefined> {
  if (owner === 'video') {
    const [video] = await fileOwnerStore.findVideoFiles(reader, [ownerId]);
    return video === undefined ? undefined : filesOfVideo(video);
  }
  const [user] = await fileOwnerStore.findUserFiles(reader, [ownerId]);
  return user === undefined ? undefined : filesOfUser(user);
}
