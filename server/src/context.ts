/**
 * The composition root: the only file that imports adapters. Everything is built once, in the order of its needs, and
 * closed in reverse. Tests start the same thing and replace what they name in `overrides`.
 */
import { readFileSync } from 'node:fs';
import { systemClock } from './adapters/clock-system.ts';
import { lockDataDirectory } from './adapters/data-lock.ts';
import { createTimeIdSource, idTimeMs } from './adapters/id-source-time.ts';
import { createLogger, type Log } from './adapters/log.ts';
import { type Observability, openObservability } from './adapters/observability.ts';
import { unlimited } from './adapters/rate-limiter-memory.ts';
import { readOrCreateSecret } from './adapters/secret-file.ts';
import { createFfmpegTranscoder } from './adapters/transcoder-ffmpeg.ts';
import type { Config } from './config/index.ts';
import { openBlobs, openCache, openDatabase, openPartialUploads, openQueue } from './context/engines.ts';
import { buildResumable } from './context/resumable.ts';
import { buildVideos } from './context/videos.ts';
import type { Database } from './db/index.ts';
import { eraseAccountHandler } from './features/account/account.jobs.ts';
import { accountRoutes } from './features/account/account.routes.ts';
import { type AccountService, createAccountService } from './features/account/account.service.ts';
import { createPasswords } from './features/account/passwords.ts';
import { createSessions } from './features/account/sessions.ts';
import { commentRoutes } from './features/comment/comment.routes.ts';
import { createFeed } from './features/feed/feed.routes.ts';
import { followRoutes } from './features/follow/follow.routes.ts';
import { likeRoutes } from './features/like/like.routes.ts';
import { messageRoutes } from './features/message/message.routes.ts';
import type { PublishDeps } from './features/video/publish.service.ts';
import { createStatusWatch } from './features/video/status-watch.ts';
import { videoRoutes } from './features/video/video.routes.ts';
import { type AdminServer, type App, createAdminServer, createApp } from './http/index.ts';
import {
  blobJobs,
  claimNodeNumber,
  createCacheDeletions,
  createJobRunner,
  createWriter,
  intentPrefix,
  type JobRunner,
} from './jobs/index.ts';
import {
  type BlobStore,
  type Cache,
  type Clock,
  type IdSource,
  NodeNumberLostError,
  type Transcoder,
} from './ports/index.ts';
import { createFacts, createFormerFiles, monthAndDayIn } from './read/index.ts';
import { outboxStore, userStore } from './store/index.ts';

export type Context = {
  readonly config: Config;
  readonly log: Log;
  readonly database: Database;
  readonly cache: Cache;
  readonly blobs: BlobStore;
  readonly transcoder: Transcoder;
  readonly account: AccountService;
  readonly publishing: PublishDeps;
  readonly jobs: JobRunner;
  readonly app: App;
  /** Undefined without ADMIN_PORT. */
  readonly admin: AdminServer | undefined;
  close(): Promise<void>;
};

/** What a test may put in the place of the real thing, where the real thing cannot be had in a test. */
export type Overrides = {
  readonly clock?: Clock;
  /** The number to make ids with: one that is leased is lost when a test moves the clock by more than its lease. */
  readonly node?: number;
};

export async function createContext(config: Config, overrides: Overrides = {}): Promise<Context> {
  const closers: (() => Promise<void> | void)[] = [];
  const opened = <T>(thing: T, close: (thing: T) => Promise<void> | void): T => {
    closers.push(() => close(thing));
    return thing;
  };
  let ending = false;
  const close = async (): Promise<void> => {
    ending = true;
    for (const one of closers.splice(0).reverse()) await one();
  };
  try {
    return await build(config, overrides, opened, { close, ending: () => ending });
  } catch (error) {
    await close();
    throw error;
  }
}

type Opened = <T>(thing: T, close: (thing: T) => Promise<void> | void) => T;

async function build(
  config: Config,
  overrides: Overrides,
  opened: Opened,
  { close, ending }: { readonly close: () => Promise<void>; readonly ending: () => boolean },
): Promise<Context> {
  // Files may lie elsewhere, and be named by somebody else's settings as well.
  if (config.database.kind === 'sqlite') {
    opened(lockDataDirectory(config.dataDir, 'DATA_DIR'), (lock) => lock.release());
  }
  if (config.blobs.kind === 'disk') {
    opened(lockDataDirectory(config.blobs.root, 'STORAGE_URL'), (lock) => lock.release());
  }
  const log = opened(createLogger(config.log), (open) => open.close());
  const version = readVersion();
  const watched = opened(await openObservability(config, log, version), (open) => open.close());
  const { metrics, tracer } = watched;
  const clock = overrides.clock ?? systemClock;
  const tools = opened(await createFfmpegTranscoder(config), (open) => open.close());
  const transcoder = watched.transcoder(tools);
  const database = watched.database(opened(await openDatabase(config, watched, log), (open) => open.close()));
  const shared = await openCache(config, { clock, database, log, metrics });
  opened(shared.cache, (open) => open.close());
  const cache = watched.cache(shared.cache, config.cache.kind === 'memory' ? 'near' : 'several');
  const blobs = opened(await openBlobs(config, log), (open) => open.close());
  const partials = opened(await openPartialUploads(config, blobs), (open) => open.close());
  const queue = watched.queue(opened(await openQueue(config, log), (open) => open.close()));
  const checks = {
    database: () => database.ping(),
    cache: () => cache.ping(),
    queue: () => queue.ping(),
    blobs: () => blobs.ping(),
  };
  metrics.watch({
    queueDepth: () => queue.depth(),
    pool: () => database.pool?.(),
    backlog: () => outboxStore.findBacklog(database.reader, clock.now()),
  });
  const admin = await openAdmin(config, watched, { checks, ending }, opened);
  if (admin !== undefined) log.logger.info({ admin: admin.url }, `metrics and profiles at ${admin.url}`);
  const ids = await openIds({ config, database, clock, node: overrides.node, log, opened });

  await blobs.sweepStaged();
  // What the process before had is this one's now; among several it is said by leases alone.
  if (isAlone(config)) {
    await database.transaction((trx) => outboxStore.releaseAllJobs(trx, intentPrefix, clock.now()));
  }

  const wake = (): void => jobs.wake();
  const deletions = opened(createCacheDeletions({ database, clock, wake }), (open) => open.flush());
  const writer = createWriter({ database, cache, clock, ids, deletions, wake });
  const facts = createFacts({ database, cache });
  const secret =
    config.jwtSecret === undefined ? readOrCreateSecret(config.dataDir) : new TextEncoder().encode(config.jwtSecret);
  const sessions = createSessions({ secret, facts, clock });
  const account = createAccountService({
    database,
    writer,
    ids,
    clock,
    passwords: createPasswords(),
    sessions,
    limiter: config.rateLimit ? shared.limiter : unlimited,
  });
  const videos = buildVideos({ config, transcoder, database, writer, blobs, ids, clock, log: log.logger });
  const { publishing } = videos;

  const resumable = buildResumable({
    config,
    database,
    writer,
    clock,
    blobs,
    partials,
    publishing,
    alone: isAlone(config),
  });

  const jobs = opened(
    createJobRunner({
      database,
      queue,
      clock,
      log: log.logger,
      mediaConcurrency: config.mediaWorkers,
      metrics,
      tracer,
      consumes: config.role !== 'api',
      alone: isAlone(config) && config.queue.kind === 'memory',
      handlers: {
        'cache.delete': { run: ({ keys }) => cache.delete(keys) },
        ...blobJobs({ database, blobs }),
        'account.erase': eraseAccountHandler({ writer }),
        ...videos.jobs,
        ...resumable.jobs,
      },
    }),
    (open) => open.close(),
  );

  const feed = createFeed({ database, cache, facts, clock });
  const app = opened(
    await createApp({
      ready: feed.ready,
      settled: feed.settled,
      settings: {
        publicUrl: config.publicUrl,
        trustProxy: config.trustProxy,
        ...config.http,
        uploadsTotal: config.uploads.total,
        uploadsPerUser: config.uploads.perUser,
      },
      log: log.logger,
      requestLog: watched.requestLog,
      metrics,
      tracer,
      version,
      sessions,
      blobs,
      formerFiles: createFormerFiles({ facts, clock }),
      resumable: resumable.http,
      maxFileBytes: (part) => (part === 'data' ? config.uploads.maxBytes : config.uploads.pictureMaxBytes),
      databaseFailureOf: (error) => (error instanceof NodeNumberLostError ? 'ErrDatabase' : database.failureOf(error)),
      checks,
      handlers: {
        ...accountRoutes({ account, facts, writer, blobs }),
        ...videoRoutes({ ...publishing, database, facts, watch: createStatusWatch({ database, tracer }) }),
        ...feed.handlers,
        ...likeRoutes({ database, writer, ids, facts }),
        ...commentRoutes({ database, writer, cache, ids, clock, facts, monthAndDay: monthAndDayIn(config.timeZone) }),
        ...followRoutes({ database, writer, ids, facts }),
        ...messageRoutes({ database, writer, ids, clock, facts }),
      },
    }),
    (open) => open.close(),
  );
  await jobs.start();
  return { config, log, database, cache, blobs, transcoder, account, publishing, jobs, app, admin, close };
}

/** Whether no other process works on this database: the embedded one is locked with its folder. */
const isAlone = ({ database }: Config): boolean => database.kind === 'sqlite';

async function openIds(parts: {
  readonly config: Config;
  readonly database: Database;
  readonly clock: Clock;
  /** Without it, one is leased where there may be other processes. */
  readonly node: number | undefined;
  readonly log: Log;
  readonly opened: Opened;
}): Promise<IdSource> {
  const { config, database, clock, log, opened } = parts;
  const given = parts.node ?? (isAlone(config) ? 0 : undefined);
  const newest = await userStore.findNewestId(database.reader);
  const claim = { database, clock, role: config.role, log: log.logger, afterMs: idTimeMs(newest) };
  const node = given ?? opened(await claimNodeNumber(claim), (number) => number.close());
  const ids = createTimeIdSource({ clock, node });
  ids.advancePast(newest);
  return ids;
}

/** Closed when all that it shows has ended. */
async function openAdmin(
  { admin }: Config,
  { admin: shown }: Observability,
  state: Pick<Parameters<typeof createAdminServer>[0], 'checks' | 'ending'>,
  opened: Opened,
): Promise<AdminServer | undefined> {
  if (admin === undefined || shown === undefined) return undefined;
  return opened(await createAdminServer({ ...admin, ...shown, ...state }), (open) => open.close());
}

function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  const version =
    typeof manifest === 'object' && manifest !== null && 'version' in manifest ? manifest.version : undefined;
  return typeof version === 'string' ? version : '0.0.0';
}
