import { DomainError, type ErrorName, errors } from '@tiktok-server/contract';
import type { Database, UploadRow } from '../../db/index.ts';
import type { Unit, Writer } from '../../jobs/index.ts';
import type { BlobStore, PartialUploads, StagedBlob } from '../../ports/index.ts';
import { uploadStore } from '../../store/index.ts';
import type { UploadLocks } from './upload-locks.ts';

/** Publishes a staged file; `alsoInTransaction` commits with the video's row, and refuses it by throwing. */
export type PublishVideo = (
  video: { readonly authorId: number; readonly title: string; readonly file: StagedBlob },
  alsoInTransaction: (unit: Unit, videoId: number) => Promise<void>,
) => Promise<number>;

export type PublisherDeps = {
  readonly database: Database;
  readonly writer: Writer;
  readonly blobs: BlobStore;
  readonly partials: PartialUploads;
  readonly locks: UploadLocks;
  readonly publishVideo: PublishVideo;
};

export interface UploadPublisher {
  /**
   * Makes a video of an upload whose bytes are all there, unless that has been done; resolves with the video's id. Rejects
   * with the {@link DomainError} that says why it was refused, for good if the row says so as well. Rejects with
   * UploadLockedError while somebody else is at it.
   */
  publish(id: string): Promise<number>;
  /** Notes that it could not be published however often it was tried. */
  giveUp(id: string): Promise<void>;
}

/** Whether the file is to blame, and not what is away or full just now. */
const isFinal = (error: unknown): error is DomainError =>
  error instanceof DomainError && errors[error.row].status < 500 && errors[error.row].status !== 429;

const isErrorName = (name: string): name is ErrorName => Object.hasOwn(errors, name);
const nobodyGivesWay = (): void => undefined;

export function createUploadPublisher(deps: PublisherDeps): UploadPublisher {
  const { database, writer, blobs, partials, locks } = deps;

  /** The video that it became, or undefined where that has still to be done; throws if it was refused, or is gone. */
  async function outcomeOf(id: string): Promise<number | UploadRow> {
    const row = await uploadStore.findUpload(database.reader, id);
    if (row === undefined) throw new DomainError('ErrUploadNotFound');
    if (row.state === 'published' && row.video_id !== null) return row.video_id;
    if (row.state === 'refused') {
      throw new DomainError(row.failure !== null && isErrorName(row.failure) ? row.failure : 'ErrUnknown');
    }
    if (row.state === 'open') throw new DomainError('ErrUploadIncomplete');
    return row;
  }

  const settle = (id: string, outcome: Parameters<typeof uploadStore.settleUpload>[2]): Promise<boolean> =>
    writer.write(({ trx }) => uploadStore.settleUpload(trx, id, outcome));

  async function stage({ id, size_bytes }: UploadRow): Promise<StagedBlob> {
    const path = blobs.scratchPath('part');
    try {
      await partials.assemble(id, size_bytes, path);
      return await blobs.adopt(path);
    } catch (error) {
      await blobs.discardScratch(path);
      throw error;
    }
  }

  async function publishComplete(upload: UploadRow): Promise<number> {
    const { id, user_id: authorId, title } = upload;
    const file = await stage(upload);
    try {
      checkHash(upload, file);
      return await deps.publishVideo({ authorId, title, file }, async ({ trx }, videoId) => {
        // Whoever else has come so far: one row of the two is not written.
        const settled = await uploadStore.settleUpload(trx, id, { state: 'published', video_id: videoId });
        if (!settled) throw new DomainError('ErrUploadNotFound');
      });
    } catch (error) {
      if (!isFinal(error)) throw error;
      if (await settle(id, { state: 'refused', failure: error.row })) throw error;
      const now = await outcomeOf(id);
      if (typeof now !== 'number') throw error;
      return now;
    } finally {
      await file.discard();
    }
  }

  return {
    publish: async (id) => {
      const before = await outcomeOf(id);
      if (typeof before === 'number') return before;
      const release = await locks.acquire(id, { makeWay: nobodyGivesWay });
      try {
        const upload = await outcomeOf(id);
        if (typeof upload === 'number') return upload;
        let settled = true;
        try {
          return await publishComplete(upload);
        } catch (error) {
          settled = isFinal(error);
          throw error;
        } finally {
          // What cannot be removed now goes when the row expires.
          if (settled) await partials.remove(id).catch(() => undefined);
        }
      } finally {
        await release();
      }
    },
    giveUp: async (id) => {
      await settle(id, { state: 'refused', failure: 'ErrUnknown' });
    },
  };
}

function checkHash({ sha256 }: UploadRow, file: StagedBlob): void {
  if (sha256 === null || sha256 === file.sha256) return;
  throw new DomainError('ErrUploadIncomplete', {
    detail: {
      en: 'the bytes that arrived do not have the sha256 that was declared; upload the file again',
      zh: '收到的数据与声明的 sha256 不符，请重新上传',
    },
  });
}
