/** What is asked of a bucket before the server starts, and one line for each way in which it can be refused. */
import { DeleteObjectCommand, GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import type { S3Storage } from '../config/index.ts';
import { BlobStoreFullError } from '../ports/index.ts';
import { type S3Connection, statusOf } from './blob-s3-connection.ts';

/** For all of it: a boot that is refused says so within 10 s. */
const checkTimeoutMs = 6_000;
/** The AWS environment may be a service of the machine's network that is not there. */
const credentialsTimeoutMs = 4_000;
const content = 'written and removed by tiktok-server when it starts';

/** Writes, reads, lists and deletes an object at `key`; rejects with a line that names the setting and what to do. */
export async function checkBucket(s3: S3Connection, storage: S3Storage, key: string): Promise<void> {
  const where = storage.endpoint ?? `AWS in ${storage.region}`;
  const object = { Bucket: s3.bucket, Key: key };
  const late = AbortSignal.timeout(checkTimeoutMs);
  const step = async (what: string, right: string, work: () => Promise<unknown>): Promise<void> => {
    await within(work(), late).catch((error: unknown) => {
      const words = late.aborted
        ? `STORAGE_URL: ${where} does not answer within ${checkTimeoutMs / 1_000} s: correct the endpoint, or open the firewall`
        : refusal(error, { where, bucket: s3.bucket, what, right });
      throw new Error(words, { cause: error });
    });
  };

  await within(s3.signer.config.credentials(), AbortSignal.timeout(credentialsTimeoutMs)).catch((error: unknown) => {
    throw new Error(
      'STORAGE_ACCESS_KEY: is not set, and the AWS environment gives no credentials: set it and STORAGE_SECRET_KEY',
      { cause: error },
    );
  });
  await step('write', 's3:PutObject', () =>
    s3.call('control', (client, abortSignal) =>
      client.send(new PutObjectCommand({ ...object, Body: content }), { abortSignal }),
    ),
  );
  let read: string | undefined;
  await step('read', 's3:GetObject', () =>
    s3.call('control', async (client, abortSignal) => {
      const { Body } = await client.send(new GetObjectCommand(object), { abortSignal });
      read = await Body?.transformToString();
    }),
  );
  if (read !== content) {
    throw new Error(`STORAGE_URL: ${where} does not give back what it was given: it is no S3 server`);
  }
  await step('list', 's3:ListBucket', () =>
    s3.call('control', (client, abortSignal) =>
      client.send(new ListObjectsV2Command({ Bucket: s3.bucket, Prefix: key, MaxKeys: 1 }), { abortSignal }),
    ),
  );
  await step('delete', 's3:DeleteObject', () =>
    s3.call('control', (client, abortSignal) => client.send(new DeleteObjectCommand(object), { abortSignal })),
  );
}

function within<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    work.then(resolve, reject);
  });
}

type Asked = { readonly where: string; readonly bucket: string; readonly what: string; readonly right: string };

/** Names under which servers say that they do not know a key, or that its secret is another one. */
const unknownKey = new Set([
  'InvalidAccessKeyId',
  'InvalidAccessKey',
  'ExpiredToken',
  'InvalidToken',
  'TokenRefreshRequired',
]);
const wrongRegion = new Set(['PermanentRedirect', 'AuthorizationHeaderMalformed', 'TemporaryRedirect', 'Redirect']);

/** Says which setting is wrong. Secrets and what the server wrote are not repeated, but for its name of the error. */
function refusal(error: unknown, { where, bucket, what, right }: Asked): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const name = cause instanceof Error ? cause.name : 'unknown';
  const status = statusOf(cause);
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : name;
  if (error instanceof BlobStoreFullError)
    return `STORAGE_URL: ${where} has no room left in bucket ${bucket} (${name})`;
  if (name === 'NoSuchBucket') {
    return `STORAGE_URL: there is no bucket ${bucket} at ${where}: create it, or name another one`;
  }
  if (unknownKey.has(name)) {
    return `STORAGE_ACCESS_KEY: ${where} does not accept it (${name}): give a key of that server that is in force`;
  }
  if (name === 'SignatureDoesNotMatch') {
    return `STORAGE_SECRET_KEY: ${where} refuses what it signs (${name}): it is not the secret of STORAGE_ACCESS_KEY`;
  }
  if (wrongRegion.has(name) || status === 301) {
    return `STORAGE_URL: bucket ${bucket} is not in the region that was given (${name}): set ?region= to its own`;
  }
  if (name === 'SecondLevelDomainForbidden') {
    return `STORAGE_URL: ${where} wants the bucket in the host name: add &path_style=off`;
  }
  if (name === 'RequestTimeTooSkewed') {
    return `STORAGE_URL: ${where} has another time than this machine: set the clock`;
  }
  if (status === 403 || status === 401) {
    return `STORAGE_ACCESS_KEY: ${where} does not let it ${what} in bucket ${bucket} (${name}): give it ${right}`;
  }
  if (status !== undefined) {
    return `STORAGE_URL: ${where} answers ${status} (${name}) to an attempt to ${what}: it is no S3 server, or it is broken`;
  }
  return `STORAGE_URL: ${where} cannot be reached (${code}): correct the endpoint, or start that server`;
}
