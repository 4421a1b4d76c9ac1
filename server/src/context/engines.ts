/**
 * Opens the engines that the configuration chooses. Each production engine is loaded only where it is chosen: its client
 * costs memory that the embedded form does not spend.
 */
import { join } from 'node:path';
import { createDiskBlobStore } from '../adapters/blob-disk.ts';
import { createMemoryCache } from '../adapters/cache-memory.ts';
import type { Log } from '../adapters/log.ts';
import type { Observability } from '../adapters/observability.ts';
import { createDiskPartialUploads } from '../adapters/partial-uploads-disk.ts';
import { createMemoryQueue } from '../adapters/queue-memory.ts';
import { createMemoryRateLimiter } from '../adapters/rate-limiter-memory.ts';
import type { Config } from '../config/index.ts';
import { type Database, MigrationError, openSqlite } from '../db/index.ts';
import { createDeletionBacklog } from '../jobs/index.ts';
import type { BlobStore, Cache, Clock, Metrics, PartialUploads, Queue, RateLimiter } from '../ports/index.ts';

/** Jobs that wait in memory for a worker; the rest waits in the outbox. */
const queueMaxJobs = 256;

export async function openDatabase(
  { database }: Config,
  { queries, metrics }: Partial<Pick<Observability, 'queries' | 'metrics'>> = {},
  log?: Log,
): Promise<Database> {
  if (database.kind === 'sqlite') {
    return await naming('DATABASE_URL', database.path, () => openSqlite(database.path, queries));
  }
  const { openMysql } = await import('../db/mysql.ts');
  return await openMysql(database, {
    queries,
    retried: metrics?.transactionRetried,
    reached: (is, reason) => {
      if (is === 'back') log?.logger.info('MySQL is back');
      else log?.logger.error({ reason }, 'MySQL is away: what is not cached gets 503, jobs wait');
    },
  });
}

export async function openCache(
  { cache }: Config,
  deps: { readonly clock: Clock; readonly database: Database; readonly log: Log; readonly metrics: Metrics },
): Promise<{ cache: Cache; limiter: RateLimiter }> {
  const ownLimiter = createMemoryRateLimiter(deps);
  if (cache.kind === 'memory') return { cache: createMemoryCache(deps), limiter: ownLimiter };
  const [{ createRedisCache }, { createRedisRateLimiter }] = await Promise.all([
    import('../adapters/cache-redis.ts'),
    import('../adapters/rate-limiter-redis.ts'),
  ]);
  const { logger } = deps.log;
  const redis = await naming('REDIS_URL', `Redis at ${new URL(cache.url).host}`, () =>
    createRedisCache({
      url: cache.url,
      backlog: createDeletionBacklog(deps),
      onHits: (family, tier, count) => deps.metrics.cacheLookups(family, tier, count),
      log: (event, reason) => {
        if (event === 'up') logger.info('Redis is back, and believed');
        else logger.error({ reason }, 'Redis is away: everything goes on without it, slower');
      },
    }),
  );
  return {
    cache: redis,
    limiter: createRedisRateLimiter({ send: redis.send, clock: deps.clock, otherwise: ownLimiter }),
  };
}

export async function openQueue({ queue }: Config, log: Log): Promise<Queue> {
  if (queue.kind === 'memory') return createMemoryQueue({ maxDepth: queueMaxJobs });
  const { createRabbitQueue } = await import('../adapters/queue-rabbitmq.ts');
  return await createRabbitQueue({ url: queue.url, log: log.logger });
}

export async function openBlobs({ blobs, dataDir }: Config, { logger }: Log): Promise<BlobStore> {
  if (blobs.kind === 'disk') {
    return await naming('STORAGE_URL', blobs.root, () => createDiskBlobStore({ root: blobs.root }));
  }
  const { createS3BlobStore } = await import('../adapters/blob-s3.ts');
  return await createS3BlobStore({
    storage: blobs,
    stagingFolder: join(dataDir, 'staging'),
    reached: (is) => {
      if (is === 'back') logger.info('S3 is back');
      else logger.error('S3 is away: uploads are refused, and files wait');
    },
    warn: (words) => logger.warn(words),
  });
}

/** Beside the blobs, and gathered where they are staged. */
export async function openPartialUploads({ blobs }: Config, { scratchPath }: BlobStore): Promise<PartialUploads> {
  if (blobs.kind === 'disk') return await createDiskPartialUploads({ root: blobs.root });
  const { createS3PartialUploads } = await import('../adapters/partial-uploads-s3.ts');
  return await createS3PartialUploads({ storage: blobs, scratchPath });
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
