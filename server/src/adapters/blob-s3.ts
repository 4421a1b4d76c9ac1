import { createWriteStream } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { extname } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { GetObjectCommand, HeadBucketCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { mediaTypeOf } from '@tiktok-server/contract';
import type { S3Storage } from '../config/index.ts';
import type { BlobStore, StagedBlob } from '../ports/index.ts';
import { createAddresses } from './blob-s3-addresses.ts';
import { checkBucket } from './blob-s3-boot.ts';
import { addCorsRule, addLifecycleRules } from './blob-s3-bucket-rules.ts';
import { connectS3 } from './blob-s3-connection.ts';
import { copyObject } from './blob-s3-copy.ts';
import { createLeftovers } from './blob-s3-leftovers.ts';
import { listObjects } from './blob-s3-listing.ts';
import type { Reached } from './blob-s3-liveness.ts';
import { readObject } from './blob-s3-read.ts';
import { deleteObjects, deletePrefix, removeAbandoned } from './blob-s3-removal.ts';
import { openLockedStaging } from './blob-s3-staging.ts';
import { type MultipartUpload, multipartUpload, type ObjectHeaders, partBytesFor, putFile } from './blob-s3-upload.ts';
import { assertBlobKey, type Content, hashFile, isBlobKey, translating, writeHashing } from './blob-staging.ts';

/** No key begins with a dot. Below it each process has a folder of its own, as on the local disk. */
const stagedPrefix = '.staged/';
/** Readiness is asked every few seconds, and a write costs ten times what a read does. */
const writeCheckEveryMs = 60_000;
const pingBytes = 4 * 1024;

/** A key names one content for ever. */
const cacheControl = 'public, max-age=31536000, immutable';

const headersOf = (key: string): ObjectHeaders => ({
  ContentType: mediaTypeOf(key),
  CacheControl: cacheControl,
});

export type S3BlobStoreOptions = {
  readonly storage: S3Storage;
  /** Local folder for files while they are looked at; processes on one machine may share it. */
  readonly stagingFolder: string;
  /** Milliseconds since 1970, by which addresses are signed. */
  readonly now?: () => number;
  /** The server is found to be away, or to be back. */
  readonly reached?: Reached;
  /** Something is not as it should be, and everything but what is named goes on. */
  readonly warn?: (words: string) => void;
};

/**
 * Objects of one bucket, which is this product's own. What arrives is kept in a local file until it is promoted or
 * discarded, because tools look at it; of what is larger than one part, the parts are sent meanwhile, to an upload whose
 * key no client ever sees. Rejects within 10 s, with a line that names the setting, if the bucket cannot be used.
 */
export async function createS3BlobStore(options: S3BlobStoreOptions): Promise<BlobStore> {
  const { storage, stagingFolder, now = Date.now, warn = () => undefined } = options;
  const staging = await openLockedStaging(stagingFolder);
  // What is wrong at the start is its caller's to say.
  let begun = false;
  const s3 = connectS3(storage, (is) => begun && options.reached?.(is));
  const ownPrefix = `${stagedPrefix}${staging.name}/`;
  const close = async (): Promise<void> => {
    s3.close();
    await staging.close();
  };
  try {
    await checkBucket(s3, storage, `${ownPrefix}check`);
  } catch (error) {
    await close();
    throw error;
  }
  begun = true;
  await addLifecycleRules(s3, stagedPrefix);
  await addCorsRule(s3, warn);
  const addresses = createAddresses(s3, { publicUrl: storage.publicUrl, now });
  const leftovers = createLeftovers();
  const { scratchPath } = staging;
  let lastWriteCheckMs = performance.now();

  /** What arrived, of which `arriving` has sent the beginning if it is large; or what a tool has written. */
  function stagedBlob(path: string, content: Content, arriving?: { upload: MultipartUpload; key: string }): StagedBlob {
    let state: 'staged' | 'promoted' | 'discarded' = 'staged';
    const removeRemote = async (): Promise<void> => {
      if (arriving?.upload.begun !== true) return;
      await arriving.upload.abort();
      await deleteObjects(s3, [arriving.key]);
    };
    return {
      ...content,
      path,
      promote: (key) =>
        translating(async () => {
          assertBlobKey(key);
          if (state !== 'staged') throw new TypeError(`the content was ${state} already`);
          const target = { key, headers: headersOf(key) };
          const partBytes = partBytesFor(content.sizeBytes);
          if (arriving?.upload.begun === true) {
            await arriving.upload.complete();
            await copyObject(s3, arriving.key, target, content.sizeBytes);
          } else if (content.sizeBytes <= partBytes) {
            await putFile(s3, target, { path, start: 0, ...content });
          } else {
            await sendInParts(multipartUpload(s3, target, path, partBytes), path);
          }
          state = 'promoted';
          if (arriving?.upload.begun === true) await leftovers.remove(() => deleteObjects(s3, [arriving.key]));
          await rm(path, { force: true });
          leftovers.retry();
        }),
      discard: async () => {
        if (state !== 'staged') return;
        state = 'discarded';
        await rm(path, { force: true });
        await leftovers.remove(removeRemote);
      },
    };
  }

  async function sendInParts(upload: MultipartUpload, path: string): Promise<void> {
    const file = await open(path, 'r');
    try {
      await hashFile(file, upload.written);
      await upload.end();
      await upload.complete();
    } catch (error) {
      await leftovers.remove(upload.abort);
      throw error;
    } finally {
      await file.close();
    }
  }

  return {
    stage: (source, { maxBytes }) =>
      translating(async () => {
        const path = scratchPath('part');
        const key = `${ownPrefix}${path.slice(staging.folder.length + 1)}`;
        const upload = multipartUpload(s3, { key, headers: headersOf(key) }, path, partBytesFor(maxBytes));
        try {
          // Before the first byte of what could not be kept.
          await s3.ready();
          const content = await writeHashing(source, path, { maxBytes, synced: false, written: upload.written });
          await upload.end();
          return stagedBlob(path, content, { upload, key });
        } catch (error) {
          source.destroy();
          // Parts that are being sent are read from the file.
          await leftovers.remove(upload.abort);
          await rm(path, { force: true });
          throw error;
        }
      }),
    scratchPath,
    adopt: (path) =>
      translating(async () => {
        const file = await open(path, 'r');
        try {
          return stagedBlob(path, await hashFile(file));
        } finally {
          await file.close();
        }
      }),
    discardScratch: (path) => rm(path, { force: true }),
    locate: async (key, method = 'GET') => (isBlobKey(key) ? await addresses.locate(key, method) : undefined),
    read: async (key, { maxBytes }) => (isBlobKey(key) ? await readObject(s3, key, maxBytes) : undefined),
    withLocalFile: async (key, use) => {
      assertBlobKey(key);
      const path = scratchPath(extname(key).slice(1) || 'blob');
      try {
        await translating(() =>
          s3.call('bulk', async (client, signal) => {
            const { Body: body } = await client.send(new GetObjectCommand({ Bucket: s3.bucket, Key: key }), {
              abortSignal: signal,
            });
            if (!(body instanceof Readable)) throw new TypeError('an object that is no stream');
            await pipeline(body, createWriteStream(path), { signal });
          }),
        );
        return await use(path);
      } finally {
        await rm(path, { force: true });
      }
    },
    delete: async (keys) => {
      keys.forEach(assertBlobKey);
      await deleteObjects(s3, keys);
      addresses.forget((key) => keys.includes(key));
    },
    deleteFolder: async (folder) => {
      assertBlobKey(folder);
      await deletePrefix(s3, `${folder}/`);
      addresses.forget((key) => key.startsWith(`${folder}/`));
    },
    list: (folder, { after } = {}) => {
      assertBlobKey(folder);
      return listObjects(s3, `${folder}/`, { after });
    },
    sweepStaged: async () => {
      const names = await staging.sweepGone();
      const gone = names.map((name) => `${stagedPrefix}${name}/`);
      return names.length + (await removeAbandoned(s3, { stagedPrefix, gone, nowMs: now() }));
    },
    ping: async () => {
      const object = { Bucket: s3.bucket, Key: `${ownPrefix}ping` };
      if (performance.now() - lastWriteCheckMs > writeCheckEveryMs) {
        await s3.call('control', (client, abortSignal) =>
          client.send(new PutObjectCommand({ ...object, Body: Buffer.alloc(pingBytes) }), { abortSignal }),
        );
        lastWriteCheckMs = performance.now();
        await deleteObjects(s3, [object.Key]);
      } else {
        await s3.call('control', (client, abortSignal) =>
          client.send(new HeadBucketCommand({ Bucket: s3.bucket }), { abortSignal }),
        );
      }
      leftovers.retry();
    },
    close,
  };
}
