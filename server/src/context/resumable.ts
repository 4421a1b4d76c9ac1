/** Puts resumable uploads together: here alone they meet what publishes videos, which is another feature. */
import type { Config } from '../config/index.ts';
import type { Database } from '../db/index.ts';
import { uploadJobs } from '../features/upload/upload.jobs.ts';
import { createUploadService } from '../features/upload/upload.service.ts';
import { createUploadLocks } from '../features/upload/upload-locks.ts';
import { createUploadPublisher } from '../features/upload/upload-publisher.ts';
import { type PublishDeps, publishVideo } from '../features/video/publish.service.ts';
import type { AppDeps } from '../http/index.ts';
import type { JobHandlers, Writer } from '../jobs/index.ts';
import type { BlobStore, Clock, PartialUploads } from '../ports/index.ts';

export type Resumable = {
  readonly http: AppDeps['resumable'];
  readonly jobs: Pick<JobHandlers, 'upload.publish' | 'upload.expire'>;
};

export function buildResumable(parts: {
  readonly config: Config;
  readonly database: Database;
  readonly writer: Writer;
  readonly clock: Clock;
  readonly blobs: BlobStore;
  readonly partials: PartialUploads;
  readonly publishing: PublishDeps;
  /** Whether no other process works on this database. */
  readonly alone: boolean;
}): Resumable {
  const { config, publishing } = parts;
  const deps = { ...parts, locks: createUploadLocks(parts), limits: config.uploads };
  const uploads = createUploadService(deps);
  const publisher = createUploadPublisher({
    ...deps,
    publishVideo: (video, alsoInTransaction) => publishVideo(publishing, video, alsoInTransaction),
  });
  return {
    http: { uploads, publisher, maxBytes: config.uploads.maxBytes },
    jobs: uploadJobs({ ...deps, publisher }),
  };
}
