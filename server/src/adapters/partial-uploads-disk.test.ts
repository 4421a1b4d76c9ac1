import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../test/server.ts';
import { BlobStoreUnavailableError } from '../ports/blob-store.ts';
import { partialUploadsConformance } from '../ports/partial-uploads.conformance.ts';
import { createDiskBlobStore } from './blob-disk.ts';
import { createDiskPartialUploads } from './partial-uploads-disk.ts';

describe('as a keeper of partial uploads', () => {
  partialUploadsConformance(async () => {
    const folder = temporaryFolder();
    const root = join(folder.path, 'media');
    const open = () => createDiskPartialUploads({ root });
    let paths = 0;
    return {
      partials: await open(),
      another: open,
      path: () => {
        paths += 1;
        return join(folder.path, `whole${paths}`);
      },
      everything: async () => readdirSync(join(root, '.partial')),
      dispose: async () => folder.remove(),
    };
  });
});

describe('beside a blob store', () => {
  const id = 'a'.repeat(32);

  it('is neither swept with what is staged nor found by a key, and its file becomes a blob without being copied', async () => {
    const folder = temporaryFolder();
    try {
      const root = join(folder.path, 'media');
      const [store, partials] = [await createDiskBlobStore({ root }), await createDiskPartialUploads({ root })];
      await partials.append(id, 0, Readable.from([Buffer.from('content')]));
      await store.sweepStaged();
      expect(await partials.offset(id)).toBe(7);
      expect(await store.locate(`.partial/${id}`)).toBeUndefined();
      const path = store.scratchPath('part');
      await partials.assemble(id, 7, path);
      const { ino } = statSync(path);
      await (await store.adopt(path)).promote('videos/1/a.mp4');
      await partials.remove(id);
      const location = await store.locate('videos/1/a.mp4');
      expect(location?.kind === 'file' && statSync(location.path).ino).toBe(ino);
    } finally {
      folder.remove();
    }
  });

  it('says that the folder is away', async () => {
    const folder = temporaryFolder();
    try {
      const partials = await createDiskPartialUploads({ root: folder.path });
      rmSync(join(folder.path, '.partial'), { recursive: true });
      await expect(partials.append(id, 0, Readable.from([Buffer.from('a')]))).rejects.toBeInstanceOf(
        BlobStoreUnavailableError,
      );
    } finally {
      folder.remove();
    }
  });
});
