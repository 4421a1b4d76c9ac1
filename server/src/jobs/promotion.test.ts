import { readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createJobBench, type JobBench } from '../../test/job-bench.ts';
import { createDiskBlobStore } from '../adapters/blob-disk.ts';
import type { BlobStore, StagedBlob } from '../ports/index.ts';
import { outboxStore, videoStore } from '../store/index.ts';
import { type BlobOwner, blobJobs, intentPrefix, newBlobKey, promoteWith, type Unit, type Writer } from './index.ts';

let bench: JobBench;
let root: string;
let blobs: BlobStore;
beforeEach(async () => {
  bench = await createJobBench();
  root = join(dirname(bench.store.path), 'media');
  blobs = await createDiskBlobStore({ root });
});
afterEach(() => bench.remove());

const owner: BlobOwner = { owner: 'video', ownerId: 1 };
const hourMs = 3_600_000;

const files = (): string[] =>
  readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(root, name)).isFile())
    .toSorted();

type Upload = {
  readonly playKey: string;
  readonly coverKey: string;
  readonly files: { key: string; staged: StagedBlob }[];
};
async function upload(): Promise<Upload> {
  const stage = (text: string) => blobs.stage(Readable.from([text]), { maxBytes: 1_000 });
  const [playKey, coverKey] = [newBlobKey(owner, 'mp4'), newBlobKey(owner, 'jpg')];
  const files = [
    { key: playKey, staged: await stage('video') },
    { key: coverKey, staged: await stage('cover') },
  ];
  return { playKey, coverKey, files };
}

const insertFor =
  ({ playKey, coverKey }: Upload) =>
  async ({ trx }: Unit): Promise<boolean> => {
    await videoStore.insertVideo(trx, {
      id: owner.ownerId,
      author_id: 1,
      title: '',
      state: 'ready',
      published_at: 1,
      play_key: playKey,
      cover_key: coverKey,
      placeholder: null,
      duration_ms: 1,
      width: 1,
      height: 1,
      size_bytes: 1,
      sha256: '',
    });
    return true;
  };

const videos = () => videoStore.findVideos(bench.store.database.reader, [owner.ownerId]);

/** The start of the next process on the same files and rows, and all that is due then. */
async function restart(): Promise<void> {
  blobs = await createDiskBlobStore({ root });
  await blobs.sweepStaged();
  const { database } = bench.store;
  await database.transaction((trx) => outboxStore.releaseAllJobs(trx, intentPrefix, bench.clock.now()));
  const runner = await bench.startRunner(blobJobs({ database, blobs }));
  await runner.processAll();
}

async function expectAllOrNothing(): Promise<'all' | 'nothing'> {
  const [video] = await videos();
  expect(await bench.rows()).toEqual([]);
  expect(files()).toEqual(video === undefined ? [] : [video.play_key, video.cover_key].toSorted());
  return video === undefined ? 'nothing' : 'all';
}

it('leaves the files, the row that names them, and no job', async () => {
  const one = await upload();
  expect(await promoteWith({ writer: bench.writer, blobs }, owner, one.files, insertFor(one))).toBe(true);
  expect(await expectAllOrNothing()).toBe('all');
});

/**
 * The process dies at a step: the step is never answered and nothing after it happens, as with `kill -9`. A step that is
 * "done" took effect before.
 */
const steps = ['intent', 'first file', 'second file', 'row'] as const;
const deaths = steps.flatMap((step) => [['before', step] as const, ['after', step] as const]);

it.each(deaths)('leaves all or nothing when the process dies %s the step: %s', async (when, step) => {
  const died = Promise.withResolvers<void>();
  let taken = 0;
  const dyingAt = async <T>(work: () => Promise<T>): Promise<T> => {
    const name = steps[taken];
    taken += 1;
    if (name !== step) return await work();
    if (when === 'after') await work();
    died.resolve();
    return await new Promise<never>(() => undefined);
  };
  const one = await upload();
  const writer: Writer = { write: (work) => dyingAt(() => bench.writer.write(work)) };
  const dying = one.files.map(({ key, staged }) => ({
    key,
    staged: { ...staged, promote: (to: string) => dyingAt(() => staged.promote(to)) },
  }));
  void promoteWith({ writer, blobs }, owner, dying, insertFor(one));
  await died.promise;
  await restart();
  expect(await expectAllOrNothing()).toBe(when === 'after' && step === 'row' ? 'all' : 'nothing');
});

it('dies inside the transaction without leaving half of it', async () => {
  const one = await upload();
  const failed = new Error('the connection broke');
  const commit = async (unit: Unit): Promise<boolean> => {
    await insertFor(one)(unit);
    throw failed;
  };
  await expect(promoteWith({ writer: bench.writer, blobs }, owner, one.files, commit)).rejects.toBe(failed);
  // Whether the row was written may be unknown: the files stay until the job has looked.
  expect(files().length).toBe(2);
  const runner = await bench.startRunner(blobJobs({ database: bench.store.database, blobs }));
  await bench.later(runner, hourMs - 1);
  expect(files().length).toBe(2);
  await bench.later(runner, 1);
  expect(await expectAllOrNothing()).toBe('nothing');
});

it('keeps the files when only the answer to the commit was lost', async () => {
  const one = await upload();
  let writes = 0;
  const writer: Writer = {
    write: async (work) => {
      const result = await bench.writer.write(work);
      writes += 1;
      if (writes === 2) throw new Error('the connection broke');
      return result;
    },
  };
  await expect(promoteWith({ writer, blobs }, owner, one.files, insertFor(one))).rejects.toThrow('broke');
  await restart();
  expect(await expectAllOrNothing()).toBe('all');
});

it('removes the files at once when the row could not be written after all', async () => {
  const one = await upload();
  expect(await promoteWith({ writer: bench.writer, blobs }, owner, one.files, async () => false)).toBe(false);
  expect(files()).toEqual([]);
  await restart();
  expect(await expectAllOrNothing()).toBe('nothing');
});

it('removes what it has promoted when a later file cannot be', async () => {
  const one = await upload();
  await one.files[1]?.staged.discard();
  await expect(promoteWith({ writer: bench.writer, blobs }, owner, one.files, insertFor(one))).rejects.toThrow();
  expect(files()).toEqual([]);
  await restart();
  expect(await expectAllOrNothing()).toBe('nothing');
});

it('does not take the files of others along, nor those of the same owner that are named', async () => {
  const [old, abandoned] = [await upload(), await upload()];
  await promoteWith({ writer: bench.writer, blobs }, owner, old.files, insertFor(old));
  const other = await blobs.stage(Readable.from(['other']), { maxBytes: 100 });
  await other.promote('videos/2/other.mp4');
  for (const { key, staged } of abandoned.files) await staged.promote(key);
  const keys = [old.playKey, abandoned.playKey, abandoned.coverKey];
  await bench.enqueue('blobs.reconcile', { ...owner, keys });
  await restart();
  expect(files()).toEqual([old.playKey, old.coverKey, 'videos/2/other.mp4'].toSorted());
});

it('makes keys that nobody can guess, in the folder of their owner', () => {
  const keys = Array.from({ length: 100 }, () => newBlobKey({ owner: 'user', ownerId: 7 }, 'jpg'));
  expect(new Set(keys).size).toBe(100);
  for (const key of keys) expect(key).toMatch(/^users\/7\/[0-9a-f]{32}\.jpg$/);
});
