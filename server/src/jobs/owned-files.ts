/** Which files a row names: what its folder has to hold, and what in it is not explained. */
import { readDerived } from '../db/index.ts';
import type { BlobStore } from '../ports/index.ts';
import type { fileOwnerStore } from '../store/index.ts';
import { type BlobOwner, ownerFolder } from './blob-owner.ts';

export type OwnedFiles = {
  readonly id: number;
  /** Keys that have to be there; none of an owner that is being erased. */
  readonly needed: readonly string[];
  /** Whether the row names a file as its own. */
  readonly names: (key: string) => boolean;
  /** A file that may be there for a while, or may not. */
  readonly kept: string | null;
  /** When one file last took the place of another, in milliseconds since 1970; 0 if never. */
  readonly replacedAtMs: number;
};

/** A file of a package whose description this version does not understand: a newer version made it, and needs it. */
const packageFile = /^videos\/[0-9]+\/[0-9a-f]{32}\/[^/]+$/;

/** Keys of all that was made from a video. */
export function packageKeys(text: string | null): string[] {
  const derived = readDerived(text);
  return derived === null ? [] : derived.files.map((name) => `${derived.folder}/${name}`);
}

export function filesOfVideo(video: fileOwnerStore.VideoFiles): OwnedFiles {
  const made = packageKeys(video.derived);
  const unreadable = video.derived !== null && made.length === 0;
  // That it is gone has been said already.
  const play = video.failure === 'missing' ? [] : [video.play_key];
  const cover = video.cover_key === null ? [] : [video.cover_key];
  const named = new Set([video.play_key, ...cover, ...made]);
  return {
    id: video.id,
    needed: video.state === 'deleted' ? [] : [...play, ...cover, ...made],
    names: (key) => named.has(key) || (unreadable && packageFile.test(key)),
    // Once its time is over, it is an address alone.
    kept: video.prepared_at === null ? video.received_key : null,
    replacedAtMs: video.prepared_at ?? 0,
  };
}

export function filesOfUser(user: fileOwnerStore.UserFiles): OwnedFiles {
  const pictures = [user.avatar_key, user.background_key].filter((key) => key !== null);
  return {
    id: user.id,
    needed: user.deleted_at === null ? pictures : [],
    names: (key) => pictures.includes(key),
    kept: null,
    replacedAtMs: 0,
  };
}

/** Which of the keys are there at this moment, with their sizes in bytes: the store is asked, and no memory of it. */
export async function sizesOf(
  blobs: Pick<BlobStore, 'list'>,
  owner: BlobOwner,
  keys: readonly string[],
): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  for await (const { key, sizeBytes } of blobs.list(ownerFolder(owner))) {
    if (keys.includes(key)) sizes.set(key, sizeBytes);
  }
  return sizes;
}
