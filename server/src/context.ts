/**
 * The composition root: the only file that imports adapters. Everything is built once, in the order of its needs, and
 * closed in reverse. Tests start the same thing and replace what they name in `overrides`.
 */
import { readFileSync } from 'node:fs';
import { createDiskBlobStore } from './adapters/blob-disk.ts';
import { createMemoryCache } from './adapters/cache-memory.ts';
import { systemClock } from './adapters/clock-system.ts';
import { lockDataDirectory } from './adapters/data-lock.ts';
import { createTimeIdSource } from './adapters/id-source-time.ts';
import { createLogger, type Log } from './adapters/log.ts';
import { createMemoryQueue } from './adapters/queue-memory.ts';
import { createMemoryRateLimiter, unlimited } from './adapters/rate-limiter-memory.ts';
import { readOrCreateSecret } from './adapters/secret-file.ts';
import { createFfmpegTranscoder } from './adapters/transcoder-ffmpeg.ts';
import type { Config } from './config/index.ts';
import { type Database, MigrationError, openSqlite } from './db/index.ts';
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
import { createCoverMaker } from './features/video/cover-maker.ts';
import { createInspector } from './features/video/inspector.ts';
import { createPreparer } from './features/video/preparer.ts';
import type { PublishDeps } from './features/video/publish.service.ts';
import { videoJobs } from './features/video/video.jobs.ts';
import { videoRoutes } from './features/video/video.routes.ts';
import { type App, createApp } from './http/index.ts';
import { blobJobs, createJobRunner, createWriter, intentPrefix, type JobRunner } from './jobs/index.ts';
import type { BlobStore, Cache, Clock, Queue, Transcoder } from './ports/index.ts';
import { createFacts, monthAndDayIn } from './read/index.ts';
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
  close(): Promise<void>;
};

/** What a test may put in the place of the real thing, where the real thing cannot be had in a test. */
export type Overrides = { readonly clock?: Clock };

/** Jobs that wait in memory for a worker; the rest waits in the outbox. */
const queueMaxJobs = 256;
/** This process among several; the embedded form has one. */
const nodeNumber = 0;

export async function createContext(config: Config, overrides: Overrides = {}): Promise<Context> {
  const closers: (() => Promise<void> | void)[] = [];
  const opened = <T>(thing: T, close: (thing: T) => Promise<void> | void): T => {
    closers.push(() => close(thing));
    return thing;
  };
  const close = async (): Promise<void> => {
    for (const one of closers.splice(0).reverse()) await one();
  };
  try {
    return await build(config, overrides, opened, close);
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
  close: () => Promise<void>,
): Promise<Context> {
  // Files may lie elsewhere, and be named by somebody else's settings as well.
  opened(lockDataDirectory(config.dataDir, 'DATA_DIR'), (lock) => lock.release());
  opened(lockDataDirectory(config.blobs.root, 'STORAGE_URL'), (lock) => lock.release());
  const log = opened(createLogger(config.log), (open) => open.close());
  const clock = overrides.clock ?? systemClock;
  const ids = createTimeIdSource({ clock, node: nodeNumber });
  const transcoder = opened(await createFfmpegTranscoder(config), (open) => open.close());
  const database = opened(
    await naming('DATABASE_URL', config.database.path, () => openSqlite(config.database.path)),
    (open) => open.close(),
  );
  const cache = opened(createMemoryCache({ clock }), (open) => open.close());
  const blobs = opened(
    await naming('STORAGE_URL', config.blobs.root, () => createDiskBlobStore({ root: config.blobs.root })),
    (open) => open.close(),
  );
  const queue: Queue = createMemoryQueue({ maxDepth: queueMaxJobs });

  ids.advancePast(await userStore.findNewestId(database.reader));
  await blobs.sweepStaged();
  await database.transaction((trx) => outboxStore.releaseAllJobs(trx, intentPrefix, clock.now()));

  const writer = createWriter({ database, cache, clock, ids, wake: () => jobs.wake() });
  const facts = createFacts({ database, cache });
  const secret =
    config.jwtSecret === undefined ? readOrCreateSecret(config.dataDir) : new TextEncoder().encode(config.jwtSecret);
  const sessions = createSessions({ secret, facts, clock });
  const limiter = config.rateLimit ? createMemoryRateLimiter({ clock }) : unlimited;
  const account = createAccountService({
    database,
    writer,
    ids,
    clock,
    passwords: createPasswords(),
    sessions,
    limiter,
  });
  const { maxDurationMs, maxPixels } = config.uploads;
  const inspector = createInspector({ transcoder, limits: { maxDurationMs, maxPixels } });
  const covers = createCoverMaker({ transcoder, blobs });
  const preparer = createPreparer({ transcoder, blobs, limits: { maxDurationMs, maxBytes: config.uploads.maxBytes } });
  const publishing: PublishDeps = { writer, blobs, ids, clock, inspector, covers };

  const jobs = opened(
    createJobRunner({
      database,
      queue,
      clock,
      log: log.logger,
      mediaConcurrency: config.mediaWorkers,
      handlers: {
        'cache.delete': { run: ({ keys }) => cache.delete(keys) },
        ...blobJobs({ database, blobs }),
        'account.erase': eraseAccountHandler({ writer }),
        ...videoJobs({ database, writer, blobs, clock, inspector, covers, preparer }),
      },
    }),
    (open) => open.close(),
  );

  const feed = createFeed({ database, cache, facts, clock });
  const app = opened(
    await createApp({
      ready: feed.ready,
      settings: {
        publicUrl: config.publicUrl,
        trustProxy: config.trustProxy,
        ...config.http,
        uploadsTotal: config.uploads.total,
        uploadsPerUser: config.uploads.perUser,
      },
      log: log.logger,
      requestLog: log.requestLog,
      version: readVersion(),
      sessions,
      blobs,
      maxFileBytes: (part) => (part === 'data' ? config.uploads.maxBytes : config.uploads.pictureMaxBytes),
      databaseFailureOf: (error) => database.failureOf(error),
      checks: {
        database: () => database.ping(),
        cache: () => cache.ping(),
        queue: () => queue.ping(),
        blobs: () => blobs.ping(),
      },
      handlers: {
        ...accountRoutes({ account, facts, writer, blobs }),
        ...videoRoutes({ ...publishing, database, facts }),
        ...feed.handlers,
        ...likeRoutes({ database, writer, ids, facts }),
        ...commentRoutes({ database, writer, ids, clock, facts, monthAndDay: monthAndDayIn(config.timeZone) }),
        ...followRoutes({ database, writer, ids, facts }),
        ...messageRoutes({ database, writer, ids, clock, facts }),
      },
    }),
    (open) => open.close(),
  );
  await jobs.start();
  return { config, log, database, cache, blobs, transcoder, account, publishing, jobs, app, close };
}

/** An error of the system says what is wrong, not which setting led there. What explains itself stays as it is. */
async function naming<T>(setting: string, path: string, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    if (error instanceof MigrationError || !(error instanceof Error)) throw error;
    throw new Error(`${setting}: ${path} cannot be used: ${error.message}`, { cause: error });
  }
}

function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  const version =
    typeof manifest === 'object' && manifest !== null && 'version' in manifest ? manifest.version : undefined;
  return typeof version === 'string' ? version : '0.0.0';
}
