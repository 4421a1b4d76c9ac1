import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import type { S3Storage } from '../config/index.ts';
import type { PartialUploads } from '../ports/index.ts';
import { connectS3, type S3Connection } from './blob-s3-connection.ts';
import { deleteObjects, deletePrefix } from './blob-s3-removal.ts';
import { putFile } from './blob-s3-upload.ts';
import { bufferOf, fileMode, translating, writeAll } from './blob-staging.ts';

/** No key of a blob begins with a dot. */
const partialPrefix = '.partial/';
/** Bytes that travel in one request, and that are sent again at most if this process dies before they have arrived. */
const segmentBytes = 8 * 1024 * 1024;
/** A last segment that is smaller is sent again together with what comes next, so that small pieces do not become many objects. */
const mergeBelowBytes = 1024 * 1024;
const maxPages = 10_000;
const idShape = /^[0-9a-f]{32}$/;
const segmentShape = /\/(\d{16})-(\d{16})$/;
const headers = { ContentType: 'application/octet-stream', CacheControl: 'no-store' } as const;

/** Bytes `start` to `end`, without the latter, of an upload. */
type Segment = { readonly key: string; readonly start: number; readonly end: number };

/**
 * Segments of an upload as objects of their own, named by where they begin and end, so that any process can go on with it. They
 * are not parts of an S3 multipart upload, of which all but the last have to be 5 MiB: here every piece is kept as soon as
 * it has come. What is there is what the segments cover without a gap, so one that is written late or twice, by a process
 * that had lost the upload's lock, takes nothing away.
 */
export async function createS3PartialUploads(options: {
  readonly storage: S3Storage;
  /** A new local path: segments are gathered there before they are sent. */
  readonly scratchPath: (extension: string) => string;
}): Promise<PartialUploads> {
  const s3 = connectS3(options.storage);
  const folderOf = (id: string): string => {
    if (!idShape.test(id)) throw new TypeError('not the id of an upload');
    return `${partialPrefix}${id}/`;
  };

  async function append(id: string, offset: number, source: AsyncIterable<Uint8Array>): Promise<number> {
    const found = covering(await listSegments(s3, folderOf(id)));
    const size = endOf(found);
    if (size !== offset) throw new RangeError(`${size} bytes are there, not ${offset}`);
    const last = found.at(-1);
    const merged = last !== undefined && last.end - last.start < mergeBelowBytes ? last : undefined;
    const sender = segmentSender(s3, folderOf(id), options.scratchPath, merged?.start ?? offset);
    try {
      let begun = false;
      try {
        for await (const chunk of source) {
          if (!begun && merged !== undefined) await sender.add(await readSegment(s3, merged));
          begun = true;
          await sender.add(bufferOf(chunk));
        }
      } finally {
        // Also what came before a connection was lost: the client is told of it when it asks where to go on.
        if (begun) await sender.end();
      }
      if (begun && merged !== undefined) await deleteObjects(s3, [merged.key]);
      return begun ? sender.sentUpTo() : offset;
    } finally {
      await sender.close();
    }
  }

  return {
    offset: async (id) => endOf(covering(await listSegments(s3, folderOf(id)))),
    append: (id, offset, source) => translating(() => append(id, offset, source)),
    assemble: (id, sizeBytes, path) =>
      translating(async () => {
        const segments = covering(await listSegments(s3, folderOf(id)));
        if (endOf(segments) !== sizeBytes) throw new RangeError(`${endOf(segments)} bytes are there, not ${sizeBytes}`);
        await (await open(path, 'wx', fileMode)).close();
        try {
          let position = 0;
          for (const segment of segments) {
            await copyToFile(s3, segment, path, position);
            position = segment.end;
          }
        } catch (error) {
          await rm(path, { force: true });
          throw error;
        }
      }),
    remove: (id) => deletePrefix(s3, folderOf(id)),
    close: () => s3.close(),
  };
}

/** Gathers bytes in local files and sends each when it is full, one while the next is gathered. */
function segmentSender(s3: S3Connection, folder: string, scratchPath: (extension: string) => string, from: number) {
  let start = from;
  let sizeBytes = 0;
  let sent = from;
  let hash = createHash('sha256');
  let gathering: { readonly file: FileHandle; readonly path: string } | undefined;
  let sending: Promise<void> = Promise.resolve();

  async function cut(): Promise<void> {
    if (gathering === undefined) return;
    const { file, path } = gathering;
    const piece = { path, start: 0, sizeBytes, sha256: hash.digest('hex') };
    const end = start + sizeBytes;
    const key = `${folder}${[start, end].map((at) => String(at).padStart(16, '0')).join('-')}`;
    gathering = undefined;
    hash = createHash('sha256');
    [start, sizeBytes] = [end, 0];
    await file.close();
    try {
      // One that failed ends it all: behind a gap nothing counts.
      await sending;
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    }
    sending = putFile(s3, { key, headers }, piece)
      .then(() => {
        sent = end;
      })
      .finally(() => rm(path, { force: true }));
    // Its failure is seen when it is awaited; until then it must not end the process.
    sending.catch(() => undefined);
  }

  return {
    add: async (bytes: Buffer): Promise<void> => {
      for (let offset = 0; offset < bytes.length; ) {
        if (gathering === undefined) {
          const path = scratchPath('part');
          gathering = { path, file: await open(path, 'wx', fileMode) };
        }
        const slice = bytes.subarray(offset, offset + segmentBytes - sizeBytes);
        hash.update(slice);
        await writeAll(gathering.file, slice);
        sizeBytes += slice.length;
        offset += slice.length;
        if (sizeBytes === segmentBytes) await cut();
      }
    },
    end: async (): Promise<void> => {
      await cut();
      await sending;
    },
    sentUpTo: () => sent,
    close: async (): Promise<void> => {
      await sending.catch(() => undefined);
      if (gathering === undefined) return;
      await gathering.file.close();
      await rm(gathering.path, { force: true });
    },
  };
}

async function listSegments(s3: S3Connection, Prefix: string): Promise<Segment[]> {
  const segments: Segment[] = [];
  let token: string | undefined;
  for (let page = 0; page < maxPages; page += 1) {
    const ContinuationToken = token;
    const listed = await s3.call('control', (client, abortSignal) =>
      client.send(new ListObjectsV2Command({ Bucket: s3.bucket, Prefix, ContinuationToken }), { abortSignal }),
    );
    for (const { Key: key = '' } of listed.Contents ?? []) {
      const [, start, end] = segmentShape.exec(key) ?? [];
      if (start !== undefined && end !== undefined) segments.push({ key, start: Number(start), end: Number(end) });
    }
    token = listed.NextContinuationToken;
    if (token === undefined) return segments;
  }
  throw new RangeError(`more than ${maxPages} pages of segments`);
}

/** Those that cover an upload from its beginning without a gap, each of them further than the one before. */
export function covering<S extends Pick<Segment, 'start' | 'end'>>(segments: readonly S[]): S[] {
  const sorted = segments.toSorted((one, other) => one.start - other.start || other.end - one.end);
  const chosen: S[] = [];
  let best: S | undefined;
  for (const segment of sorted) {
    const end = chosen.at(-1)?.end ?? 0;
    // What begins behind the end needs the best of those before.
    if (segment.start > end && best !== undefined) {
      chosen.push(best);
      best = undefined;
    }
    const reached = chosen.at(-1)?.end ?? 0;
    if (segment.start > reached) break;
    if (segment.end > Math.max(reached, best?.end ?? 0)) best = segment;
  }
  return best === undefined ? chosen : [...chosen, best];
}

const endOf = (segments: readonly Segment[]): number => segments.at(-1)?.end ?? 0;

async function readSegment(s3: S3Connection, { key }: Segment): Promise<Buffer> {
  return await s3.call('bulk', async (client, abortSignal) => {
    const { Body: body } = await client.send(new GetObjectCommand({ Bucket: s3.bucket, Key: key }), { abortSignal });
    if (body === undefined) throw new TypeError('an object without a body');
    return Buffer.from(await body.transformToByteArray());
  });
}

/** Writes what the segment has from `position` on at that place of the file. */
async function copyToFile(s3: S3Connection, segment: Segment, path: string, position: number): Promise<void> {
  const Range = `bytes=${position - segment.start}-`;
  await s3.call('bulk', async (client, signal) => {
    const { Body: body } = await client.send(new GetObjectCommand({ Bucket: s3.bucket, Key: segment.key, Range }), {
      abortSignal: signal,
    });
    if (!(body instanceof Readable)) throw new TypeError('an object that is no stream');
    await pipeline(body, createWriteStream(path, { flags: 'r+', start: position }), { signal });
  });
}
