import { createHash, randomBytes } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rename, rm, rmdir, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import type { Readable } from 'node:stream';
import {
  BlobMissingError,
  type BlobStore,
  BlobStoreFullError,
  BlobStoreUnavailableError,
  BlobTooLargeError,
  type StagedBlob,
} from '../ports/index.ts';

/** Each process stages in a folder of its own below this one. */
const stagedFolder = '.staged';
/** A tool that outlived its server may put one more file into a folder that is being removed: then it is tried again. */
const sweeping = { recursive: true, force: true, maxRetries: 10, retryDelay: 20 } as const;
const folderMode = 0o750;
const fileMode = 0o640;
/** Bytes after which what was written so far is sent to the disk, so that the last sync of a large file is short. */
const syncEveryBytes = 16 * 1024 * 1024;
const keyShape = /^[a-z0-9][a-z0-9_-]*(?:[./][a-z0-9_-]+)*$/;
const keyMaxCharacters = 200;
const pingBytes = 4 * 1024;

/**
 * Files below one folder. A file is written under `.staged`, synced and renamed to its place: on one file system a rename
 * is atomic, and after the folders are synced as well it survives a power loss.
 */
export async function createDiskBlobStore(options: { readonly root: string }): Promise<BlobStore> {
  const root = resolve(options.root);
  const allStaging = join(root, stagedFolder);
  const ownStaging = randomBytes(6).toString('hex');
  const staging = join(allStaging, ownStaging);
  await mkdir(staging, { recursive: true, mode: folderMode });

  const pathOf = (key: string): string | undefined =>
    key.length <= keyMaxCharacters && keyShape.test(key) ? join(root, ...key.split('/')) : undefined;

  const ownPathOf = (key: string): string => {
    const path = pathOf(key);
    if (path === undefined) throw new TypeError(`not a blob key: ${key}`);
    return path;
  };

  /** Makes the folders of `path` and syncs the entries of those that are new. */
  async function makeFolders(path: string): Promise<void> {
    const first = await mkdir(dirname(path), { recursive: true, mode: folderMode });
    if (first === undefined) return;
    for (let folder = dirname(path); folder.length >= dirname(first).length; folder = dirname(folder))
      await syncPath(folder);
  }

  function stagedBlob(path: string, sizeBytes: number, sha256: string): StagedBlob {
    let promoted = false;
    return {
      sizeBytes,
      sha256,
      path,
      promote: (key) =>
        translating(async () => {
          const target = ownPathOf(key);
          await makeFolders(target);
          await rename(path, target);
          promoted = true;
          await syncPath(dirname(target));
        }),
      discard: async () => {
        if (!promoted) await rm(path, { force: true });
      },
    };
  }

  const scratchPath = (extension: string): string => join(staging, `${randomBytes(12).toString('hex')}.${extension}`);

  return {
    stage: (source, { maxBytes }) =>
      translating(async () => {
        const path = scratchPath('part');
        try {
          const written = await writeHashing(source, path, maxBytes);
          return stagedBlob(path, written.sizeBytes, written.sha256);
        } catch (error) {
          await rm(path, { force: true });
          throw error;
        }
      }),
    scratchPath,
    adopt: (path) =>
      translating(async () => {
        const file = await open(path, 'r+');
        try {
          const hash = createHash('sha256');
          let sizeBytes = 0;
          for await (const chunk of file.createReadStream({ autoClose: false, highWaterMark: 256 * 1024 })) {
            hash.update(chunk);
            sizeBytes += chunk.length;
          }
          await file.chmod(fileMode);
          await file.sync();
          return stagedBlob(path, sizeBytes, hash.digest('hex'));
        } finally {
          await file.close();
        }
      }),
    discardScratch: (path) => rm(path, { force: true }),
    locate: async (key) => {
      const path = pathOf(key);
      if (path === undefined) return undefined;
      const info = await stat(path).catch(ignoreMissing);
      return info?.isFile() === true ? { kind: 'file', path, root } : undefined;
    },
    withLocalFile: async (key, use) => {
      const path = ownPathOf(key);
      if ((await stat(path).catch(ignoreMissing))?.isFile() !== true) throw new BlobMissingError(`no blob ${key}`);
      return await use(path);
    },
    delete: async (keys) => {
      for (const path of keys.map(ownPathOf)) {
        await unlink(path).catch(ignoreMissing);
        await removeEmptyFolders(dirname(path), root);
      }
    },
    deleteFolder: async (folder) => {
      const path = ownPathOf(folder);
      await rm(path, { recursive: true, force: true });
      await removeEmptyFolders(dirname(path), root);
    },
    sweepStaged: async () => {
      // With their folder: ffmpeg outlives a server that is killed, and must not find a place to write to any more.
      const left = (await readdir(allStaging)).filter((name) => name !== ownStaging);
      for (const name of left) await rm(join(allStaging, name), sweeping);
      return left.length;
    },
    ping: async () => {
      const path = scratchPath('ping');
      const file = await open(path, 'wx', fileMode);
      try {
        // More than an empty file, for which a full disk has room.
        await file.writeFile(Buffer.alloc(pingBytes));
      } finally {
        await file.close();
        await unlink(path);
      }
    },
    // If a tool still writes there, the next start removes it.
    close: () => rmdir(staging).catch(() => undefined),
  };
}

async function writeHashing(
  source: Readable,
  path: string,
  maxBytes: number,
): Promise<{ sizeBytes: number; sha256: string }> {
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
      unsynced += bytes.length;
      if (unsynced >= syncEveryBytes) {
        unsynced = 0;
        await syncing;
        syncing = file.datasync();
        // Its failure is seen when it is awaited; until then it must not end the process.
        syncing.catch(() => undefined);
      }
    }
    await syncing;
    await file.sync();
    return { sizeBytes, sha256: hash.digest('hex') };
  } finally {
    await file.close();
  }
}

async function writeAll(file: FileHandle, bytes: Buffer): Promise<void> {
  for (let offset = 0; offset < bytes.length; ) offset += (await file.write(bytes, offset)).bytesWritten;
}

/** Syncs a folder's entries. */
async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function removeEmptyFolders(folder: string, root: string): Promise<void> {
  for (let one = folder; one.startsWith(root + sep) && basename(one) !== stagedFolder; one = dirname(one)) {
    // Not empty, or gone already: either way this is where it ends.
    if (
      !(await rmdir(one).then(
        () => true,
        () => false,
      ))
    )
      return;
  }
}

function ignoreMissing(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
    return undefined;
  throw error;
}

/** The folder is gone, or the disk under it: nothing that a caller did. */
const outOfReach = new Set(['ENOENT', 'EIO', 'EROFS', 'EACCES', 'EPERM', 'ENODEV', 'ESTALE']);

async function translating<T>(work: () => Promise<T>): Promise<T> {
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
