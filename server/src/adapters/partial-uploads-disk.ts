import { constants, copyFile, link, mkdir, open, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { PartialUploads } from '../ports/index.ts';
import { bufferOf, fileMode, folderMode, syncEveryBytes, translating, writeAll } from './blob-staging.ts';

/** Beside the folder of staged files, on the file system of the blobs: no key begins with a dot. */
const partialFolder = '.partial';
const idShape = /^[0-9a-f]{32}$/;

/** File systems without links (exFAT, some network shares) say one of these. */
const cannotLink = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK', 'EXDEV']);

/**
 * One file per upload, below the folder of the blobs. Its length is the offset: what is written stays there when this process
 * is killed, and an acknowledged append is synced.
 */
export async function createDiskPartialUploads(options: { readonly root: string }): Promise<PartialUploads> {
  const folder = join(resolve(options.root), partialFolder);
  await mkdir(folder, { recursive: true, mode: folderMode });

  const pathOf = (id: string): string => {
    if (!idShape.test(id)) throw new TypeError('not the id of an upload');
    return join(folder, id);
  };
  const sizeOf = (path: string): Promise<number> =>
    stat(path).then(
      ({ size }) => size,
      (error: unknown) => {
        if (codeOf(error) === 'ENOENT') return 0;
        throw error;
      },
    );
  const syncFolder = async (): Promise<void> => {
    const handle = await open(folder, 'r');
    await handle.sync().finally(() => handle.close());
  };

  return {
    offset: (id) => translating(() => sizeOf(pathOf(id))),
    append: (id, offset, source) =>
      translating(async () => {
        const isNew = offset === 0;
        const file = await open(pathOf(id), constants.O_RDWR | constants.O_CREAT, fileMode);
        try {
          const { size } = await file.stat();
          if (size !== offset) throw new RangeError(`${size} bytes are there, not ${offset}`);
          let position = offset;
          let unsynced = 0;
          try {
            for await (const chunk of source) {
              const bytes = bufferOf(chunk);
              await writeAll(file, bytes, position);
              position += bytes.length;
              unsynced += bytes.length;
              if (unsynced < syncEveryBytes) continue;
              unsynced = 0;
              await file.datasync();
            }
          } finally {
            // Also what came before a connection was lost: the client is told of it when it asks where to go on.
            await file.sync();
            if (isNew) await syncFolder();
          }
          return position;
        } finally {
          await file.close();
        }
      }),
    assemble: (id, sizeBytes, path) =>
      translating(async () => {
        const partial = pathOf(id);
        const size = await sizeOf(partial);
        if (size !== sizeBytes) throw new RangeError(`${size} bytes are there, not ${sizeBytes}`);
        await link(partial, path).catch(async (error: unknown) => {
          if (!cannotLink.has(codeOf(error))) throw error;
          await copyFile(partial, path, constants.COPYFILE_EXCL);
        });
      }),
    remove: (id) => translating(() => rm(pathOf(id), { force: true })),
    close: () => undefined,
  };
}

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '');
