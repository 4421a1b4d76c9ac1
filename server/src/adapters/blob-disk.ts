import { mkdir, open, rename, rm, rmdir, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { BlobMissingError, type BlobStore, BlobTooLargeError, type StagedBlob } from '../ports/index.ts';
import { listFolder } from './blob-disk-listing.ts';
import {
  assertBlobKey,
  type Content,
  fileMode,
  folderMode,
  hashFile,
  isBlobKey,
  openStaging,
  translating,
  writeHashing,
} from './blob-staging.ts';

/** Each process stages in a folder of its own below this one. */
const stagedFolder = '.staged';
const pingBytes = 4 * 1024;

/**
 * Files below one folder. A file is written under `.staged`, synced and renamed to its place: on one file system a rename
 * is atomic, and after the folders are synced as well it survives a power loss.
 */
export async function createDiskBlobStore(options: { readonly root: string }): Promise<BlobStore> {
  const root = resolve(options.root);
  const staging = await openStaging(join(root, stagedFolder));

  const ownPathOf = (key: string): string => {
    assertBlobKey(key);
    return join(root, ...key.split('/'));
  };

  /** Makes the folders of `path` and syncs the entries of those that are new. */
  async function makeFolders(path: string): Promise<void> {
    const first = await mkdir(dirname(path), { recursive: true, mode: folderMode });
    if (first === undefined) return;
    for (let folder = dirname(path); folder.length >= dirname(first).length; folder = dirname(folder))
      await syncPath(folder);
  }

  function stagedBlob(path: string, content: Content): StagedBlob {
    let promoted = false;
    return {
      ...content,
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

  const { scratchPath } = staging;

  return {
    stage: (source, { maxBytes }) =>
      translating(async () => {
        const path = scratchPath('part');
        try {
          return stagedBlob(path, await writeHashing(source, path, { maxBytes, synced: true }));
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
          const content = await hashFile(file);
          await file.chmod(fileMode);
          await file.sync();
          return stagedBlob(path, content);
        } finally {
          await file.close();
        }
      }),
    discardScratch: (path) => rm(path, { force: true }),
    locate: async (key) => {
      if (!isBlobKey(key)) return undefined;
      const path = ownPathOf(key);
      const info = await stat(path).catch(ignoreMissing);
      return info?.isFile() === true ? { kind: 'file', path, root } : undefined;
    },
    read: async (key, { maxBytes }) => {
      if (!isBlobKey(key)) return undefined;
      const file = await open(ownPathOf(key), 'r').catch(ignoreMissing);
      if (file === undefined) return undefined;
      try {
        const info = await file.stat();
        if (!info.isFile()) return undefined;
        if (info.size > maxBytes) throw new BlobTooLargeError(`more than ${maxBytes} bytes`);
        return await file.readFile();
      } finally {
        await file.close();
      }
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
    list: (folder, { after = '' } = {}) => {
      assertBlobKey(folder);
      return listFolder(root, folder, { after });
    },
    // This process holds the lock on the root, so every other one is gone.
    sweepStaged: async () => (await staging.sweep(() => ({ release: () => undefined }))).length,
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
    close: () => staging.close(),
  };
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
