/** A bucket of a suite's own on the S3 server that tests run against. */
import { randomBytes } from 'node:crypto';
import {
  type BucketAddress,
  bucketAddress,
  bucketContents,
  bucketSettings,
  createBucket,
  removeBucket,
} from '../../engines/s3-buckets.ts';
import { loadConfig, type S3Storage } from '../src/config/index.ts';

export type TestBucket = {
  readonly address: BucketAddress;
  /** As the settings give it. */
  readonly settings: Readonly<Record<string, string>>;
  readonly storage: S3Storage;
  /** Keys of everything in it; of uploads that were not ended, with `?`. */
  contents(): Promise<string[]>;
  remove(): Promise<void>;
};

/** `server` as `http://ACCESS_KEY:SECRET_KEY@HOST:PORT`. */
export async function makeTestBucket(server: string): Promise<TestBucket> {
  const address = bucketAddress(server, `test-${randomBytes(8).toString('hex')}`);
  await createBucket(address);
  const settings = bucketSettings(address);
  return {
    address,
    settings,
    storage: storageOf(settings),
    contents: async () => {
      const { objects, uploads } = await bucketContents(address);
      return [...objects, ...uploads.map(({ key }) => `${key}?`)];
    },
    remove: () => removeBucket(address),
  };
}

/** What the product makes of such settings. */
export function storageOf(settings: Readonly<Record<string, string>>): S3Storage {
  const { blobs } = loadConfig({ environment: settings, workingDirectory: '/' });
  if (blobs.kind !== 's3') throw new Error('not settings of S3');
  return blobs;
}
