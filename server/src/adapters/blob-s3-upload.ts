/** Sending local files to S3: in one request, in parts, and in parts while the file is still growing. */
import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { S3Connection } from './blob-s3-connection.ts';
import { abortUpload, abortUploadsOf, isNoSuchUpload } from './blob-s3-removal.ts';
import { withKnownHash } from './blob-s3-wire.ts';

/** S3 wants at least 5 MiB, but of the last one. A file that is not larger than one part goes in one request. */
const partMinBytes = 8 * 1024 * 1024;
/** S3 takes 10,000. */
const maxParts = 9_000;
/** Of one upload at once. Parts are read from the local file as they are sent, so memory does not depend on their size. */
const partsAtOnce = 3;
const readBytes = 128 * 1024;

/** How an object is kept: its type, and that what is under its key never changes. */
export type ObjectHeaders = { readonly ContentType: string; readonly CacheControl: string };

/** A piece of a local file, and its hash. */
type Piece = { readonly path: string; readonly start: number; readonly sizeBytes: number; readonly sha256: string };
type Part = { readonly PartNumber: number; readonly ETag: string | undefined };

export type MultipartUpload = {
  /** The next bytes of the file, which are in it already. Throws what made the upload fail, if it has. */
  written(bytes: Buffer): void;
  /** There are no more; resolves when all parts are there. */
  end(): Promise<void>;
  /** Makes the object. Running it again is fine. */
  complete(): Promise<void>;
  /** Ends the upload and removes its parts; nothing of it is left if it had not been completed. */
  abort(): Promise<void>;
  /** Whether anything of it is in the bucket. A file that fits into one part is never begun. */
  readonly begun: boolean;
};

export type UploadTarget = { readonly key: string; readonly headers: ObjectHeaders };

/** A size of parts with which a file of `maxBytes` has not too many of them. */
export const partBytesFor = (maxBytes: number): number => {
  const mebibyte = 1024 * 1024;
  return Math.max(partMinBytes, Math.ceil(maxBytes / maxParts / mebibyte) * mebibyte);
};

/** A file that is complete, in one request. */
export async function putFile(s3: S3Connection, target: UploadTarget, piece: Piece): Promise<void> {
  await s3.call('bulk', (client, abortSignal) =>
    reading(piece, abortSignal, async (body, signal) => {
      const object = { Bucket: s3.bucket, Key: target.key, ...target.headers };
      await client.send(new PutObjectCommand({ ...object, ...body }), { abortSignal: signal });
    }),
  );
}

/** An upload to `target` of a file at `path` that is being written, or read, in order. */
export function multipartUpload(
  s3: S3Connection,
  target: UploadTarget,
  path: string,
  partBytes: number,
): MultipartUpload {
  const object = { Bucket: s3.bucket, Key: target.key };
  const waiting: (Piece & { readonly number: number })[] = [];
  const parts: Part[] = [];
  let beginning: Promise<string> | undefined;
  let failure: { readonly error: unknown } | undefined;
  let sending = 0;
  let idle = (): void => undefined;

  let hash: Hash = createHash('sha256');
  let start = 0;
  let sizeBytes = 0;
  let number = 0;

  const begin = (): Promise<string> => {
    beginning ??= s3.call('control', async (client, abortSignal) => {
      const { UploadId: id } = await client.send(new CreateMultipartUploadCommand({ ...object, ...target.headers }), {
        abortSignal,
      });
      if (id === undefined) throw new Error('an upload without an id');
      return id;
    });
    return beginning;
  };

  async function send(part: Piece & { readonly number: number }): Promise<void> {
    const UploadId = await begin();
    const ETag = await s3.call('bulk', (client, abortSignal) =>
      reading(part, abortSignal, async (body, signal) => {
        const command = new UploadPartCommand({ ...object, UploadId, PartNumber: part.number, ...body });
        return (await client.send(command, { abortSignal: signal })).ETag;
      }),
    );
    parts.push({ PartNumber: part.number, ETag });
  }

  const sendWaiting = (): void => {
    while (sending < partsAtOnce && failure === undefined) {
      const part = waiting.shift();
      if (part === undefined) break;
      sending += 1;
      send(part)
        .catch((error: unknown) => {
          failure ??= { error };
        })
        .finally(() => {
          sending -= 1;
          sendWaiting();
        });
    }
    if (sending === 0) idle();
  };

  const cut = (): void => {
    number += 1;
    waiting.push({ path, start, sizeBytes, number, sha256: hash.digest('hex') });
    hash = createHash('sha256');
    start += sizeBytes;
    sizeBytes = 0;
  };
  const allSent = (): Promise<void> =>
    new Promise((resolve) => {
      idle = resolve;
      sendWaiting();
    });

  return {
    written: (bytes) => {
      if (failure !== undefined) throw failure.error;
      for (let offset = 0; offset < bytes.length; ) {
        // Only when more comes: what fills one part and ends there is not worth a multipart upload.
        if (sizeBytes === partBytes) {
          cut();
          sendWaiting();
        }
        const slice = bytes.subarray(offset, offset + partBytes - sizeBytes);
        hash.update(slice);
        sizeBytes += slice.length;
        offset += slice.length;
      }
    },
    end: async () => {
      if (beginning === undefined) return;
      cut();
      await allSent();
      if (failure !== undefined) throw failure.error;
    },
    complete: async () => {
      const UploadId = await begin();
      const Parts = parts.toSorted((one, other) => one.PartNumber - other.PartNumber);
      const command = { ...object, UploadId, MultipartUpload: { Parts } };
      await s3
        .call('control', (client, abortSignal) =>
          client.send(new CompleteMultipartUploadCommand(command), { abortSignal }),
        )
        .catch((error: unknown) => {
          // An attempt before may have done it without an answer. Whether it has, who uses the object finds out.
          if (!isNoSuchUpload(error)) throw error;
        });
    },
    abort: async () => {
      waiting.length = 0;
      if (beginning === undefined) return;
      // Of a part that is still being sent the server may keep something after the upload was ended.
      failure ??= { error: new Error('the upload was ended') };
      await allSent();
      const UploadId = await beginning.catch(() => undefined);
      if (UploadId !== undefined) await abortUpload(s3, target.key, UploadId);
      // It may have been begun without an answer.
      else await abortUploadsOf(s3, target.key);
    },
    get begun() {
      return beginning !== undefined;
    },
  };
}

type Body = { readonly Body: Readable | Buffer; readonly ContentLength: number };

/** Hands `use` the bytes of a piece of a file; if they cannot be read, it is ended, since it would wait for them. */
async function reading<T>(
  { path, start, sizeBytes, sha256 }: Piece,
  signal: AbortSignal,
  use: (body: Body, abortSignal: AbortSignal) => Promise<T>,
): Promise<T> {
  if (sizeBytes === 0) return await use({ Body: Buffer.alloc(0), ContentLength: 0 }, signal);
  const stream = createReadStream(path, { start, end: start + sizeBytes - 1, highWaterMark: readBytes });
  const ended = new AbortController();
  const unreadable = new Promise<never>((_resolve, reject) => stream.on('error', reject));
  try {
    const body = { Body: withKnownHash(stream, sha256), ContentLength: sizeBytes };
    return await Promise.race([use(body, AbortSignal.any([signal, ended.signal])), unreadable]);
  } finally {
    ended.abort();
    stream.destroy();
  }
}
