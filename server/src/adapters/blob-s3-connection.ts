/**
 * How the S3 server is asked: bounded sockets, attempts and waiting, and one meaning for each of its errors. How long an
 * answer may take cannot be told from a size, so what takes long is not cut off as long as the server answers a probe.
 */
import { HeadBucketCommand, S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import type { S3Storage } from '../config/index.ts';
import { BlobMissingError, BlobStoreFullError, BlobStoreUnavailableError } from '../ports/index.ts';
import { createLiveness, type Reached } from './blob-s3-liveness.ts';
import { checksumAsMd5, hashesOfBodies } from './blob-s3-wire.ts';

/** To a server in the same network it takes a millisecond, around the world 300 ms; a lost packet is sent again after 1 s. */
const connectTimeoutMs = 1_500;
/** A connection on which nothing moves: more than any server takes to store a part or to copy one. */
const idleTimeoutMs = 30_000;
/** A probe that takes longer is as bad as none. */
const probeTimeoutMs = 1_500;
const attempts = 3;
/** Before the second attempt; doubled before the next. */
const backoffMs = 100;
/** Parts of files, and copies. */
const bulkSockets = 32;
/** What is short, which must not wait behind what is long. */
const controlSockets = 16;

export type S3Connection = {
  readonly bucket: string;
  /** Signs addresses; sends nothing. */
  readonly signer: S3Client;
  /**
   * Runs `work` until it succeeds, a few times at most. Each attempt has a client and a signal that ends it when the server
   * does not answer any more. Rejects with {@link BlobMissingError}, {@link BlobStoreFullError} or
   * {@link BlobStoreUnavailableError}, whose cause is what the server said; errors of the local disk stay as they are.
   */
  call<T>(kind: 'bulk' | 'control', work: (client: S3Client, abortSignal: AbortSignal) => Promise<T>): Promise<T>;
  /** Rejects at once with {@link BlobStoreUnavailableError} while the server is known to be away. */
  ready(): Promise<void>;
  close(): void;
};

export function connectS3(storage: S3Storage, reached?: Reached): S3Connection {
  const { bucket } = storage;
  const [bulk, control, probing] = [bulkSockets, controlSockets, 1].map((sockets) => clientOf(storage, sockets));
  if (bulk === undefined || control === undefined || probing === undefined) throw new TypeError('three clients');
  const probe = async (abortSignal: AbortSignal): Promise<void> => {
    try {
      await settled(probing.send(new HeadBucketCommand({ Bucket: bucket }), { abortSignal }), abortSignal);
    } catch (error) {
      // Whatever it refuses, it is there.
      const status = statusOf(error);
      if (status === undefined || status >= 500) throw error;
    }
  };
  const liveness = createLiveness(() => {
    const abortSignal = AbortSignal.timeout(probeTimeoutMs);
    // A connection that the server closed meanwhile says nothing.
    return probe(abortSignal).catch(() => probe(abortSignal));
  }, reached);

  return {
    bucket,
    signer: control,
    call: async (kind, work) => {
      for (let attempt = 1; ; attempt += 1) {
        await liveness.ready();
        const watch = liveness.watch();
        try {
          return await settled(work(kind === 'bulk' ? bulk : control, watch.signal), watch.signal);
        } catch (error) {
          if (watch.signal.aborted) throw unavailable('it does not answer', error);
          const again = isWorthAnotherAttempt(error);
          if (!again || attempt === attempts) {
            if (again && statusOf(error) === undefined) liveness.isAway();
            throw meaningOf(error);
          }
        } finally {
          watch.end();
        }
        await new Promise((resolve) => setTimeout(resolve, backoffMs * 2 ** (attempt - 1)));
      }
    },
    ready: () => liveness.ready(),
    close: () => {
      liveness.close();
      for (const client of [bulk, control, probing]) client.destroy();
    },
  };
}

function clientOf({ endpoint, region, pathStyle, credentials }: S3Storage, maxSockets: number): S3Client {
  const agent = { keepAlive: true, maxSockets };
  const config: S3ClientConfig = {
    region,
    forcePathStyle: pathStyle,
    // What other servers do not know: AWS's newer checksums. Bodies are signed with their SHA-256 instead.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // It would take a connection of its own for each part.
    expectContinueHeader: false,
    // Attempts are counted here, where bodies that are streams can be read again.
    maxAttempts: 1,
    logger: silent,
    requestHandler: {
      connectionTimeout: connectTimeoutMs,
      socketTimeout: idleTimeoutMs,
      httpAgent: agent,
      httpsAgent: agent,
      logger: silent,
    },
    ...(endpoint !== undefined && { endpoint }),
    // The library writes into what it is given.
    ...(credentials !== undefined && { credentials: { ...credentials } }),
  };
  const client = new S3Client(config);
  client.middlewareStack.use(checksumAsMd5);
  client.middlewareStack.use(hashesOfBodies);
  return client;
}

const nothing = (): void => undefined;
/** The client's remarks are for developers; what fails is an error of the request that asked. */
const silent = { trace: nothing, debug: nothing, info: nothing, warn: nothing, error: nothing };

/** `work`, or the reason of `signal` if that comes first, whatever `work` does about it. */
function settled<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = (): void => reject(signal.reason);
    if (signal.aborted) late();
    signal.addEventListener('abort', late, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', late));
  });
}

/** The HTTP status of an answer that is an error; undefined if there was no answer. */
export function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('$metadata' in error)) return undefined;
  const metadata = error.$metadata;
  return typeof metadata === 'object' && metadata !== null && 'httpStatusCode' in metadata
    ? Number(metadata.httpStatusCode)
    : undefined;
}

const localCodes = new Set(['ENOSPC', 'EDQUOT', 'EFBIG', 'ENOENT', 'EIO', 'EROFS', 'EACCES', 'EPERM', 'EMFILE']);
const isLocal = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' && localCodes.has(error.code);

/** Names of errors that are an accident though their status says that the request was bad. */
const accidents = new Set(['RequestTimeout', 'RequestTimeTooSkewed', 'XAmzContentSHA256Mismatch', 'SlowDown']);
const outOfRoom = new Set([
  'QuotaExceeded',
  'QuotaExceededException',
  'XMinioStorageFull',
  'XMinioAdminBucketQuotaExceeded',
  'InsufficientStorage',
  'InsufficientCapacity',
]);

function isWorthAnotherAttempt(error: unknown): boolean {
  if (!(error instanceof Error) || isLocal(error) || error instanceof TypeError) return false;
  // The AWS environment gave no credentials: it will not a moment later.
  if (error.name === 'CredentialsProviderError' || outOfRoom.has(error.name)) return false;
  const status = statusOf(error);
  return status === undefined || accidents.has(error.name) || status === 429 || (status >= 500 && status !== 501);
}

function meaningOf(error: unknown): unknown {
  if (!(error instanceof Error) || isLocal(error) || error instanceof TypeError) return error;
  if (error.name === 'NoSuchKey' || error.name === 'NotFound') {
    return new BlobMissingError('no such object', { cause: error });
  }
  if (outOfRoom.has(error.name) || statusOf(error) === 507) {
    return new BlobStoreFullError('S3 has no room left', { cause: error });
  }
  return unavailable(error.name === 'Error' ? error.message : `${error.name}: ${error.message}`, error);
}

const unavailable = (what: string, cause: unknown): BlobStoreUnavailableError =>
  new BlobStoreUnavailableError(`S3: ${what}`, { cause });
