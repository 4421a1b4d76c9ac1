/**
 * What happens before the pool is there: is it a server that we can work with, may we do there what we need, and is the
 * schema up to date? Each refusal is one line for the operator, without the password.
 */
import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import { Kysely } from 'kysely';
import { MigrationError, migrate } from './migrate.ts';
import { flavours, MysqlConnection, type MysqlFlavour, type MysqlOptions } from './mysql-connection.ts';
import { driverOver, mysqlDialect, QueryingConnection, tableComment } from './mysql-dialect.ts';
import { MysqlError } from './mysql-errors.ts';
import type { Tables } from './tables.ts';

/** The first connection: a name may have to be resolved, a server may be far. */
const firstConnectMs = 3_000;
/** A question at the start. */
const questionMs = 2_000;
/** How long a process waits for another one that migrates. The unit is the server's. */
const migrationLockSeconds = 60;
/** One statement of a migration: an index on a large table takes its time. */
const migrationStatementMs = 30 * 60_000;
/** A migration's session outlives its process for this long if the machine itself goes. */
const migrationIdleSeconds = 60;

/** MySQL got its collation, MariaDB got SKIP LOCKED. */
const oldest: Readonly<Record<MysqlFlavour['name'], readonly number[]>> = { MySQL: [8, 0, 17], MariaDB: [10, 6, 0] };

/** Checks the server and brings its schema up to date; returns which of the two it is. */
export async function prepareMysql(options: MysqlOptions): Promise<MysqlFlavour> {
  const refuse = refusals(options);
  // The client library checks a certificate against a name only.
  if (options.tls && isIP(options.host.replace(/^\[|\]$/g, '')) !== 0) {
    throw new Error('DATABASE_URL: with tls=on, the host must be a name: its certificate is checked against that');
  }
  const connection = await MysqlConnection.open(options, undefined, firstConnectMs).catch(refuse);
  try {
    const flavour = await readFlavour(connection, refuse);
    await connection.setUp(flavour, performance.now() + questionMs).catch(refuse);
    await migrateUnderLock(connection, flavour, options, refuse);
    await checkRights(connection).catch(refuse);
    return flavour;
  } finally {
    await connection.end(questionMs);
  }
}

type Refuse = (error: unknown) => never;

/** A right is missing: for a table, a column, the server as a whole. */
const deniedRights = new Set([1142, 1143, 1227]);

/** Names what was refused, and what to do. */
function refusals({ host, port, user, database }: MysqlOptions): Refuse {
  const server = `MySQL at ${host}:${port}`;
  const advice: Readonly<Record<string, string>> = {
    ENOTFOUND: `the host ${host} is not known: correct its name`,
    EAI_AGAIN: `the host ${host} could not be looked up: check the name, and the name service of this machine`,
    ECONNREFUSED: `nothing listens at ${host}:${port}: start MySQL, or correct host and port`,
    ETIMEDOUT: `no MySQL answers at ${host}:${port}: correct host and port, or open the firewall`,
    EHOSTUNREACH: `${host}:${port} cannot be reached: correct the host, or the network`,
    ENETUNREACH: `${host}:${port} cannot be reached: correct the host, or the network`,
    PROTOCOL_CONNECTION_LOST: `${host}:${port} closed the connection without a word: is it MySQL?`,
    ER_ACCESS_DENIED_ERROR: `${server} refuses the user ${user}: correct the user or the password`,
    ER_ACCESS_DENIED_NO_PASSWORD_ERROR: `${server} refuses the user ${user}: correct the user or the password`,
    ER_BAD_DB_ERROR: `${server} has no database ${database}: create it, or correct the name`,
    ER_DBACCESS_DENIED_ERROR: `the user ${user} has no rights in the database ${database}: grant them`,
    ER_HOST_NOT_PRIVILEGED: `${server} takes no connections from this machine: let the user ${user} in from here`,
    ER_CON_COUNT_ERROR: `${server} has no connection left: raise max_connections, or lower DATABASE_POOL`,
    HANDSHAKE_NO_SSL_SUPPORT: `${server} does not speak TLS: leave tls=on out, or set TLS up there`,
    ER_OPTION_PREVENTS_STATEMENT: `${server} only reads: give the address of the primary`,
    ER_READ_ONLY_MODE: `${server} only reads: give the address of the primary`,
  };
  const rights = 'SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX and DROP';
  const words = (error: MysqlError): string => {
    const said = error.code === undefined ? undefined : advice[error.code];
    if (said !== undefined) return said;
    if (error.code === 'HANDSHAKE_SSL_ERROR') {
      return `TLS with ${server} failed (${error.message}): name the host as its certificate does, and trust who signed it (NODE_EXTRA_CA_CERTS)`;
    }
    return error.errno !== undefined && deniedRights.has(error.errno)
      ? `the user ${user} may not do all that is needed in the database ${database}: grant ${rights} (${error.message})`
      : `${server} cannot be used: ${error.message}`;
  };
  return (error) => {
    throw error instanceof MysqlError
      ? new Error(`DATABASE_URL: ${words(error).replaceAll(/\s+/g, ' ')}`, { cause: error })
      : error;
  };
}

async function readFlavour(connection: MysqlConnection, refuse: Refuse): Promise<MysqlFlavour> {
  const { rows } = await connection.query('select version() as version', [], questionMs).catch(refuse);
  const version = String(columnOf(rows[0], 'version'));
  const flavour = flavourOf(version);
  if (flavour !== undefined) return flavour;
  const found = version.slice(0, 40);
  throw new Error(`DATABASE_URL: the server is ${found}: MySQL 8.0.17 or MariaDB 10.6 is the oldest that works`);
}

/** Which of the two a server is, by what it says of itself; undefined if it is too old. */
export function flavourOf(version: string): MysqlFlavour | undefined {
  const name = /mariadb/i.test(version) ? 'MariaDB' : 'MySQL';
  // Older client libraries took 10 for less than 5, so MariaDB puts this in front.
  const parts = version.replace(/^5\.5\.5-/, '').split('.');
  const given = parts.slice(0, 3).map((part) => Number.parseInt(part, 10));
  for (const [position, needed] of oldest[name].entries()) {
    const part = given[position] ?? 0;
    if (part !== needed) return part > needed ? flavours[name] : undefined;
  }
  return flavours[name];
}

/** A right that is missing shows here and not in a request. None of these finds or changes a row. */
async function checkRights(connection: MysqlConnection): Promise<void> {
  for (const statement of [
    'select name from meta where 1 = 0 for update',
    'insert into meta (name, value) select name, value from meta where 1 = 0',
    'update meta set value = value where 1 = 0',
    'delete from meta where 1 = 0',
  ]) {
    await connection.query(statement, [], questionMs);
  }
}

/**
 * Of several processes that start together, one migrates and the others wait. The lock belongs to the session in which the
 * migrations run: it is free as soon as its process is gone.
 */
async function migrateUnderLock(
  connection: MysqlConnection,
  flavour: MysqlFlavour,
  options: MysqlOptions,
  refuse: Refuse,
): Promise<void> {
  const unbounded = flavour.name === 'MariaDB' ? ', max_statement_time = 0' : '';
  const session = `set session wait_timeout = ${migrationIdleSeconds}, lock_wait_timeout = ${migrationLockSeconds}${unbounded}`;
  await connection.query(session, [], questionMs).catch(refuse);
  // Names of locks belong to the whole server, and have at most 64 characters.
  const lock = `tiktok-server ${createHash('sha256').update(options.database).digest('hex').slice(0, 32)}`;
  const waitMs = migrationLockSeconds * 1_000 + questionMs;
  const { rows } = await connection
    .query('select get_lock(?, ?) as taken', [lock, migrationLockSeconds], waitMs)
    .catch(refuse);
  if (columnOf(rows[0], 'taken') !== 1) {
    throw new MigrationError(
      `DATABASE_URL: another process has been migrating the database ${options.database} for more than ${migrationLockSeconds} s: wait until it is done, then start again`,
    );
  }
  const migrating = new QueryingConnection(async (query) => {
    try {
      return await connection.query(query.sql, query.parameters, migrationStatementMs);
    } catch (error) {
      if (error instanceof MysqlError && (await wasDoneBefore(connection, query.sql, error))) {
        return { rows: [], affectedRows: 0 };
      }
      throw error;
    }
  });
  const db = new Kysely<Tables>({ dialect: mysqlDialect(flavour, driverOver(migrating)) });
  await migrate(db).catch((error: unknown) => {
    const cause = error instanceof MigrationError ? error.cause : undefined;
    if (!(cause instanceof MysqlError)) throw error;
    // What is wrong with the server or the user is not the migration's fault.
    if (cause.trouble === 'refused' && !(cause.errno !== undefined && deniedRights.has(cause.errno))) throw error;
    refuse(cause);
  });
  await connection.query('select release_lock(?)', [lock], questionMs).catch(refuse);
}

/** Index or column exists already, or does not exist any more. */
const alteredBefore = new Set([1060, 1061, 1091]);
const tableExists = 1050;

/**
 * MySQL commits DDL by itself, so a process may have been killed between a step and the note that it was done. The step
 * is then done again, and finds its own work: that is no failure. A table that somebody else made is one.
 */
async function wasDoneBefore(connection: MysqlConnection, sql: string, { errno }: MysqlError): Promise<boolean> {
  if (errno === undefined) return false;
  if (alteredBefore.has(errno)) return /^(?:create (?:unique )?index|drop index|alter table)\b/.test(sql);
  const name = errno === tableExists ? /^create table `(\w+)`/.exec(sql)?.[1] : undefined;
  if (name === undefined) return false;
  const { rows } = await connection.query(
    'select table_comment as comment from information_schema.tables where table_schema = database() and table_name = ?',
    [name],
    questionMs,
  );
  return columnOf(rows[0], 'comment') === tableComment;
}

function columnOf(row: unknown, column: string): unknown {
  if (typeof row !== 'object' || row === null) return undefined;
  return new Map<string, unknown>(Object.entries(row)).get(column);
}
