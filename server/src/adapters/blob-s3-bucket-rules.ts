/** Rules that the bucket itself keeps, and which are given to it at the start if it has none. */
import {
  GetBucketCorsCommand,
  GetBucketLifecycleConfigurationCommand,
  PutBucketCorsCommand,
  PutBucketLifecycleConfigurationCommand,
} from '@aws-sdk/client-s3';
import type { S3Connection } from './blob-s3-connection.ts';

/** What follows from a bucket without the rule. */
const corsWords = 'it got no CORS rule, without which players in browsers cannot read videos (docs/object-storage.md)';
/** How long a browser need not ask again whether it may. */
const corsMaxAgeSeconds = 86_400;

/**
 * Has S3 itself end uploads that were begun and not ended, and remove staged files, both after a day: also where no process
 * of ours comes by any more. Only if the bucket has no rules at all, since rules are replaced as a whole. Who may not do
 * that, or a server that has no such rules, is fine: the same is done at each start.
 */
export async function addLifecycleRules(s3: S3Connection, stagedPrefix: string): Promise<void> {
  const bucket = { Bucket: s3.bucket };
  const hasRules = await s3
    .call('control', (client, abortSignal) =>
      client.send(new GetBucketLifecycleConfigurationCommand(bucket), { abortSignal }),
    )
    .then(
      ({ Rules = [] }) => Rules.length > 0,
      (error: unknown) => !saysNo(error, 'NoSuchLifecycleConfiguration'),
    );
  if (hasRules) return;
  const LifecycleConfiguration = {
    Rules: [
      {
        ID: 'tiktok-server-uploads',
        Status: 'Enabled' as const,
        Filter: { Prefix: '' },
        AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
      },
      {
        ID: 'tiktok-server-staged',
        Status: 'Enabled' as const,
        Filter: { Prefix: stagedPrefix },
        Expiration: { Days: 1 },
      },
    ],
  };
  await s3
    .call('control', (client, abortSignal) =>
      client.send(new PutBucketLifecycleConfigurationCommand({ ...bucket, LifecycleConfiguration }), { abortSignal }),
    )
    .catch(() => undefined);
}

/**
 * Lets scripts of any site read files: a player of HLS is a script, and is redirected to the bucket. What lies there is for
 * everyone who knows the address, as it is at this server. Only if the bucket has no rules at all; where that may not be done,
 * `warn` is told, once.
 */
export async function addCorsRule(s3: S3Connection, warn: (words: string) => void): Promise<void> {
  const bucket = { Bucket: s3.bucket };
  const complain = (error: unknown): void => {
    const name = error instanceof Error && error.cause instanceof Error ? error.cause.name : 'unknown';
    // A server that has no such rules (MinIO) lets every site read by itself.
    if (name !== 'NotImplemented') warn(`S3 bucket ${s3.bucket}: ${name}: ${corsWords}`);
  };
  const hasRules = await s3
    .call('control', (client, abortSignal) => client.send(new GetBucketCorsCommand(bucket), { abortSignal }))
    .then(
      ({ CORSRules = [] }) => CORSRules.length > 0,
      (error: unknown) => {
        if (saysNo(error, 'NoSuchCORSConfiguration')) return false;
        // There may be rules, which would be replaced as a whole.
        complain(error);
        return true;
      },
    );
  if (hasRules) return;
  const CORSConfiguration = {
    CORSRules: [
      {
        ID: 'tiktok-server-players',
        AllowedOrigins: ['*'],
        AllowedMethods: ['GET', 'HEAD'],
        AllowedHeaders: ['Range', 'If-Range', 'If-None-Match', 'If-Modified-Since'],
        ExposeHeaders: ['Accept-Ranges', 'Content-Length', 'Content-Range', 'ETag'],
        MaxAgeSeconds: corsMaxAgeSeconds,
      },
    ],
  };
  await s3
    .call('control', (client, abortSignal) =>
      client.send(new PutBucketCorsCommand({ ...bucket, CORSConfiguration }), { abortSignal }),
    )
    .catch(complain);
}

const saysNo = (error: unknown, name: string): boolean =>
  error instanceof Error && error.cause instanceof Error && error.cause.name === name;
