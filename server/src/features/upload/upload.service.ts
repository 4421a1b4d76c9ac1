/**
 * Resumable uploads: rows that say whose they are, how large, and what became of them, over bytes that a port keeps. How
 * they come is the affair of HTTP.
 */
import { randomBytes } from 'node:crypto';
import { DomainError } from '@tiktok-server/contract';
import type { Database, UploadRow } from '../../db/index.ts';
import { intentPrefix, type Writer } from '../../jobs/index.ts';
import type { Clock, PartialUploads } from '../../ports/index.ts';
import { uploadStore, videoStore } from '../../store/index.ts';
import { requireOpenAccount } from '../actor.ts';
import type { Release, UploadLocks } from './upload-locks.ts';
import { readDeclared, type UploadMetadata, withoutToken } from './upload-metadata.ts';

/** How long the request that brought the last byte has to publish the file itself before the job is due. */
const publishJobDelayMs = 30_000;

export type UploadLimits = {
  readonly maxBytes: number;
  /** Of one user, not finished. */
  readonly unfinished: { readonly count: number; readonly bytes: number };
  /** After the last byte came. */
  readonly expiryMs: number;
};

export type UploadDeps = {
  readonly database: Database;
  readonly writer: Writer;
  readonly clock: Clock;
  readonly partials: PartialUploads;
  readonly locks: UploadLocks;
  readonly limits: UploadLimits;
};

/** The same content is published already. */
export class AlreadyPublishedError extends DomainError {
  readonly videoId: number;

  constructor(videoId: number) {
    const detail = {
      en: 'it was recognised by its sha256; send the metadata "again 1" to publish it once more',
      zh: '根据 sha256 识别；如需再次发布，请在元数据中加入 again=1',
    };
    super('ErrAlreadyPublished', { detail });
    this.videoId = videoId;
  }
}

export interface UploadService {
  /** Begins an upload; resolves with its row. Rejects with {@link AlreadyPublishedError} or another {@link DomainError}. */
  create(userId: number, sizeBytes: number, metadata: UploadMetadata): Promise<UploadRow>;
  /** An upload of that user that has not expired; rejects with ErrUploadNotFound. */
  find(userId: number, id: string): Promise<UploadRow>;
  /** The same, of whomever it is. */
  row(id: string): Promise<UploadRow>;
  /** How many of its bytes are there; if all are, it is `complete` from then on. Asked under the lock. */
  offset(upload: UploadRow): Promise<number>;
  /**
   * The right to write to it; one whose bytes are all there is not written to any more, and needs none. Rejects with
   * UploadLockedError.
   */
  lock(id: string, options: { readonly signal: AbortSignal; readonly makeWay: () => void }): Promise<Release>;
  /** Appends what comes, under the lock, and no more than is missing; resolves with how many bytes are there. With the last one it is `complete`. */
  append(id: string, offset: number, source: AsyncIterable<Uint8Array>): Promise<number>;
  /** Ends it, whatever its state; the video that it became stays. */
  remove(id: string): Promise<void>;
}

const newUploadId = (): string => randomBytes(16).toString('hex');
const notFound = (): DomainError => new DomainError('ErrUploadNotFound');

export function createUploadService(deps: UploadDeps): UploadService {
  const { database, writer, clock, partials, limits } = deps;

  const findRow = async (id: string): Promise<UploadRow> => {
    const row = await uploadStore.findUpload(database.reader, id);
    if (row === undefined || (row.expires_at <= clock.now() && row.state !== 'complete')) throw notFound();
    return row;
  };

  /** Notes that bytes came, and that these were all; in one transaction with what publishes them if this process dies. */
  async function touch(id: string, complete: boolean): Promise<void> {
    const expires_at = clock.now() + limits.expiryMs;
    const known = await writer.write(async ({ trx, enqueue }) => {
      const touched = await uploadStore.touchUpload(trx, id, { expires_at, state: complete ? 'complete' : 'open' });
      if (touched && complete) {
        await enqueue(
          'upload.publish',
          { uploadId: id },
          // By the prefix of intents it is due at once where the process that would have done it is known to be gone.
          { delayMs: publishJobDelayMs, dedupeKey: `${intentPrefix}upload:${id}` },
        );
      }
      return touched;
    });
    if (known) return;
    // Ended or expired while bytes came: nothing else will look for them.
    const row = await uploadStore.findUpload(database.reader, id);
    if (row !== undefined) return;
    await partials.remove(id);
    throw notFound();
  }

  return {
    create: async (userId, sizeBytes, metadata) => {
      const { title, sha256, again } = readDeclared(metadata);
      checkSize(sizeBytes, limits.maxBytes);
      if (sha256 !== undefined && !again) {
        const videoId = await videoStore.findByContent(database.reader, userId, sha256);
        if (videoId !== undefined) throw new AlreadyPublishedError(videoId);
      }
      const id = newUploadId();
      const now = clock.now();
      await writer.write(async ({ trx, enqueue }) => {
        // Held, so that two requests of one user are counted one after the other.
        await requireOpenAccount(trx, userId);
        checkQuota(await uploadStore.findUnfinished(trx, userId, now), sizeBytes, limits.unfinished);
        await uploadStore.insertUpload(trx, {
          id,
          user_id: userId,
          size_bytes: sizeBytes,
          title,
          metadata: JSON.stringify(withoutToken(metadata)),
          sha256: sha256 ?? null,
          expires_at: now + limits.expiryMs,
          created_at: now,
        });
        await enqueue('upload.expire', { uploadId: id }, { delayMs: limits.expiryMs });
      });
      return await findRow(id);
    },
    find: async (userId, id) => {
      const row = await findRow(id);
      if (row.user_id !== userId) throw notFound();
      return row;
    },
    row: findRow,
    offset: async ({ id, state, size_bytes }) => {
      // What is published is not where partial uploads are any more.
      if (state !== 'open') return size_bytes;
      const offset = await partials.offset(id);
      // Who brought the last byte was gone before that could be noted.
      if (offset >= size_bytes) await touch(id, true);
      return offset;
    },
    lock: async (id, options) => {
      const { state } = await findRow(id);
      return state === 'open' ? await deps.locks.acquire(id, options) : async () => undefined;
    },
    append: async (id, offset, source) => {
      const { state, size_bytes } = await findRow(id);
      if (state !== 'open') return size_bytes;
      const missing = atMost(source, size_bytes - offset);
      const end = await partials.append(id, offset, missing).catch(async (error: unknown) => {
        await touch(id, false);
        throw error;
      });
      await touch(id, end >= size_bytes);
      return end;
    },
    remove: async (id) => {
      await writer.write(async ({ trx, enqueue }) => {
        await uploadStore.deleteUpload(trx, id);
        await enqueue('upload.expire', { uploadId: id });
      });
    },
  };
}

/** A client that does not announce how much it sends may send too much: then what was said to be all of it is kept. */
async function* atMost(source: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<Uint8Array> {
  let left = maxBytes;
  for await (const bytes of source) {
    if (bytes.length > left) {
      throw new DomainError('ErrFileTooLarge', {
        detail: { en: 'more bytes came than Upload-Length says', zh: '收到的数据多于 Upload-Length' },
      });
    }
    left -= bytes.length;
    yield bytes;
  }
}

function checkSize(sizeBytes: number, maxBytes: number): void {
  if (sizeBytes > maxBytes) {
    const most = `${Math.floor(maxBytes / 1024)} KiB`;
    throw new DomainError('ErrFileTooLarge', {
      detail: { en: `Upload-Length must be at most ${most}`, zh: `Upload-Length 不能超过 ${most}` },
    });
  }
  if (sizeBytes === 0) {
    throw new DomainError('ErrFileMissing', { detail: { en: 'Upload-Length is 0', zh: 'Upload-Length 为 0' } });
  }
}

function checkQuota(
  has: { readonly count: number; readonly bytes: number },
  sizeBytes: number,
  most: UploadLimits['unfinished'],
): void {
  const tooMany = has.count >= most.count;
  if (!tooMany && has.bytes + sizeBytes <= most.bytes) return;
  const mebibytes = Math.floor(most.bytes / 1024 ** 2);
  throw new DomainError('ErrUploadQuota', {
    detail: tooMany
      ? {
          en: `${has.count} of at most ${most.count} are unfinished`,
          zh: `未完成 ${has.count} 个，最多 ${most.count} 个`,
        }
      : {
          en: `the unfinished ones may have ${mebibytes} MiB together`,
          zh: `未完成的上传总大小不能超过 ${mebibytes} MiB`,
        },
  });
}
