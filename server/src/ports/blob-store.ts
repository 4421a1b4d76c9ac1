import type { Readable } from 'node:stream';

/**
 * Where files live: uploads, converted videos, covers, pictures. A file is staged first (streamed, hashed, synced),
 * looked at, and then promoted under its key in one step, so that a key always names a complete file. Keys are relative
 * paths of lower-case letters, digits, `-`, `_`, `.` and `/`.
 */
export interface StagedBlob {
  readonly sizeBytes: number;
  /** Hex SHA-256 of the content. */
  readonly sha256: string;
  /** A local file with the content, for ffprobe and ffmpeg; valid until promoted or discarded. */
  readonly path: string;
  /** Makes the content durable under `key`: when it resolves, the file survives a power loss. */
  promote(key: string): Promise<void>;
  /** Removes the content. Safe to call at any time, also after `promote`, where it does nothing. */
  discard(): Promise<void>;
}

/**
 * How a client gets a file: from the local disk, or from an address that it is sent to, and which it may use again without
 * asking for `maxAgeSeconds`.
 */
export type BlobLocation =
  | { readonly kind: 'file'; readonly path: string; readonly root: string }
  | { readonly kind: 'redirect'; readonly url: string; readonly maxAgeSeconds: number };

/** The content was larger than allowed; nothing of it was kept. */
export class BlobTooLargeError extends Error {
  override readonly name = 'BlobTooLargeError';
}

/** The store has no room left (ENOSPC, EDQUOT or its quota); nothing was kept. */
export class BlobStoreFullError extends Error {
  override readonly name = 'BlobStoreFullError';
}

/** The store cannot be reached or written to now. */
export class BlobStoreUnavailableError extends Error {
  override readonly name = 'BlobStoreUnavailableError';
}

/** There is no file under that key. */
export class BlobMissingError extends Error {
  override readonly name = 'BlobMissingError';
}

/** A file that lies under a key. */
export type ListedBlob = {
  readonly key: string;
  readonly sizeBytes: number;
  /** When it was put there, in milliseconds since 1970 by the store's clock; no earlier than that. */
  readonly modifiedAtMs: number;
};

export interface BlobStore {
  /**
   * Streams `source` to a staged file while hashing it; memory use does not depend on its size. Rejects with
   * {@link BlobTooLargeError} past `maxBytes`, {@link BlobStoreFullError} when full, {@link BlobStoreUnavailableError}, or
   * with the source's own error; in all cases nothing is left behind.
   */
  stage(source: Readable, limits: { readonly maxBytes: number }): Promise<StagedBlob>;
  /** A new, unused local path for a tool to write to; `extension` without its dot. Give the result to {@link adopt}. */
  scratchPath(extension: string): string;
  /** Stages a file that a tool has written at a {@link scratchPath}, without copying it where that can be avoided. */
  adopt(path: string): Promise<StagedBlob>;
  /** Removes what a tool may have written at a {@link scratchPath}; fine if there is nothing. */
  discardScratch(path: string): Promise<void>;
  /**
   * Where a client that asks with `method` (GET without it) gets the file of `key`; `undefined` if there is none, or if the
   * key is malformed.
   */
  locate(key: string, method?: 'GET' | 'HEAD'): Promise<BlobLocation | undefined>;
  /**
   * The content of a small file; `undefined` if there is none, or if the key is malformed. Rejects with
   * {@link BlobTooLargeError} past `maxBytes`, of which no more is read.
   */
  read(key: string, limits: { readonly maxBytes: number }): Promise<Buffer | undefined>;
  /** Runs `use` with a local file that holds the content of `key`. Rejects with {@link BlobMissingError}. */
  withLocalFile<T>(key: string, use: (path: string) => Promise<T>): Promise<T>;
  /** Deletes files for good, with the folders that they leave empty. A key without a file is fine. */
  delete(keys: readonly string[]): Promise<void>;
  /** Deletes every file whose key begins with `folder/`, whoever named it; fine if there is none. */
  deleteFolder(folder: string): Promise<void>;
  /**
   * Every file whose key begins with `folder/`, in the order of their keys' bytes, so that those of one folder come together;
   * with `after`, those behind that key alone. At most 1,000 names are held at once, however many there are. What comes or
   * goes meanwhile may be among them or not; staged files, and names that are no keys, are not. None where there is no such
   * folder; rejects with {@link BlobStoreUnavailableError} where the store is not there.
   */
  list(folder: string, options?: { readonly after?: string }): AsyncIterable<ListedBlob>;
  /** Removes staged and scratch files that a process that is gone left behind; returns how many. */
  sweepStaged(): Promise<number>;
  /** Resolves if the store can be written to. */
  ping(): Promise<void>;
  close(): Promise<void>;
}
