import { randomBytes } from 'node:crypto';
import type { JobPayload } from './registry.ts';

/** The row that names a file. All files of an owner lie in one folder, so that they can go together with it. */
export type BlobOwner = JobPayload<'blobs.erase'>;

export const ownerFolder = ({ owner, ownerId }: BlobOwner): string => `${owner}s/${ownerId}`;

/** A new folder for files that go together, which cannot be guessed either. */
export const newBlobFolder = (owner: BlobOwner): string => `${ownerFolder(owner)}/${randomBytes(16).toString('hex')}`;

/**
 * A new key for a file: it cannot be guessed, so that a file which is not shown to everyone is not found by everyone, and
 * it never names other content later, so that it can be cached for ever.
 */
export const newBlobKey = (owner: BlobOwner, extension: string): string =>
  `${ownerFolder(owner)}/${randomBytes(16).toString('hex')}.${extension}`;
