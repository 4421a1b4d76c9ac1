import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { emptyBucket } from '../../../engines/s3-buckets.ts';
import { describeEngine } from '../../test/engines.ts';
import { makeTestBucket, type TestBucket } from '../../test/s3-bucket.ts';
import { temporaryFolder } from '../../test/server.ts';
import { partialUploadsConformance } from '../ports/partial-uploads.conformance.ts';
import { covering, createS3PartialUploads } from './partial-uploads-s3.ts';

describe('what segments cover', () => {
  const of = (...segments: (readonly [number, number])[]) =>
    covering(segments.map(([start, end]) => ({ start, end }))).map(({ start, end }) => [start, end]);

  it('is everything up to the first gap', () => {
    expect(of()).toEqual([]);
    expect(of([1, 2])).toEqual([]);
    expect(of([0, 5], [5, 9])).toEqual([
      [0, 5],
      [5, 9],
    ]);
    expect(of([5, 9], [0, 5], [10, 12])).toEqual([
      [0, 5],
      [5, 9],
    ]);
  });

  it('is not less for what a process wrote late or twice', () => {
    expect(of([0, 5], [0, 9])).toEqual([[0, 9]]);
    expect(of([0, 9], [0, 5], [5, 9], [5, 12], [9, 10])).toEqual([
      [0, 9],
      [5, 12],
    ]);
  });
});

describeEngine('s3', (url) => {
  let bucket: TestBucket;
  beforeAll(async () => {
    bucket = await makeTestBucket(url);
  });
  afterAll(() => bucket.remove());

  const under = async () => {
    const folder = temporaryFolder();
    const scratch = join(folder.path, 'scratch');
    mkdirSync(scratch);
    const opened: { close(): void }[] = [];
    let paths = 0;
    const path = (folder: string): string => {
      paths += 1;
      return join(folder, `file${paths}`);
    };
    const open = async () => {
      const partials = await createS3PartialUploads({ storage: bucket.storage, scratchPath: () => path(scratch) });
      opened.push(partials);
      return partials;
    };
    return {
      partials: await open(),
      another: open,
      path: () => path(folder.path),
      everything: async () => [...(await bucket.contents()), ...readdirSync(scratch)],
      dispose: async () => {
        for (const one of opened) one.close();
        await emptyBucket(bucket.address);
        folder.remove();
      },
    };
  };

  describe('as a keeper of partial uploads', () => {
    partialUploadsConformance(under);
  });

  it('makes few objects of many small pieces, and several of a large one', async () => {
    const { partials, everything, dispose } = await under();
    try {
      const id = 'b'.repeat(32);
      for (let piece = 0; piece < 8; piece += 1) {
        await partials.append(id, piece * 100_000, Readable.from([Buffer.alloc(100_000, piece)]));
      }
      expect(await everything()).toHaveLength(1);
      await partials.append(id, 800_000, Readable.from([Buffer.alloc(10 * 1024 * 1024), Buffer.alloc(1)]));
      expect(await everything()).toHaveLength(2);
      expect(await partials.offset(id)).toBe(800_001 + 10 * 1024 * 1024);
    } finally {
      await dispose();
    }
  });
});
