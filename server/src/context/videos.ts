/** Puts together what looks at videos, makes something of them, and looks after their files. */
import { availableParallelism } from 'node:os';
import type { Log } from '../adapters/log.ts';
import type { Config } from '../config/index.ts';
import type { Database } from '../db/index.ts';
import { pictureRepair } from '../features/account/picture-repair.ts';
import { createCoverMaker } from '../features/video/cover-maker.ts';
import { createEncoders } from '../features/video/encoders.ts';
import { createInspector } from '../features/video/inspector.ts';
import { createPackager } from '../features/video/packager.ts';
import type { PublishDeps } from '../features/video/publish.service.ts';
import { videoJobs } from '../features/video/video.jobs.ts';
import { videoRepair } from '../features/video/video-repair.ts';
import { auditHandler, type JobHandlers, type Writer } from '../jobs/index.ts';
import type { BlobStore, Clock, IdSource, Transcoder } from '../ports/index.ts';

/** Beyond two, ffmpeg's threads gain little: it runs in the background, and a machine has more to do. */
const toolThreads = Math.min(2, availableParallelism());

export type Videos = {
  readonly publishing: PublishDeps;
  readonly jobs: Pick<JobHandlers, 'video.prepare' | 'video.cover' | 'video.erase' | 'blobs.audit'>;
};

export function buildVideos(parts: {
  readonly config: Config;
  readonly transcoder: Transcoder;
  readonly database: Database;
  readonly writer: Writer;
  readonly blobs: BlobStore;
  readonly ids: IdSource;
  readonly clock: Clock;
  readonly log: Log['logger'];
}): Videos {
  const { config, transcoder, blobs, log } = parts;
  const limits = { maxDurationMs: config.uploads.maxDurationMs, maxPixels: config.uploads.maxPixels };
  const inspector = createInspector({ transcoder, limits });
  const covers = createCoverMaker({ transcoder, blobs });
  const encoders = createEncoders({
    transcoder,
    wanted: config.videoEncoder,
    platform: process.platform,
    say: (level, fields, message) => log[level](fields, message),
  });
  const packager = createPackager({ transcoder, blobs, encoders, limits, threads: toolThreads, log });
  return {
    publishing: { ...parts, inspector, covers },
    jobs: {
      ...videoJobs({ ...parts, inspector, covers, packager, limits }),
      'blobs.audit': auditHandler({ ...parts, examine: { video: videoRepair(parts), user: pictureRepair(parts) } }),
    },
  };
}
