import { existsSync } from 'node:fs';
import SqliteDatabase from 'better-sqlite3';
import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openTemporaryDatabase, type TemporaryDatabase } from '../../test/temporary-database.ts';
import { databaseConformance } from './database.conformance.ts';

describe('as a database', () => {
  databaseConformance(async () => {
    const store = await openTemporaryDatabase();
    return { database: store.database, reopen: store.reopen, dispose: store.remove };
  });
});

let store: TemporaryDatabase;
beforeEach(async () => {
  store = await openTemporaryDatabase();
});
afterEach(() => store.remove());

it('has each commit on the disk before it is answered: write-ahead log, synchronous = FULL', async () => {
  const pragma = (name: string): Promise<unknown[]> =>
    store.database.transaction(async (trx) => {
      const { rows } = await sql`select * from ${sql.table(`pragma_${name}`)}`.execute(trx);
      return rows.flatMap((row) => (typeof row === 'object' && row !== null ? Object.values(row) : []));
    });
  expect(await pragma('journal_mode')).toEqual(['wal']);
  expect(await pragma('synchronous')).toEqual([2]);
});

it('reads on a connection that cannot write', async () => {
  const write = store.database.reader.insertInto('meta').values({ name: 'demo', value: 'x' }).execute();
  await expect(write).rejects.toThrow('readonly');
});

it('folds its log into the file when it is closed', async () => {
  await store.database.ping();
  await store.database.transaction((trx) => trx.insertInto('meta').values({ name: 'demo', value: 'x' }).execute());
  expect(existsSync(`${store.path}-wal`)).toBe(true);
  await store.database.close();
  expect(existsSync(`${store.path}-wal`)).toBe(false);
  const plain = new SqliteDatabase(store.path, { readonly: true });
  expect(plain.pragma('integrity_check', { simple: true })).toBe('ok');
  expect(plain.prepare('select value from meta').pluck().all()).toEqual(['x']);
  plain.close();
});
