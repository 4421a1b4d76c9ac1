import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import type { ListedBlob } from '../ports/index.ts';
import type { S3Connection } from './blob-s3-connection.ts';
import { isBlobKey } from './blob-staging.ts';

/** What S3 lists in one request. */
const pageObjects = 1_000;
/** Ten thousand million objects: more is a server that lists in circles. */
const maxPages = 10_000_000;

/** Objects whose keys begin with `prefix`, in the order of S3, which is that of their bytes. */
export async function* listObjects(
  s3: S3Connection,
  prefix: string,
  { after = '', MaxKeys = pageObjects }: { readonly after?: string | undefined; readonly MaxKeys?: number } = {},
): AsyncGenerator<ListedBlob> {
  const StartAfter = after > prefix ? after : undefined;
  let token: string | undefined;
  for (let page = 0; page < maxPages; page += 1) {
    const ContinuationToken = token;
    const listed = await s3.call('control', (client, abortSignal) =>
      client.send(
        new ListObjectsV2Command({ Bucket: s3.bucket, Prefix: prefix, StartAfter, ContinuationToken, MaxKeys }),
        { abortSignal },
      ),
    );
    for (const { Key, Size = 0, LastModified } of listed.Contents ?? []) {
      if (Key === undefined || !isBlobKey(Key) || Key <= after) continue;
      // Without a moment it is as new as can be: nobody takes it for a left one.
      yield { key: Key, sizeBytes: Size, modifiedAtMs: LastModified?.getTime() ?? Date.now() };
    }
    token = listed.NextContinuationToken;
    if (token === undefined) return;
  }
}
