import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import SqliteDatabase from 'better-sqlite3';
import { Kysely, SqliteDialect } from 'kysely';
import { Migrator } from 'kysely/migration';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { temporaryFolder } from '../../test/server.ts';
import { MigrationError, openSqlite } from './index.ts';
import { migrations } from './migrations/index.ts';
import type { Tables } from './tables.ts';

let folder: ReturnType<typeof temporaryFolder>;
let path: string;
beforeEach(() => {
  folder = temporaryFolder();
  path = join(folder.path, 'deep/down/test.sqlite');
});
afterEach(() => folder.remove());

const names = Object.keys(migrations);

async function open(): Promise<void> {
  const database = await openSqlite(path);
  await database.ping();
  await database.close();
}

function inspect<T>(look: (plain: SqliteDatabase.Database) => T): T {
  const plain = new SqliteDatabase(path);
  try {
    return look(plain);
  } finally {
    plain.close();
  }
}
const schema = (): unknown[] =>
  inspect((plain) => plain.prepare('select type, name, tbl_name, sql from sqlite_master order by name').all());
const done = (): unknown[] =>
  inspect((plain) => plain.prepare('select name from kysely_migration order by name').pluck().all());

/** What a database has on an engine that commits each step by itself, when the run ends after some of them. */
async function migrateFirst(count: number): Promise<void> {
  await open();
  inspect((plain) => {
    for (const name of plain.prepare("select name from sqlite_master where type = 'table'").pluck().all()) {
      plain.exec(`drop table "${name}"`);
    }
  });
  const db = new Kysely<Tables>({ dialect: new SqliteDialect({ database: new SqliteDatabase(path) }) });
  const some = Object.fromEntries(Object.entries(migrations).slice(0, count));
  const { error } = await new Migrator({ db, provider: { getMigrations: async () => some } }).migrateToLatest();
  await db.destroy();
  if (error !== undefined) throw error;
}

it('makes every table of an empty database, in folders that it makes as well', async () => {
  await open();
  const tables = inspect((plain) =>
    plain.prepare("select name from sqlite_master where type = 'table' and name not like 'kysely%'").pluck().all(),
  );
  const expected = [
    'processes',
    'users',
    'videos',
    'video_progress',
    'uploads',
    'blob_audits',
    'likes',
    'follows',
    'comments',
    'messages',
    'conversations',
    'outbox',
    'meta',
  ];
  expect(tables.toSorted()).toEqual(expected.toSorted());
  expect(done()).toEqual(names);
});

it('does nothing the second time', async () => {
  await open();
  const before = schema();
  await open();
  expect(schema()).toEqual(before);
  expect(done()).toEqual(names);
});

it('goes on behind the last step that was done', async () => {
  await open();
  const complete = schema();
  for (const count of [1, 8, names.length - 1]) {
    await migrateFirst(count);
    expect(done()).toEqual(names.slice(0, count));
    await open();
    expect(schema()).toEqual(complete);
    expect(done()).toEqual(names);
  }
});

it('refuses a database of a newer version, says so, and leaves it as it is', async () => {
  await open();
  inspect((plain) =>
    plain.prepare('insert into kysely_migration (name, timestamp) values (?, ?)').run('9999-01-from-the-future', 'x'),
  );
  const before = schema();
  const opening = open();
  await expect(opening).rejects.toBeInstanceOf(MigrationError);
  await expect(opening).rejects.toThrow(/cannot be used by this version.*9999-01-from-the-future/s);
  expect(schema()).toEqual(before);
});

it('names the step that failed, and takes the others back', async () => {
  await open();
  inspect((plain) => plain.exec('drop table kysely_migration'));
  const before = schema();
  await expect(open()).rejects.toThrow(`migration ${names[0]} failed`);
  expect(schema()).toEqual(before);
});

it('refuses a file that is no database', async () => {
  await open();
  const other = join(folder.path, 'other.sqlite');
  await writeFile(other, 'this is not a database, it only has the name of one'.repeat(100));
  await expect(openSqlite(other)).rejects.toThrow();
});

it('runs in the order in which it is listed', () => {
  expect(names.toSorted()).toEqual(names);
});
