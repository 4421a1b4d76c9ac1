/** A server of its own, that can be killed and paused. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { DeleteBucketPolicyCommand, PutBucketPolicyCommand } from '@aws-sdk/client-s3';
import { errors } from '@tiktok-server/contract';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Engine } from '../../../engines/engine.ts';
import { startS3 } from '../../../engines/s3.ts';
import { bucketClient, limitBucket } from '../../../engines/s3-buckets.ts';
import { describeEngine } from '../../test/engines.ts';
import { makeTestBucket, storageOf, type TestBucket } from '../../test/s3-bucket.ts';
import { someVideo, startTestServer, temporaryFolder } from '../../test/server.ts';
import type { S3Storage } from '../config/index.ts';
import { type BlobStore, BlobStoreFullError, BlobStoreUnavailableError } from '../ports/blob-store.ts';
import { createS3BlobStore } from './blob-s3.ts';

const mebibyte = 1024 * 1024;
const maxBytes = 512 * mebibyte;
/** What a request may take while the server is away. */
const awayMs = 5_000;
const bootMs = 10_000;

describeEngine('s3', () => {
  let engine: Engine;
  let bucket: TestBucket;
  const engineFolder = temporaryFolder();
  let folder: ReturnType<typeof temporaryFolder>;
  let store: BlobStore | undefined;
  beforeAll(async () => {
    engine = await startS3({ folder: engineFolder.path });
    const { STORAGE_ACCESS_KEY: key, STORAGE_SECRET_KEY: secret } = engine.settings;
    bucket = await makeTestBucket(`http://${key}:${secret}@127.0.0.1:${engine.port}`);
  });
  afterAll(async () => {
    await engine.stop();
    engineFolder.remove();
  });
  beforeEach(() => {
    folder = temporaryFolder();
  });
  afterEach(async () => {
    await store?.close();
    store = undefined;
    folder.remove();
  });

  const open = async (
    storage: S3Storage = bucket.storage,
    warn: (words: string) => void = () => undefined,
  ): Promise<BlobStore> => {
    store = await createS3BlobStore({ storage, stagingFolder: folder.path, warn });
    return store;
  };
  /** Chunks of 1 MiB; `between` is run before the one of that number. */
  const source = (mebibytes: number, number = 0, between: () => Promise<void> | void = () => undefined): Readable =>
    Readable.from(
      (async function* () {
        for (let sent = 0; sent < mebibytes; sent += 1) {
          if (sent === number) await between();
          yield randomBytes(mebibyte);
        }
      })(),
      { highWaterMark: 1 },
    );
  /** What `work` rejects with, and that it does so in time. */
  const failure = async (work: Promise<unknown>, withinMs: number): Promise<unknown> => {
    const startMs = performance.now();
    const error = await work.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(performance.now() - startMs).toBeLessThan(withinMs);
    return error;
  };

  describe.each([
    ['killed', () => engine.kill(), () => engine.start()],
    ['paused', () => engine.pause(), () => engine.resume()],
  ])('a server that is %s', (_how, takeAway, bringBack) => {
    it('ends an upload in time, in the middle of it, and takes the next when it is back', async () => {
      const blobs = await open();
      try {
        const inTheMiddle = async (): Promise<void> => {
          await expect.poll(() => bucket.contents(), { timeout: awayMs }).toHaveLength(1);
          await takeAway();
          awaySinceMs = performance.now();
        };
        let awaySinceMs = 0;
        const error = await blobs.stage(source(60, 20, inTheMiddle), { maxBytes }).catch((reason: unknown) => reason);
        expect(performance.now() - awaySinceMs).toBeLessThan(awayMs);
        expect(error).toBeInstanceOf(BlobStoreUnavailableError);
        // What is known is not found out again.
        expect(await failure(blobs.stage(source(1), { maxBytes }), 2_500)).toBeInstanceOf(BlobStoreUnavailableError);
      } finally {
        await bringBack();
      }
      await expect.poll(() => blobs.ping().then(() => true), { timeout: awayMs }).toBe(true);
      // What the upload that was ended had left in the bucket is removed, too.
      await expect.poll(() => bucket.contents(), { timeout: awayMs }).toEqual([]);
      const staged = await blobs.stage(source(10), { maxBytes });
      await staged.promote('videos/1/a.mp4');
      expect(await bucket.contents()).toEqual(['videos/1/a.mp4']);
      await blobs.deleteFolder('videos/1');
    });

    it('lets nothing hang', async () => {
      const blobs = await open();
      await (await blobs.stage(source(1), { maxBytes })).promote('videos/1/a.mp4');
      const [small, large] = [await blobs.stage(source(1), { maxBytes }), await blobs.stage(source(9), { maxBytes })];
      await takeAway();
      try {
        for (const work of [
          () => small.promote('videos/1/b.mp4'),
          () => large.promote('videos/1/c.mp4'),
          () => blobs.withLocalFile('videos/1/a.mp4', async () => undefined),
          () => blobs.delete(['videos/1/a.mp4']),
          () => blobs.deleteFolder('videos/1'),
          () => blobs.sweepStaged(),
          () => blobs.ping(),
        ]) {
          expect(await failure(work(), awayMs)).toBeInstanceOf(BlobStoreUnavailableError);
        }
        // Clients may reach what this process does not.
        expect(await failure(blobs.locate('videos/1/never-asked.mp4'), awayMs)).toBeUndefined();
        expect((await blobs.locate('videos/1/a.mp4'))?.kind).toBe('redirect');
        expect(await failure(Promise.all([small.discard(), large.discard()]), awayMs)).toBeUndefined();
      } finally {
        await bringBack();
      }
      await expect.poll(() => blobs.ping().then(() => true), { timeout: awayMs }).toBe(true);
      await blobs.deleteFolder('videos/1');
      await expect.poll(() => bucket.contents(), { timeout: awayMs }).toEqual([]);
    });
  });

  it('a bucket whose quota is used up is called full, and keeps nothing', async () => {
    const small = await makeTestBucket(
      `http://${bucket.address.accessKey}:${bucket.address.secretKey}@127.0.0.1:${engine.port}`,
    );
    const blobs = await open(small.storage);
    await limitBucket(small.address, 12 * 1024);
    await expect(blobs.stage(source(30), { maxBytes })).rejects.toBeInstanceOf(BlobStoreFullError);
    await (await blobs.stage(source(8), { maxBytes })).promote('videos/1/a.mp4');
    const staged = await blobs.stage(source(8), { maxBytes });
    await expect(staged.promote('videos/1/b.mp4')).rejects.toBeInstanceOf(BlobStoreFullError);
    await staged.discard();
    expect(await small.contents()).toEqual(['videos/1/a.mp4']);
    await blobs.delete(['videos/1/a.mp4']);
    await (await blobs.stage(source(1), { maxBytes })).promote('videos/1/c.mp4');
  });

  it('a site whose files are away refuses uploads in time, answers the rest, and goes on when they are back', async () => {
    const server = await startTestServer(bucket.settings);
    try {
      const user = await server.user();
      await engine.pause();
      const startMs = performance.now();
      const answer = await server.call('publish', { title: 'x' }, { token: user.token, files: { data: someVideo } });
      expect(performance.now() - startMs).toBeLessThan(awayMs);
      expect([answer.status_code, answer.status_msg]).toEqual([errors.ErrObjectStoreUpload.code, answer.status_msg]);
      expect((await server.call('feed')).status_code).toBe(0);
      engine.resume();
      await expect.poll(() => server.context.blobs.ping().then(() => true), { timeout: awayMs }).toBe(true);
      await server.publish(user);
    } finally {
      engine.resume();
      await server.close();
    }
  });

  describe('at the start', () => {
    const refused = async (settings: Readonly<Record<string, string>>): Promise<string> => {
      const error = await failure(open(storageOf({ ...bucket.settings, ...settings })), bootMs);
      if (!(error instanceof Error)) throw new Error('it was not refused');
      expect(error.message).not.toContain('\n');
      expect(error.message).not.toContain(bucket.address.secretKey);
      return error.message;
    };

    /** Runs `work` while a policy of the bucket denies these rights. */
    const withoutRights = async <T>(Action: string[], work: () => Promise<T>): Promise<T> => {
      const client = bucketClient(bucket.address);
      const Bucket = bucket.address.bucket;
      const Resource = [`arn:aws:s3:::${Bucket}`, `arn:aws:s3:::${Bucket}/*`];
      const Statement = [{ Effect: 'Deny', Principal: '*', Action, Resource }];
      const Policy = JSON.stringify({ Version: '2012-10-17', Statement });
      await client.send(new PutBucketPolicyCommand({ Bucket, Policy }));
      try {
        return await work();
      } finally {
        await client.send(new DeleteBucketPolicyCommand({ Bucket }));
        client.destroy();
      }
    };

    it('a server that is not there is named', async () => {
      expect(await refused({ STORAGE_URL: `s3://tiktok?endpoint=http://127.0.0.1:1` })).toBe(
        'STORAGE_URL: http://127.0.0.1:1 cannot be reached (ECONNREFUSED): correct the endpoint, or start that server',
      );
      expect(await refused({ STORAGE_URL: 's3://tiktok?endpoint=http://nowhere.invalid' })).toMatch(
        /^STORAGE_URL: http:\/\/nowhere\.invalid cannot be reached \(E/,
      );
    });

    it('a server that does not answer is named', async () => {
      await engine.pause();
      try {
        expect(await refused({})).toMatch(
          /^STORAGE_URL: http:\/\/127\.0\.0\.1:\d+ (?:cannot be reached|does not answer)/,
        );
      } finally {
        engine.resume();
      }
    });

    it('a server that is no S3 is named', async () => {
      for (const status of [200, 404, 500]) {
        const server = createServer((_request, response) => response.writeHead(status).end('<html>hello</html>'));
        server.listen(0, '127.0.0.1');
        await once(server, 'listening');
        const address = server.address();
        const port = typeof address === 'object' && address !== null ? address.port : 0;
        expect(await refused({ STORAGE_URL: `s3://tiktok?endpoint=http://127.0.0.1:${port}` })).toMatch(
          /^STORAGE_URL: /,
        );
        server.closeAllConnections();
        server.close();
        await once(server, 'close');
      }
    });

    it('a folder that cannot be written to is named', async () => {
      const stagingFolder = join(folder.path, 'file');
      writeFileSync(stagingFolder, '');
      const opening = createS3BlobStore({ storage: bucket.storage, stagingFolder });
      await expect(opening).rejects.toThrow(/^DATA_DIR: .* cannot be written to \(E/);
    });

    it('a bucket that is not there is named', async () => {
      const { endpoint } = bucket.address;
      expect(await refused({ STORAGE_URL: `s3://no-such-bucket?endpoint=${endpoint}` })).toBe(
        `STORAGE_URL: there is no bucket no-such-bucket at ${endpoint}: create it, or name another one`,
      );
    });

    it('a key that is not known, and a secret that is not its own, are named', async () => {
      expect(await refused({ STORAGE_ACCESS_KEY: 'nobody' })).toMatch(/^STORAGE_ACCESS_KEY: .*InvalidAccessKeyId/);
      expect(await refused({ STORAGE_SECRET_KEY: 'not-the-secret' })).toMatch(
        /^STORAGE_SECRET_KEY: .*SignatureDoesNotMatch/,
      );
    });

    it.each([
      ['write', 's3:PutObject'],
      ['read', 's3:GetObject'],
      ['list', 's3:ListBucket'],
      ['delete', 's3:DeleteObject'],
    ])('a key that may not %s is told which right it needs', async (what, right) => {
      const message = await withoutRights([right], () => refused({}));
      expect(message).toMatch(/^STORAGE_ACCESS_KEY: /);
      expect(message).toContain(`does not let it ${what} in bucket ${bucket.address.bucket}`);
      expect(message).toContain(right);
    });

    it('a key that may neither see uploads nor set rules is enough, and it is said what follows', async () => {
      const rights = [
        's3:ListBucketMultipartUploads',
        's3:GetLifecycleConfiguration',
        's3:PutLifecycleConfiguration',
        's3:GetBucketCORS',
        's3:PutBucketCORS',
      ];
      await withoutRights(rights, async () => {
        const warnings: string[] = [];
        const blobs = await open(bucket.storage, (words) => warnings.push(words));
        expect(await blobs.sweepStaged()).toBe(0);
        expect(warnings).toEqual([expect.stringMatching(/AccessDenied: it got no CORS rule/)]);
      });
    });
  });
});
