import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  CreateMultipartUploadCommand,
  DeleteBucketCorsCommand,
  DeleteBucketLifecycleCommand,
  GetBucketCorsCommand,
  GetBucketLifecycleConfigurationCommand,
  PutBucketCorsCommand,
  PutBucketLifecycleConfigurationCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { bucketClient } from '../../../engines/s3-buckets.ts';
import { allOf } from '../../test/all-of.ts';
import { describeEngine } from '../../test/engines.ts';
import { useS3Stores } from '../../test/s3-stores.ts';
import { type BlobStore, BlobStoreUnavailableError, BlobTooLargeError, type StagedBlob } from '../ports/blob-store.ts';
import { connectS3 } from './blob-s3-connection.ts';
import { copyObject } from './blob-s3-copy.ts';
import { listObjects } from './blob-s3-listing.ts';
import { deletePrefix } from './blob-s3-removal.ts';

const mebibyte = 1024 * 1024;
const hourMs = 60 * 60_000;
const maxBytes = 512 * mebibyte;

describeEngine('s3', (url) => {
  const s3 = useS3Stores(url);
  const { open } = s3;
  const stage = (store: BlobStore, content: Buffer): Promise<StagedBlob> =>
    store.stage(Readable.from([content]), { maxBytes });
  const urlOf = async (store: BlobStore, key: string): Promise<string> => {
    const location = await store.locate(key);
    if (location?.kind !== 'redirect') throw new Error(`no address of ${key}`);
    return location.url;
  };
  const stagedFiles = (): string[] =>
    readdirSync(s3.folder.path, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.part'));
  const hashAt = async (address: string): Promise<string> =>
    createHash('sha256')
      .update(Buffer.from(await (await fetch(address)).arrayBuffer()))
      .digest('hex');

  describe('what is larger than a part', () => {
    it.each([8, 17])('is sent in parts while it arrives, and is whole: %i MiB', async (mebibytes) => {
      const store = await open();
      const staged = await stage(store, randomBytes(mebibytes * mebibyte));
      const inParts = mebibytes > 8;
      expect((await s3.bucket.contents()).length).toBe(inParts ? 1 : 0);
      await staged.promote('videos/1/a.mp4');
      expect(await hashAt(await urlOf(store, 'videos/1/a.mp4'))).toBe(staged.sha256);
      expect(existsSync(staged.path)).toBe(false);
      expect(await s3.bucket.contents()).toEqual(['videos/1/a.mp4']);
    });

    it('leaves no parts when it is discarded, broken off, or too large', async () => {
      const store = await open();
      await (await stage(store, randomBytes(20 * mebibyte))).discard();
      const chunk = randomBytes(mebibyte);
      const broken = new Error('the client went away');
      const source = Readable.from(
        (function* () {
          for (let sent = 0; sent < 20; sent += 1) yield chunk;
          throw broken;
        })(),
      );
      await expect(store.stage(source, { maxBytes })).rejects.toBe(broken);
      const large = Readable.from(Array.from({ length: 20 }, () => chunk));
      await expect(store.stage(large, { maxBytes: 19 * mebibyte })).rejects.toBeInstanceOf(BlobTooLargeError);
      expect(await s3.bucket.contents()).toEqual([]);
    });

    it('fails at once when the local file is gone', async () => {
      const store = await open();
      const chunk = randomBytes(mebibyte);
      const source = Readable.from(
        (function* () {
          for (let sent = 0; sent < 40; sent += 1) {
            // Before the first part is full.
            if (sent === 7) for (const name of stagedFiles()) rmSync(join(s3.folder.path, name));
            yield chunk;
          }
        })(),
        { highWaterMark: 1 },
      );
      await expect(store.stage(source, { maxBytes })).rejects.toBeInstanceOf(BlobStoreUnavailableError);
      expect(await s3.bucket.contents()).toEqual([]);
    });

    it('takes memory that does not depend on its size', async () => {
      const store = await open();
      const chunk = randomBytes(mebibyte / 4);
      setFlagsFromString('--expose-gc');
      const collect: () => void = runInNewContext('gc');
      const held = (): number => {
        collect();
        return process.memoryUsage().arrayBuffers;
      };
      const before = held();
      let most = 0;
      const source = Readable.from(
        (function* () {
          for (let sent = 0; sent < 96 * mebibyte; sent += chunk.length) {
            if (sent % (8 * mebibyte) === 0) most = Math.max(most, held() - before);
            yield chunk;
          }
        })(),
        { highWaterMark: 1 },
      );
      const staged = await store.stage(source, { maxBytes });
      expect(staged.sizeBytes).toBe(96 * mebibyte);
      await staged.discard();
      expect(most).toBeLessThan(16 * mebibyte);
    });

    it('is sent in parts as well when a tool has written it', async () => {
      const store = await open();
      const path = store.scratchPath('mp4');
      writeFileSync(path, randomBytes(19 * mebibyte));
      const adopted = await store.adopt(path);
      expect(await s3.bucket.contents()).toEqual([]);
      await adopted.promote('videos/1/b.mp4');
      expect(await hashAt(await urlOf(store, 'videos/1/b.mp4'))).toBe(adopted.sha256);
      expect([existsSync(path), await s3.bucket.contents()]).toEqual([false, ['videos/1/b.mp4']]);
    });

    it('is copied in parts where it is too large for one copy', async () => {
      const store = await open();
      const staged = await stage(store, randomBytes(17 * mebibyte));
      await staged.promote('videos/1/a.mp4');
      const connection = connectS3(s3.bucket.storage);
      const target = { key: 'videos/1/b.mp4', headers: { ContentType: 'video/mp4', CacheControl: 'no-cache' } };
      await copyObject(connection, 'videos/1/a.mp4', target, staged.sizeBytes, 6 * mebibyte);
      connection.close();
      expect(await hashAt(await urlOf(store, target.key))).toBe(staged.sha256);
      expect((await s3.bucket.contents()).toSorted()).toEqual(['videos/1/a.mp4', target.key]);
    });

    it('does not mind others that arrive at the same time', async () => {
      const store = await open();
      const files = await Promise.all(
        [9, 17, 3, 12, 1, 10].map((mebibytes) => stage(store, randomBytes(mebibytes * mebibyte))),
      );
      await Promise.all(files.map((staged, index) => staged.promote(`videos/${index}/a.mp4`)));
      for (const [index, { sha256 }] of files.entries()) {
        expect(await hashAt(await urlOf(store, `videos/${index}/a.mp4`))).toBe(sha256);
      }
    });
  });

  it('deletes a folder of more objects than one page lists', async () => {
    const store = await open();
    for (let index = 0; index < 8; index += 1) {
      await (await stage(store, Buffer.from('x'))).promote(`videos/1/hls/${index}.ts`);
    }
    const connection = connectS3(s3.bucket.storage);
    await deletePrefix(connection, 'videos/1/', 3);
    connection.close();
    expect(await s3.bucket.contents()).toEqual([]);
  });

  it('lists more objects than one page holds, from the beginning or behind a key', async () => {
    const store = await open();
    const keys = Array.from({ length: 8 }, (_, index) => `videos/${index}/a.ts`);
    for (const key of keys) await (await stage(store, Buffer.from('x'))).promote(key);
    const connection = connectS3(s3.bucket.storage);
    for (const after of ['', 'videos/2/a.ts']) {
      const listed = await allOf(listObjects(connection, 'videos/', { after, MaxKeys: 3 }));
      expect(listed.map(({ key }) => key)).toEqual(keys.filter((key) => key > after));
    }
    connection.close();
  });

  describe('what was left behind', () => {
    it('by a process that is gone is removed at once, here and in the bucket', async () => {
      const gone = await open();
      await stage(gone, randomBytes(20 * mebibyte));
      await gone.close();
      const next = await open();
      expect((await s3.bucket.contents()).length).toBe(1);
      expect(await next.sweepStaged()).toBe(2);
      expect(await s3.bucket.contents()).toEqual([]);
    });

    it('stays while its process lives', async () => {
      const [one, other] = [await open(), await open()];
      const staged = await stage(one, randomBytes(20 * mebibyte));
      expect(await other.sweepStaged()).toBe(0);
      await staged.promote('videos/1/a.mp4');
      expect(await hashAt(await urlOf(other, 'videos/1/a.mp4'))).toBe(staged.sha256);
    });

    it('by whoever it was is removed after a day', async () => {
      const client = bucketClient(s3.bucket.address);
      const object = { Bucket: s3.bucket.address.bucket };
      await client.send(new PutObjectCommand({ ...object, Key: '.staged/elsewhere/a', Body: 'x' }));
      await client.send(new CreateMultipartUploadCommand({ ...object, Key: '.staged/elsewhere/b' }));
      await client.send(new CreateMultipartUploadCommand({ ...object, Key: 'videos/1/c.mp4' }));
      await client.send(new PutObjectCommand({ ...object, Key: 'videos/1/d.mp4', Body: 'x' }));
      client.destroy();
      expect(await (await open({ now: () => Date.now() + 23 * hourMs })).sweepStaged()).toBe(0);
      expect(await (await open({ now: () => Date.now() + 25 * hourMs })).sweepStaged()).toBe(3);
      expect(await s3.bucket.contents()).toEqual(['videos/1/d.mp4']);
    });
  });

  it('gives a bucket without rules some that remove what is left, and leaves the rules of others alone', async () => {
    const client = bucketClient(s3.bucket.address);
    const Bucket = s3.bucket.address.bucket;
    const rules = async (): Promise<(string | undefined)[]> =>
      ((await client.send(new GetBucketLifecycleConfigurationCommand({ Bucket }))).Rules ?? []).map(({ ID }) => ID);
    await open();
    expect((await rules()).toSorted()).toEqual(['tiktok-server-staged', 'tiktok-server-uploads']);
    const Rules = [{ ID: 'theirs', Status: 'Enabled' as const, Filter: { Prefix: 'x/' }, Expiration: { Days: 9 } }];
    await client.send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules } }));
    await open();
    expect(await rules()).toEqual(['theirs']);
    await client.send(new DeleteBucketLifecycleCommand({ Bucket }));
    client.destroy();
  });

  it('lets scripts of any site read a bucket without rules about that, and leaves the rules of others alone', async () => {
    const client = bucketClient(s3.bucket.address);
    const Bucket = s3.bucket.address.bucket;
    const rules = async () => (await client.send(new GetBucketCorsCommand({ Bucket }))).CORSRules ?? [];
    const store = await open();
    await (await stage(store, Buffer.from('content'))).promote('videos/1/v720.mp4');
    const headers = { origin: 'https://elsewhere.example', range: 'bytes=0-2' };
    const part = await fetch(await urlOf(store, 'videos/1/v720.mp4'), { headers });
    expect([part.status, part.headers.get('access-control-allow-origin')]).toEqual([206, '*']);
    const CORSRules = [{ ID: 'theirs', AllowedOrigins: ['https://example.org'], AllowedMethods: ['GET'] }];
    await client.send(new PutBucketCorsCommand({ Bucket, CORSConfiguration: { CORSRules } }));
    await open();
    expect((await rules()).map(({ ID }) => ID)).toEqual(['theirs']);
    await client.send(new DeleteBucketCorsCommand({ Bucket }));
    client.destroy();
  });
});
