/**
 * MySQL databases of their own for tests. To migrate takes dozens of DDL statements, so a file keeps one database and
 * empties its tables between its tests.
 */
import mysql from 'mysql2/promise';
import { databaseAddress } from '../src/config/engine-kinds.ts';
import type { Database, Transaction } from '../src/db/index.ts';
import { MysqlError, type MysqlOptions, type MysqlTrouble, openMysql } from '../src/db/mysql.ts';

export type TemporaryMysql = {
  readonly database: Database;
  readonly options: MysqlOptions;
  /** The setting by which a server uses it. */
  readonly url: string;
  /** Closes it and opens it again, as a restart does. */
  reopen(): Promise<Database>;
  /** Another process' view of it: a pool of its own, closed by {@link remove}. */
  openAnother(): Promise<Database>;
  /** Runs a statement as the administrator, in this database. */
  run(sql: string, values?: readonly unknown[]): Promise<readonly unknown[]>;
  /** Removes all rows. */
  empty(): Promise<void>;
  remove(): Promise<void>;
};

/** As the setting takes it; the database in it is only for connecting. */
export function mysqlOptions(url: string, changes: Partial<MysqlOptions> = {}): MysqlOptions {
  const address = databaseAddress.parse(url, (rule) => {
    throw new Error(`TEST_MYSQL_URL ${rule}`);
  });
  if (address.kind !== 'mysql') throw new Error('TEST_MYSQL_URL must be mysql://…');
  return { ...address, poolSize: 10, ...changes };
}

/** A machine that runs many tests may be too slow for the engine's bounds, which are made for who waits for an answer. */
const patienceMs = 15_000;
const tooSlow: readonly MysqlTrouble[] = ['busy', 'timeout', 'conflict', 'unreachable'];

/** Runs a transaction again that the engine gave up for lack of time; nothing of it was stored. */
function patient(database: Database): Database {
  const until = () => performance.now() + patienceMs;
  const transaction = async <T>(work: (trx: Transaction) => Promise<T>, end = until()): Promise<T> => {
    try {
      return await database.transaction(work);
    } catch (error) {
      if (!(error instanceof MysqlError) || !tooSlow.includes(error.trouble) || performance.now() > end) throw error;
      return await transaction(work, end);
    }
  };
  return { ...database, transaction: (work) => transaction(work) };
}

let made = 0;

/** A new, empty database without tables; `drop` removes it. */
export async function createMysqlDatabase(url: string): Promise<{
  readonly options: MysqlOptions;
  readonly url: string;
  run(sql: string, values?: readonly unknown[]): Promise<readonly unknown[]>;
  drop(): Promise<void>;
}> {
  made += 1;
  const name = `tiktok_test_${process.pid}_${made}`;
  const { host, port, user, password, database } = mysqlOptions(url);
  const connect = (to: string) =>
    mysql.createConnection({ host, port, user, password, database: to, multipleStatements: true });
  let admin = await connect(database);
  await admin.query(`drop database if exists ${name}; create database ${name}; use ${name}`);
  const run = async (sql: string, values: readonly unknown[] = []): Promise<readonly unknown[]> => {
    // The server may have been killed and started again since.
    await admin.ping().catch(async () => {
      admin = await connect(name);
    });
    const [rows] = await admin.query(sql, [...values]);
    return Array.isArray(rows) ? rows : [];
  };
  const own = new URL(url);
  own.pathname = `/${name}`;
  return {
    options: mysqlOptions(url, { database: name }),
    url: own.href,
    run,
    drop: async () => {
      await run(`drop database if exists ${name}`);
      await admin.end();
    },
  };
}

const tables = ['users', 'videos', 'likes', 'follows', 'comments', 'messages', 'conversations', 'outbox', 'meta'];

export async function openTemporaryMysql(url: string): Promise<TemporaryMysql> {
  const created = await createMysqlDatabase(url);
  const { options, run } = created;
  const opened: Database[] = [];
  const open = async (): Promise<Database> => {
    const database = patient(await openMysql(options));
    opened.push(database);
    return database;
  };
  let database = await open();
  return {
    get database() {
      return database;
    },
    options,
    url: created.url,
    reopen: async () => {
      await database.close();
      database = await open();
      return database;
    },
    openAnother: open,
    run,
    empty: async () => {
      await run(tables.map((table) => `delete from ${table}`).join(';'));
    },
    remove: async () => {
      for (const one of opened) await one.close();
      await created.drop();
    },
  };
}
