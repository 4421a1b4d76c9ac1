import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe } from 'vitest';
import { emptyBucket } from '../../../engines/s3-buckets.ts';
import { describeEngine } from '../../test/engines.ts';
import { makeTestBucket, type TestBucket } from '../../test/s3-bucket.ts';
import { temporaryFolder } from '../../test/server.ts';
import { blobStoreConformance } from '../ports/blob-store.conformance.ts';
import { createS3BlobStore } from './blob-s3.ts';

/** Files in the staging folder, but those that are always there. */
const stagedIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (name) => !/^[0-9a-f]{12}(?:\/\.lock(?:-journal)?)?$/.test(name),
  );

describeEngine('s3', (url) => {
  let bucket: TestBucket;
  beforeAll(async () => {
    bucket = await makeTestBucket(url);
  });
  afterAll(() => bucket.remove());

  describe('as a blob store', () => {
    blobStoreConformance(async () => {
      const folder = temporaryFolder();
      const open = () => createS3BlobStore({ storage: bucket.storage, stagingFolder: folder.path });
      let store = await open();
      return {
        store,
        restart: async () => {
          await store.close();
          store = await open();
          return store;
        },
        everything: async () => [...(await bucket.contents()), ...stagedIn(folder.path)],
        dispose: async () => {
          await store.close();
          await emptyBucket(bucket.address);
          folder.remove();
        },
      };
    });
  });
});
