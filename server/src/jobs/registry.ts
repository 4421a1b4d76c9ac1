import { type Static, type TSchema, Type } from 'typebox';
import type { Lane } from '../ports/index.ts';

/**
 * Every job there is. A job is a row of the outbox, written in the transaction of what makes it necessary, so that
 * neither a crash nor a dead broker can lose it. Handlers are idempotent: a job may run more than once.
 */
const id = Type.Integer({ minimum: 1 });
/** Whose row names a file. */
const blobOwner = Type.Union([Type.Literal('video'), Type.Literal('user')]);

const uploadId = Type.String({ pattern: '^[0-9a-f]{32}$' });

type JobDefinition = {
  readonly payload: TSchema;
  readonly lane: Lane;
  /** After this many failed runs the row is dead and kept for a person to look at. */
  readonly maxAttempts: number;
  /** A run is aborted after this. */
  readonly timeoutMs: number;
};

const minutes = 60_000;
/** Cached values that one write makes old; the largest batch of an erasing job needs half of them. */
export const maxDeletedKeys = 1_000;

/** Files of one promotion: a whole package of what is made from a video, with room. */
export const maxReconciledKeys = 64;

export const jobDefinitions = {
  /** Deletes cached values that a commit made old; used with caches that outlive a process. */
  'cache.delete': {
    payload: Type.Object({
      keys: Type.Array(Type.Object({ family: Type.String(), id: Type.String() }), { maxItems: maxDeletedKeys }),
    }),
    lane: 'quick',
    maxAttempts: 1_000,
    timeoutMs: 10_000,
  },
  /** Deletes those of the files that the row of their owner does not name (any more). */
  'blobs.reconcile': {
    payload: Type.Object({
      owner: blobOwner,
      ownerId: id,
      keys: Type.Array(Type.String(), { maxItems: maxReconciledKeys }),
    }),
    lane: 'quick',
    maxAttempts: 20,
    timeoutMs: 1 * minutes,
  },
  /** Deletes every file of an owner whose row is gone, those that were replaced earlier included. */
  'blobs.erase': {
    payload: Type.Object({ owner: blobOwner, ownerId: id }),
    lane: 'quick',
    maxAttempts: 20,
    timeoutMs: 1 * minutes,
  },
  /** Compares all rows with all files, and repairs what it finds if told to; goes on where an earlier run stopped. */
  'blobs.audit': {
    payload: Type.Object({ auditId: id, repair: Type.Boolean() }),
    lane: 'quick',
    maxAttempts: 10,
    // At a thousand files a second, twenty million; the next attempt goes on behind them.
    timeoutMs: 6 * 60 * minutes,
  },
  /** Makes what others play: renditions, playlists, one MP4, pictures. */
  'video.prepare': {
    payload: Type.Object({ videoId: id }),
    lane: 'media',
    // With the waits in between, three quarters of an hour: a disk that was full has room again, or somebody has looked.
    maxAttempts: 15,
    // The tool has its own bound, by the length of the video (features/video/packager.ts); this one is beyond any.
    timeoutMs: 24 * 60 * minutes,
  },
  /** Makes the cover that could not be made in time. */
  'video.cover': {
    payload: Type.Object({ videoId: id }),
    lane: 'media',
    maxAttempts: 10,
    timeoutMs: 2 * minutes,
  },
  /** Removes what refers to a deleted video, then its row and files. */
  'video.erase': {
    payload: Type.Object({ videoId: id }),
    lane: 'quick',
    maxAttempts: 20,
    timeoutMs: 10 * minutes,
  },
  /** Publishes a resumable upload whose bytes are all there, if the request that brought the last ones has not. */
  'upload.publish': {
    payload: Type.Object({ uploadId }),
    lane: 'quick',
    // With the waits in between, an hour and a half: what it needs may be away.
    maxAttempts: 20,
    timeoutMs: 15 * minutes,
  },
  /** Removes what is left of a resumable upload that has expired, or that somebody has ended. */
  'upload.expire': {
    payload: Type.Object({ uploadId }),
    lane: 'quick',
    maxAttempts: 20,
    timeoutMs: 10 * minutes,
  },
  /** Removes everything that belongs to a closed account, then its row and files. */
  'account.erase': {
    payload: Type.Object({ userId: id }),
    lane: 'quick',
    maxAttempts: 20,
    timeoutMs: 10 * minutes,
  },
} as const satisfies Record<string, JobDefinition>;

export type JobName = keyof typeof jobDefinitions;
export type JobPayload<N extends JobName> = Static<(typeof jobDefinitions)[N]['payload']>;

export const isJobName = (name: string): name is JobName => Object.hasOwn(jobDefinitions, name);

export type JobContext = {
  /** Aborted when the run's time is up or the process stops. */
  readonly signal: AbortSignal;
};

export type JobHandler<N extends JobName> = {
  readonly run: (payload: JobPayload<N>, context: JobContext) => Promise<void>;
  /** Called once when the last attempt has failed, to leave things in a state that a user can understand. */
  readonly gaveUp?: (payload: JobPayload<N>) => Promise<void>;
};

/** One handler per job: a missing one does not compile. */
export type JobHandlers = { readonly [N in JobName]: JobHandler<N> };
