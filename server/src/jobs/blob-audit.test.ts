/** The comparison itself: how it is cut into batches, stopped and taken up again. What it finds is in `server/test/audit.test.ts`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createJobBench, type JobBench } from '../../test/job-bench.ts';
import { createDiskBlobStore } from '../adapters/blob-disk.ts';
import { videoRepair } from '../features/video/video-repair.ts';
import type { BlobStore } from '../ports/index.ts';
import { fileOwnerStore, outboxStore, userStore, videoStore } from '../store/index.ts';
import { type AuditReport, auditHandler, createAuditDesk, orphanGraceMs } from './index.ts';

let bench: JobBench;
let root: string;
let blobs: BlobStore;
beforeEach(async () => {
  bench = await createJobBench();
  root = join(dirname(bench.store.path), 'media');
  blobs = await createDiskBlobStore({ root });
});
afterEach(() => bench.remove());

const authorId = 5;
/** Ids of all lengths, so that the order of folders is not that of ids. */
const ids = Array.from({ length: 65 }, (_, index) => (index % 7 === 0 ? index + 1 : 374_707_766_603_776 + index));
const keyOf = (id: number): string => `videos/${id}/a.mp4`;

async function fill(): Promise<void> {
  await bench.writer.write(async ({ trx }) => {
    const author = { id: authorId, name: 'author', nameKey: 'author', passwordHash: '', createdAt: 0 };
    await userStore.insertUser(trx, author);
    for (const [index, id] of ids.entries()) {
      const shape = { duration_ms: 1, width: 1, height: 1, size_bytes: 1, sha256: '' };
      const row = { id, author_id: authorId, title: '', state: 'ready', play_key: keyOf(id) } as const;
      await videoStore.insertVideo(trx, { ...row, ...shape, cover_key: null, placeholder: null, published_at: index });
    }
    await userStore.addToUserCounter(trx, [authorId], 'work_count', ids.length);
  });
}
function put(...keys: string[]): void {
  for (const key of keys) {
    mkdirSync(dirname(join(root, key)), { recursive: true });
    writeFileSync(join(root, key), 'x');
  }
}

const clock = { now: () => Date.now() + 2 * orphanGraceMs };
const desk = () => createAuditDesk({ database: bench.store.database, clock });
const examine = (store: BlobStore) => ({
  video: videoRepair({ database: bench.store.database, writer: bench.writer, blobs: store }),
  user: async () => undefined,
});
const handler = (store: BlobStore) =>
  auditHandler(
    {
      database: bench.store.database,
      blobs: store,
      clock,
      log: { info: () => undefined },
      examine: examine(store),
    },
    { files: 20, rows: 4 },
  );
const reportOf = async (id: number): Promise<AuditReport | undefined> => (await desk().find(id))?.report;

it('finds everything, also where it is stopped again and again and goes on where it was', async () => {
  await fill();
  // More than a batch of files; rows without any at the beginning, in the middle, and in a row at the end.
  const gone = ids.filter((_, index) => index % 3 === 0 || index > 50);
  put(...ids.filter((id) => !gone.includes(id)).map(keyOf));
  const strays = Array.from({ length: 110 }, (_, index) => `videos/${index * 977 + 3_000}/stray.mp4`);
  put(...strays, ...ids.slice(10, 20).map((id) => `videos/${id}/stray/b.mp4`), 'users/1/a.jpg');

  const expected = {
    files: { count: ids.length - gone.length + strays.length + 11 },
    videos: ids.length,
    users: 1,
    orphanFiles: { count: strays.length + 11 },
    orphanRows: { count: gone.length },
    youngFiles: { count: 0 },
  };
  const { audit: told } = await desk().request({ repair: false });
  const payload = { auditId: told.id, repair: false };
  await handler(blobs).run(payload, { signal: new AbortController().signal });
  expect(await reportOf(told.id)).toMatchObject(expected);
  expect((await reportOf(told.id))?.orphanFiles.examples).toHaveLength(100);
  await bench.writer.write(({ trx }) => outboxStore.deleteJob(trx, told.id));

  const { audit } = await desk().request({ repair: true });
  let runs = 0;
  while ((await desk().find(audit.id))?.state !== 'done') {
    runs += 1;
    const stop = new AbortController();
    let listed = 0;
    // Stopped when it has listed two batches and a half.
    const stopping: BlobStore = {
      ...blobs,
      list: async function* (folder, options) {
        for await (const file of blobs.list(folder, options)) {
          if (folder === 'videos') listed += 1;
          if (listed === 50) stop.abort(new Error('stopped'));
          yield file;
        }
      },
    };
    await handler(stopping)
      .run({ auditId: audit.id, repair: true }, { signal: stop.signal })
      .catch((error: unknown) => expect(String(error)).toContain('stopped'));
  }
  expect(runs).toBeGreaterThan(1);
  expect(await reportOf(audit.id)).toMatchObject({
    ...expected,
    orphanFiles: { deleted: expected.orphanFiles.count },
    orphanRows: { repaired: gone.length },
  });
  const [user] = await userStore.findUsers(bench.store.database.reader, [authorId]);
  expect(user?.work_count).toBe(ids.length - gone.length);
});

it('leaves a row alone that changed while its files were looked for', async () => {
  await fill();
  const id = ids[1] ?? 0;
  const { reader } = bench.store.database;
  const before = await videoStore.findVideos(reader, [id]);
  for (const repair of [false, true]) {
    expect(await examine(blobs).video(id, { repair: false })).toMatchObject({ remedy: 'failed' });
    const racing: BlobStore = {
      ...blobs,
      list: async function* () {
        const key = `videos/${id}/${repair}.mp4`;
        await bench.writer.write(({ trx }) => fileOwnerStore.updateVideoFiles(trx, id, { play_key: key }));
        yield* [];
      },
    };
    expect(await examine(racing).video(id, { repair })).toBe(undefined);
    expect(await videoStore.findVideos(reader, [id])).toEqual(
      before.map((row) => ({ ...row, play_key: `videos/${id}/${repair}.mp4` })),
    );
  }
  expect(await examine(blobs).video(404, { repair: true })).toBe(undefined);
});

it('is one at a time, and makes room for the next when it was given up', async () => {
  const first = await desk().request({ repair: false });
  expect(await desk().request({ repair: true })).toMatchObject({ isNew: false, audit: { id: first.audit.id } });
  const signal = AbortSignal.abort(new Error('stopped'));
  put('users/1/a.jpg');
  await expect(handler(blobs).run({ auditId: first.audit.id, repair: false }, { signal })).rejects.toThrow('stopped');
  await handler(blobs).gaveUp?.({ auditId: first.audit.id, repair: false });
  await bench.writer.write(({ trx }) =>
    trx.updateTable('outbox').set({ state: 'dead' }).where('id', '=', first.audit.id).execute(),
  );
  expect(await desk().find()).toMatchObject({ state: 'failed' });
  const next = await desk().request({ repair: true });
  expect(next).toMatchObject({ isNew: true, audit: { id: first.audit.id + 1, repair: true, state: 'waiting' } });
  expect(await bench.rows()).toMatchObject([{ id: next.audit.id, name: 'blobs.audit', dedupe_key: 'blobs.audit' }]);
});

it('keeps the last ten reports', async () => {
  for (let round = 0; round < 12; round += 1) {
    const { audit } = await desk().request({ repair: false });
    await bench.writer.write(({ trx }) => outboxStore.deleteJob(trx, audit.id));
  }
  const kept = await bench.store.database.reader.selectFrom('blob_audits').select('id').execute();
  expect(kept.map(({ id }) => id)).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
});
