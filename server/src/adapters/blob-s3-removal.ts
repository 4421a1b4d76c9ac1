/** Taking things out of the bucket: objects, folders, and what uploads left that nobody finished. */
import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  type MultipartUpload,
} from '@aws-sdk/client-s3';
import { BlobMissingError, BlobStoreUnavailableError } from '../ports/index.ts';
import { type S3Connection, statusOf } from './blob-s3-connection.ts';

/** What S3 lists, and deletes, in one request. */
const pageObjects = 1_000;
/** Pages of one folder: ten million objects. */
const maxPages = 10_000;
/** An upload takes minutes. What is older than this has been left by a process that is gone. */
const abandonedAfterMs = 24 * 60 * 60_000;

/** Objects that are not there are fine. */
export async function deleteObjects(s3: S3Connection, keys: readonly string[]): Promise<void> {
  for (let first = 0; first < keys.length; first += pageObjects) {
    const page = keys.slice(first, first + pageObjects);
    const [only] = page;
    if (page.length === 1 && only !== undefined) await deleteObject(s3, only);
    else await deletePage(s3, page);
  }
}

async function deleteObject(s3: S3Connection, Key: string): Promise<void> {
  await s3
    .call('control', (client, abortSignal) =>
      client.send(new DeleteObjectCommand({ Bucket: s3.bucket, Key }), { abortSignal }),
    )
    .catch((error: unknown) => {
      if (!(error instanceof BlobMissingError)) throw error;
    });
}

async function deletePage(s3: S3Connection, keys: readonly string[]): Promise<void> {
  const Delete = { Objects: keys.map((Key) => ({ Key })), Quiet: true };
  const { Errors = [] } = await s3.call('control', (client, abortSignal) =>
    client.send(new DeleteObjectsCommand({ Bucket: s3.bucket, Delete }), { abortSignal }),
  );
  const refused = Errors.find(({ Code }) => Code !== 'NoSuchKey');
  if (refused !== undefined) throw new BlobStoreUnavailableError(`S3: it does not delete: ${refused.Code}`);
}

/** Deletes every object whose key begins with `prefix`, page by page. */
export async function deletePrefix(s3: S3Connection, prefix: string, MaxKeys = pageObjects): Promise<void> {
  let token: string | undefined;
  for (let page = 0; page < maxPages; page += 1) {
    const ContinuationToken = token;
    const listed = await s3.call('control', (client, abortSignal) =>
      client.send(new ListObjectsV2Command({ Bucket: s3.bucket, Prefix: prefix, ContinuationToken, MaxKeys }), {
        abortSignal,
      }),
    );
    await deleteObjects(
      s3,
      (listed.Contents ?? []).flatMap(({ Key }) => (Key === undefined ? [] : [Key])),
    );
    token = listed.NextContinuationToken;
    if (token === undefined) return;
  }
}

/**
 * Removes staged objects and ends uploads: those below the `gone` prefixes, whose processes are known to be gone, and
 * whatever is a day old. One page of each, since the next start does the same; resolves with how many there were.
 */
export async function removeAbandoned(
  s3: S3Connection,
  options: { readonly stagedPrefix: string; readonly gone: readonly string[]; readonly nowMs: number },
): Promise<number> {
  const { stagedPrefix, gone, nowMs } = options;
  const isAbandoned = (key: string, since: Date | undefined): boolean =>
    gone.some((prefix) => key.startsWith(prefix)) ||
    (since !== undefined && nowMs - since.getTime() > abandonedAfterMs);

  let removed = 0;
  for (const { Key = '', UploadId, Initiated } of await listUploads(s3, '')) {
    if (!isAbandoned(Key, Initiated)) continue;
    await abortUpload(s3, Key, UploadId);
    removed += 1;
  }
  const { Contents = [] } = await s3.call('control', (client, abortSignal) =>
    client.send(new ListObjectsV2Command({ Bucket: s3.bucket, Prefix: stagedPrefix }), { abortSignal }),
  );
  const keys = Contents.flatMap(({ Key = '', LastModified }) => (isAbandoned(Key, LastModified) ? [Key] : []));
  await deleteObjects(s3, keys);
  return removed + keys.length;
}

/** Ends an upload that was not completed, and removes its parts; one that has ended is fine. */
export async function abortUpload(s3: S3Connection, Key: string, UploadId: string | undefined): Promise<void> {
  await s3
    .call('control', (client, abortSignal) =>
      client.send(new AbortMultipartUploadCommand({ Bucket: s3.bucket, Key, UploadId }), { abortSignal }),
    )
    .catch((error: unknown) => {
      if (!isNoSuchUpload(error)) throw error;
    });
}

/** Ends every upload to a key, for who does not know which there are. */
export async function abortUploadsOf(s3: S3Connection, key: string): Promise<void> {
  for (const { Key, UploadId } of await listUploads(s3, key)) if (Key === key) await abortUpload(s3, key, UploadId);
}

/** None where the server does not list them (OSS), or not for this key: then it is the bucket's rules that end them. */
async function listUploads(s3: S3Connection, Prefix: string): Promise<MultipartUpload[]> {
  try {
    const { Uploads = [] } = await s3.call('control', (client, abortSignal) =>
      client.send(new ListMultipartUploadsCommand({ Bucket: s3.bucket, Prefix }), { abortSignal }),
    );
    return Uploads;
  } catch (error) {
    if (error instanceof Error && statusOf(error.cause) !== undefined) return [];
    throw error;
  }
}

export const isNoSuchUpload = (error: unknown): boolean =>
  error instanceof BlobMissingError ||
  (error instanceof Error && error.cause instanceof Error && error.cause.name === 'NoSuchUpload');
