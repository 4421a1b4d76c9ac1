import SqliteDatabase from 'better-sqlite3';
import { Kysely, SqliteDialect } from 'kysely';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { openTemporaryDatabase, type TemporaryDatabase } from '../../../test/temporary-database.ts';
import type { Tables } from '../../db/index.ts';
import { videoStore } from '../../store/index.ts';
import type { VideoStatusRow } from '../../store/video-status.store.ts';
import { createStatusWatch, type StatusWatch } from './status-watch.ts';

let store: TemporaryDatabase;
let db: Kysely<Tables>;
let queries: string[] = [];
let watch: StatusWatch;
/** What the database says of an error: a word for being away, nothing for a bug. */
let away: 'ErrDatabase' | undefined;
beforeEach(async () => {
  [queries, away] = [[], undefined];
  store = await openTemporaryDatabase();
  await store.database.transaction(async (trx) => {
    for (const id of [1, 2]) {
      const row = { id, author_id: 7, title: '', published_at: id, play_key: '', cover_key: null, placeholder: null };
      const sizes = { duration_ms: 1, width: 1, height: 1, size_bytes: 1, sha256: '' };
      await videoStore.insertVideo(trx, { ...row, ...sizes, state: 'processing' });
    }
  });
  db = new Kysely<Tables>({
    dialect: new SqliteDialect({ database: new SqliteDatabase(store.path) }),
    log: ({ query }) => void queries.push(query.sql),
  });
  watch = createStatusWatch({ database: { reader: db, failureOf: () => away }, tracer: undefined });
});
afterEach(async () => {
  await db.destroy();
  await store.remove();
});

const progress = (id: number, percent: number) =>
  store.database.transaction((trx) => videoStore.updateProgress(trx, id, percent, 1));
async function first(
  rows: AsyncIterable<VideoStatusRow | undefined>,
  wanted: (row: VideoStatusRow | undefined) => boolean,
): Promise<VideoStatusRow | undefined> {
  for await (const row of rows) if (wanted(row)) return row;
  throw new Error('it ended');
}

it('asks once for all that are watched, and no more when nobody watches', async () => {
  const ending = new AbortController();
  const others = [1, 2, 2, 3].map((id) => first(watch.follow(id, ending.signal), (row) => row?.percent === 9));
  const gone = first(watch.follow(3, ending.signal), (row) => row === undefined);
  expect(await gone).toBeUndefined();
  await progress(1, 9);
  await progress(2, 9);
  const rows = await Promise.all(others.slice(0, 3));
  expect(rows.map((row) => [row?.id, row?.state, row?.percent])).toEqual([
    [1, 'processing', 9],
    [2, 'processing', 9],
    [2, 'processing', 9],
  ]);
  // Whoever is the first is looked for at once, and alone.
  for (const sql of queries.slice(1)) expect(sql.match(/\?/g)).toHaveLength(3);
  ending.abort();
  await expect(others[3]).rejects.toThrow('it ended');
  const asked = queries.length;
  // Somebody else begins, and the loop has not gone on for those who left.
  const last = new AbortController();
  await first(watch.follow(1, last.signal), (row) => row?.percent === 9);
  last.abort();
  expect(queries.slice(asked).every((sql) => sql.match(/\?/g)?.length === 1)).toBe(true);
});

it('waits for a database that is away, and passes on what is a bug', async () => {
  const ending = new AbortController();
  const rows = watch.follow(1, ending.signal);
  const break_ = vi.spyOn(db, 'selectFrom').mockImplementation(() => {
    throw new Error('away');
  });
  away = 'ErrDatabase';
  const found = first(rows, (row) => row !== undefined);
  await vi.waitFor(() => expect(break_).toHaveBeenCalledTimes(2), { timeout: 5_000 });
  break_.mockRestore();
  expect((await found)?.id).toBe(1);
  away = undefined;
  vi.spyOn(db, 'selectFrom').mockImplementation(() => {
    throw new Error('a bug');
  });
  await expect(first(watch.follow(1, ending.signal), () => false)).rejects.toThrow('a bug');
  vi.restoreAllMocks();
  ending.abort();
});

it('is nothing for who has gone before it begins', async () => {
  for await (const row of watch.follow(1, AbortSignal.abort())) expect(row).toBe('nothing');
  expect(queries).toEqual([]);
});
