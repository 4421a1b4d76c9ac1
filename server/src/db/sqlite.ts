import { closeSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import SqliteDatabase from 'better-sqlite3';
import { type DatabaseConnection, type Driver, Kysely, type KyselyPlugin, SqliteDialect, SqliteDriver } from 'kysely';
import type { Database } from './database.ts';
import { makeFolder } from './make-folder.ts';
import { migrate } from './migrate.ts';
import { type QueryObserver, queryLog } from './query-log.ts';
import type { Tables } from './tables.ts';

/** How long a statement waits for another process (a backup, an admin's shell) to release the file. */
const busyTimeoutMs = 5_000;
/** Page cache of one connection. */
const cacheKiB = 16 * 1024;
/** The write-ahead log is folded into the database file after this many pages (4 KiB each). */
const checkpointPages = 2_000;

/** The file cannot be read or written, or another process holds it (sqlite.org/rescode.html, extended codes included). */
const outOfReach = /^SQLITE_(?:BUSY|LOCKED|IOERR|CANTOPEN|READONLY|PROTOCOL|NOMEM|CORRUPT|NOTADB)/;

/**
 * Opens the embedded database: one connection that writes and one that only reads, so that a read never waits for a
 * transaction of another request. WAL with `synchronous=FULL`: a commit is on the disk before it is answered, and
 * survives a power loss, not only a killed process.
 */
export async function openSqlite(path: string, observe?: QueryObserver): Promise<Database> {
  makeFolder(dirname(path), 0o750);
  // SQLite would make it readable by all.
  closeSync(openSync(path, 'a', 0o640));
  const writing = new SqliteDatabase(path, { timeout: busyTimeoutMs });
  writing.pragma('journal_mode = WAL');
  writing.pragma('synchronous = FULL');
  writing.pragma(`cache_size = -${cacheKiB}`);
  writing.pragma(`wal_autocheckpoint = ${checkpointPages}`);
  writing.pragma('trusted_schema = OFF');
  const writer = new Kysely<Tables>({
    dialect: new WritingDialect(writing),
    plugins: [withoutRowLocks],
    ...queryLog(observe),
  });
  // One transaction around all of it: unlike MySQL, SQLite takes back DDL, so a start that is killed half-way leaves nothing.
  writing.exec('BEGIN IMMEDIATE');
  try {
    await migrate(writer);
    writing.exec('COMMIT');
  } catch (error) {
    await writer.destroy();
    throw error;
  }
  const reading = new SqliteDatabase(path, { readonly: true, timeout: busyTimeoutMs });
  reading.pragma(`cache_size = -${cacheKiB}`);
  const reader = new Kysely<Tables>({ dialect: new SqliteDialect({ database: reading }), ...queryLog(observe) });
  return {
    engine: 'sqlite',
    reader,
    transaction: (work) => writer.transaction().execute(work),
    failureOf: (error) => {
      if (!(error instanceof SqliteDatabase.SqliteError)) return undefined;
      if (error.code === 'SQLITE_FULL') return 'ErrStorageFull';
      return outOfReach.test(error.code) ? 'ErrDatabase' : undefined;
    },
    ping: async () => {
      await reader.selectFrom('meta').select('name').limit(1).execute();
    },
    close: async () => {
      await reader.destroy();
      writing.pragma('wal_checkpoint(TRUNCATE)');
      await writer.destroy();
    },
  };
}

/** SQLite has one writer, which holds all there is: FOR UPDATE and the like say nothing to it. */
export const withoutRowLocks: KyselyPlugin = {
  transformQuery: ({ node }) => {
    if (node.kind !== 'SelectQueryNode' || node.endModifiers === undefined) return node;
    const endModifiers = node.endModifiers.filter(({ modifier }) => modifier === undefined || !rowLocks.has(modifier));
    return { ...node, endModifiers };
  },
  transformResult: async ({ result }) => result,
};
const rowLocks: ReadonlySet<string> = new Set(['ForUpdate', 'ForShare', 'SkipLocked']);

/**
 * When it has no room left, SQLite takes a transaction back by itself (sqlite.org/lang_transaction.html, "Response To
 * Errors"). Taking it back again would fail, and hide why.
 */
class WritingDriver extends SqliteDriver {
  readonly #database: SqliteDatabase.Database;

  constructor(database: SqliteDatabase.Database) {
    super({ database });
    this.#database = database;
  }

  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    if (this.#database.inTransaction) await super.rollbackTransaction(connection);
  }
}

class WritingDialect extends SqliteDialect {
  readonly #database: SqliteDatabase.Database;

  constructor(database: SqliteDatabase.Database) {
    super({ database });
    this.#database = database;
  }

  override createDriver(): Driver {
    return new WritingDriver(this.#database);
  }
}
