import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { allOf } from '../../test/all-of.ts';
import { createJobBench, type JobBench } from '../../test/job-bench.ts';
import { createDiskBlobStore } from '../adapters/blob-disk.ts';
import type { Derived } from '../db/index.ts';
import type { BlobStore } from '../ports/index.ts';
import { fileOwnerStore, videoStore } from '../store/index.ts';
import { blobJobs, maxReconciledKeys } from './index.ts';

let bench: JobBench;
let blobs: BlobStore;
beforeEach(async () => {
  bench = await createJobBench();
  blobs = await createDiskBlobStore({ root: join(dirname(bench.store.path), 'media') });
});
afterEach(() => bench.remove());

const id = 7;
const folder = `videos/${id}/0123456789abcdef0123456789abcdef`;
const [play, received, cover] = ['play.mp4', 'received.mp4', 'cover.jpg'].map((name) => `videos/${id}/${name}`);
const names = Array.from({ length: 30 }, (_, index) => `${index}.mp4`);
const packageKeys = names.map((name) => `${folder}/${name}`);
const derived: Derived = {
  folder,
  files: names,
  master: '0.mp4',
  renditions: [],
  covers: [],
  preview: null,
  thumbnails: null,
  loudness: null,
  sizeBytes: 30,
};

/** Reconciles all files of a video with a row that has `derived`; resolves with those that are left. */
async function left(text: string | null): Promise<string[]> {
  if (play === undefined || received === undefined || cover === undefined) throw new Error('three keys');
  const keys = [play, received, cover, ...packageKeys];
  for (const key of keys) await (await blobs.stage(Readable.from(['x']), { maxBytes: 1 })).promote(key);
  await bench.writer.write(async ({ trx }) => {
    const shape = { duration_ms: 1, width: 1, height: 1, size_bytes: 1, sha256: '', title: '', published_at: 1 };
    const row = { id, author_id: 1, state: 'ready', play_key: play, cover_key: cover, placeholder: null } as const;
    await videoStore.insertVideo(trx, { ...row, ...shape });
    await fileOwnerStore.updateVideoFiles(trx, id, { received_key: received, derived: text, prepared_at: 1 });
  });
  const runner = await bench.startRunner(blobJobs({ database: bench.store.database, blobs }));
  expect(keys.length).toBeLessThanOrEqual(maxReconciledKeys);
  await bench.enqueue('blobs.reconcile', { owner: 'video', ownerId: id, keys });
  await runner.processAll();
  expect(await bench.rows()).toEqual([]);
  return (await allOf(blobs.list('videos'))).map(({ key }) => key);
}

it('keeps what is played, the cover and the package of a video, and not the received file whose time is over', async () => {
  expect(await left(JSON.stringify(derived))).toEqual([...packageKeys, cover, play].sort());
});

it('keeps of a package what a row does not name only if the row is of a newer version', async () => {
  expect(await left(JSON.stringify({ ...derived, files: ['0.mp4'] }))).toEqual([`${folder}/0.mp4`, cover, play].sort());
});

it('keeps a package that a newer version describes in its own way', async () => {
  expect(await left('{"later":true}')).toEqual([...packageKeys, cover, play].sort());
});
