import { DomainError } from '@tiktok-server/contract';
import type { Database } from '../../db/index.ts';
import type { JobHandlers, Writer } from '../../jobs/index.ts';
import type { Clock, PartialUploads } from '../../ports/index.ts';
import { uploadStore } from '../../store/index.ts';
import type { UploadPublisher } from './upload-publisher.ts';

/** Looked at again no sooner than this, where something that should have gone has not. */
const lookAgainMs = 60_000;

export function uploadJobs(deps: {
  readonly database: Database;
  readonly writer: Writer;
  readonly clock: Clock;
  readonly partials: PartialUploads;
  readonly publisher: UploadPublisher;
}): Pick<JobHandlers, 'upload.publish' | 'upload.expire'> {
  const { database, writer, clock, partials, publisher } = deps;
  return {
    'upload.publish': {
      run: async ({ uploadId }) => {
        try {
          await publisher.publish(uploadId);
        } catch (error) {
          if (!(error instanceof DomainError)) throw error;
          // Refused for good, as the row says, or ended by its owner: there is nothing left to do.
          const row = await uploadStore.findUpload(database.reader, uploadId);
          if (row?.state === 'complete') throw error;
        }
      },
      gaveUp: ({ uploadId }) => publisher.giveUp(uploadId),
    },
    'upload.expire': {
      run: async ({ uploadId }) => {
        const gone = await writer.write(async ({ trx, enqueue }) => {
          const now = clock.now();
          if (await uploadStore.deleteExpired(trx, uploadId, now)) return true;
          const row = await uploadStore.findUpload(trx, uploadId);
          if (row === undefined) return true;
          // Every byte that comes moves the end on.
          const delayMs = Math.max(row.expires_at - now, lookAgainMs);
          await enqueue('upload.expire', { uploadId }, { delayMs });
          return false;
        });
        if (gone) await partials.remove(uploadId);
      },
    },
  };
}
