/** Stores on a bucket of a suite's own, which is emptied after each test and removed after the last. */
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { emptyBucket } from '../../engines/s3-buckets.ts';
import { createS3BlobStore, type S3BlobStoreOptions } from '../src/adapters/blob-s3.ts';
import type { BlobStore } from '../src/ports/blob-store.ts';
import { makeTestBucket, type TestBucket } from './s3-bucket.ts';
import { temporaryFolder } from './server.ts';

export type TestStores = {
  readonly bucket: TestBucket;
  /** Where stores of the present test stage. */
  readonly folder: ReturnType<typeof temporaryFolder>;
  /** One that is closed after the test. */
  readonly open: (options?: Partial<S3BlobStoreOptions>) => Promise<BlobStore>;
};

/** Called in a suite; what it returns is to be used in its tests. */
export function useS3Stores(url: string): TestStores {
  let bucket: TestBucket;
  let folder: ReturnType<typeof temporaryFolder>;
  const stores: BlobStore[] = [];
  beforeAll(async () => {
    bucket = await makeTestBucket(url);
  });
  afterAll(() => bucket.remove());
  beforeEach(() => {
    folder = temporaryFolder();
  });
  afterEach(async () => {
    for (const store of stores.splice(0)) await store.close();
    await emptyBucket(bucket.address);
    folder.remove();
  });
  return {
    get bucket() {
      return bucket;
    },
    get folder() {
      return folder;
    },
    open: async (options = {}) => {
      const store = await createS3BlobStore({ storage: bucket.storage, stagingFolder: folder.path, ...options });
      stores.push(store);
      return store;
    },
  };
}
