import { PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeOwnEngines } from '../server/test/engines.ts';
import { temporaryFolder } from '../server/test/server.ts';
import { type Engine, EngineMissingError } from './engine.ts';
import { findProgram } from './programs.ts';
import { startS3 } from './s3.ts';
import { type BucketAddress, bucketClient, bucketContents, createBucket, removeBucket } from './s3-buckets.ts';

describeOwnEngines(['s3'], () => {
  const folder = temporaryFolder();
  let engine: Engine;
  let bucket: BucketAddress;
  beforeAll(async () => {
    engine = await startS3({ folder: folder.path });
    const { STORAGE_ACCESS_KEY: accessKey = '', STORAGE_SECRET_KEY: secretKey = '' } = engine.settings;
    bucket = { endpoint: `http://127.0.0.1:${engine.port}`, accessKey, secretKey, bucket: 'another' };
  });
  afterAll(async () => {
    await engine.stop();
    folder.remove();
  });

  const answers = (timeoutMs: number): Promise<boolean> =>
    fetch(bucket.endpoint, { signal: AbortSignal.timeout(timeoutMs) }).then(
      ({ ok }) => ok,
      () => false,
    );

  it('has the bucket of its settings', async () => {
    const name = new URL(engine.settings['STORAGE_URL'] ?? '').hostname;
    expect(await bucketContents({ ...bucket, bucket: name })).toEqual({ objects: [], uploads: [] });
  });

  it('brings back after a kill what it had answered, and is used at once', async () => {
    await createBucket(bucket);
    const client = bucketClient(bucket);
    await client.send(new PutObjectCommand({ Bucket: bucket.bucket, Key: 'a/b', Body: 'content' }));
    client.destroy();
    await engine.kill();
    expect(await answers(1_000)).toBe(false);
    await engine.start();
    expect((await bucketContents(bucket)).objects).toEqual(['a/b']);
    await removeBucket(bucket);
  });

  it('answers nothing while it is paused', async () => {
    await engine.pause();
    expect(await answers(200)).toBe(false);
    engine.resume();
    expect(await answers(5_000)).toBe(true);
  });
});

it('says which package brings a program that is not there', () => {
  const find = () => findProgram('no-such-program', 'no-such-package');
  expect(find).toThrow(EngineMissingError);
  expect(find).toThrow('no-such-program is not installed: apt-get install no-such-package');
});
