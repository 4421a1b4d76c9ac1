/** What blob stores have in common: the shape of keys, and the local folder in which a process stages files. */
import { createHash, randomBytes } from 'node:crypto';
import { type FileHandle, open, readdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { makeFolder } from '../db/make-folder.ts';
import { BlobStoreFullError, BlobStoreUnavailableError, BlobTooLargeError } from '../ports/index.ts';

/** A tool that outlived its server may put one more file into a folder that is being removed: then it is tried again. */
const sweeping = { recursive: true, force: true, maxRetries: 10, retryDelay: 20 } as const;
export const folderMode = 0o750;
export const fileMode = 0o640;
/** Bytes after which what was written so far is sent to the disk, so that the last sync of a large file is short. */
export const syncEveryBytes = 16 * 1024 * 1024;
const readBytes = 256 * 1024;
const keyShape = /^[a-z0-9][a-z0-9_-]*(?:[./][a-z0-9_-]+)*$/;
const keyMaxCharacters = 200;

export const isBlobKey = (key: string): boolean => key.length <= keyMaxCharacters && keyShape.test(key);

export function assertBlobKey(key: string): void {
  if (!isBlobKey(key)) throw new TypeError(`not a blob key: ${key}`);
}

export type Content = { readonly sizeBytes: number; readonly sha256: string };

export type Staging = {
  /** Of this process alone, below the folder of all. */
  readonly folder: string;
  readonly name: string;
  scratchPath(extension: string): string;
  /**
   * Removes the folders of other processes that `take` gives, holding them meanwhile, since it gives none whose process
   * lives; resolves with their names.
   */
  sweep(take: (folder: string) => { release(): void } | undefined): Promise<string[]>;
  /** Removes the own folder if it is empty. If a tool still writes there, the next start removes it. */
  close(): Promise<void>;
};

/** Makes a folder for this process below `all`. */
export async function openStaging(all: string): Promise<Staging> {
  const name = randomBytes(6).toString('hex');
  const folder = join(all, name);
  makeFolder(folder, folderMode);
  return {
    folder,
    name,
    scratchPath: (extension) => join(folder, `${randomBytes(12).toString('hex')}.${extension}`),
    sweep: async (take) => {
      const left: string[] = [];
      for (const other of await readdir(all)) {
        const held = other === name ? undefined : take(join(all, other));
        if (held === undefined) continue;
        // With their folder: ffmpeg outlives a server that is killed, and must not find a place to write to any more.
        await rm(join(all, other), sweeping);
        held.release();
        left.push(other);
      }
      return left;
    },
    close: () => rmdir(folder).catch(() => undefined),
  };
}

export type Writing = {
  readonly maxBytes: number;
  /** Whether the file survives a power loss when this resolves. */
  readonly synced: boolean;
  /** Told of all bytes in their order, each time after they were written; what it throws ends the writing. */
  readonly written?: (bytes: Buffer) => void;
};

/** Streams `source` to a new file at `path` and hashes it on the way. */
export async function writeHashing(source: Readable, path: string, writing: Writing): Promise<Content> {
  const { maxBytes, synced, written } = writing;
  const file = await open(path, 'wx', fileMode);
  try {
    const hash = createHash('sha256');
    let sizeBytes = 0;
    let unsynced = 0;
    let syncing: Promise<void> | undefined;
    for await (const chunk of source) {
      const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk);
      sizeBytes += bytes.length;
      if (sizeBytes > maxBytes) throw new BlobTooLargeError(`more than ${maxBytes} bytes`);
      hash.update(bytes);
      await writeAll(file, bytes);
      written?.(bytes);
      unsynced += bytes.length;
      if (synced && unsynced >= syncEveryBytes) {
        unsynced = 0;
        await syncing;
        syncing = file.datasync();
        // Its failure is seen when it is awaited; until then it must not end the process.
        syncing.catch(() => undefined);
      }
    }
    await syncing;
    if (synced) await file.sync();
    return { sizeBytes, sha256: hash.digest('hex') };
  } finally {
    await file.close();
  }
}

/** The same bytes, not copied. */
export const bufferOf = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** At `position`, or without it where the last write ended. */
export async function writeAll(file: FileHandle, bytes: Buffer, position?: number): Promise<void> {
  for (let offset = 0; offset < bytes.length; ) {
    const at = position === undefined ? null : position + offset;
    offset += (await file.write(bytes, offset, bytes.length - offset, at)).bytesWritten;
  }
}

/**
 * Reads a file that a tool has written; `each` sees all bytes in their order, and must not keep them: it is one buffer, since
 * a new one for each read would be 60 MB of memory before any is collected.
 */
export async function hashFile(file: FileHandle, each?: (bytes: Buffer) => void): Promise<Content> {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(readBytes);
  let sizeBytes = 0;
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, readBytes, sizeBytes);
    if (bytesRead === 0) return { sizeBytes, sha256: hash.digest('hex') };
    const bytes = buffer.subarray(0, bytesRead);
    hash.update(bytes);
    each?.(bytes);
    sizeBytes += bytesRead;
  }
}

/** The folder is gone, or the disk under it: nothing that a caller did. */
const outOfReach = new Set(['ENOENT', 'EIO', 'EROFS', 'EACCES', 'EPERM', 'ENODEV', 'ESTALE']);

/** Runs `work` and says what its errors of the local disk mean. */
export async function translating<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG')
      throw new BlobStoreFullError('no room left', { cause: error });
    if (typeof code === 'string' && outOfReach.has(code))
      throw new BlobStoreUnavailableError(`the folder of files cannot be used (${code})`, { cause: error });
    throw error;
  }
}
