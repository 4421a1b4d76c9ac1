/** One connection to MySQL, in a session whose every property that matters is set, with a bound on each statement. */
import { connect as connectSocket, type Socket } from 'node:net';
import { type Connection, type ConnectionOptions, createConnection } from 'mysql2';
import type { Config } from '../config/index.ts';
import { MysqlError, mysqlErrorOf } from './mysql-errors.ts';

/** Where the server is, as whom to go there, and how many connections at most. */
export type MysqlOptions = Extract<Config['database'], { readonly kind: 'mysql' }>;
/** `collation` compares by code points and does not ignore spaces at the end. */
export type MysqlFlavour = { readonly name: 'MySQL' | 'MariaDB'; readonly collation: string };

export const flavours: Readonly<Record<MysqlFlavour['name'], MysqlFlavour>> = {
  MySQL: { name: 'MySQL', collation: 'utf8mb4_0900_bin' },
  MariaDB: { name: 'MariaDB', collation: 'utf8mb4_nopad_bin' },
};

/** Wait of a statement for a row that another transaction holds; the transaction is then run again. The unit is the server's. */
const lockWaitSeconds = 1;
/** Wait of a statement for a table that is being altered. */
const tableWaitSeconds = 2;
/** A statement that nobody waits for any more is ended by the server, so that it holds no locks. */
const statementServerSeconds = 3;
/** A transaction whose process was cut off is taken back by the server after this long. MariaDB knows it; elsewhere the next one. */
const idleTransactionSeconds = 5;
/** The server closes a connection that says nothing for this long; the pool does not use one that is older than half of it. */
export const serverIdleSeconds = 20;

const sqlMode = 'STRICT_TRANS_TABLES,STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION';

function sessionOf({ name, collation }: MysqlFlavour): string[] {
  const bounds =
    name === 'MariaDB'
      ? `max_statement_time = ${statementServerSeconds}, idle_transaction_timeout = ${idleTransactionSeconds}`
      : `max_execution_time = ${statementServerSeconds * 1_000}`;
  return [
    `set names utf8mb4 collate ${collation}`,
    'set session transaction isolation level read committed',
    `set session autocommit = 1, sql_mode = '${sqlMode}', foreign_key_checks = 1, unique_checks = 1, ` +
      `innodb_lock_wait_timeout = ${lockWaitSeconds}, lock_wait_timeout = ${tableWaitSeconds}, ` +
      `wait_timeout = ${serverIdleSeconds}, ${bounds}`,
  ];
}

export type MysqlResult = {
  readonly rows: readonly unknown[];
  /** Rows that were found, changed or not; undefined for a query that reads. */
  readonly affectedRows: number | undefined;
};

/** Nothing but a duplicate may be what `insert ignore` left out: it would also cut off what is too long. */
const duplicateEntry = 1062;

export class MysqlConnection {
  readonly #raw: Connection;
  readonly #socket: Socket;
  readonly #onEnd = new Set<() => void>();
  #broken = false;
  /** When it was last given back, on the monotonic clock. */
  idleSince = performance.now();

  private constructor({ raw, socket }: Connected) {
    this.#raw = raw;
    this.#socket = socket;
    // Without a listener, the end of an idle connection would end the process. One in use tells its statement instead.
    raw.on('error', () => this.destroy());
  }

  /** Connects, and sets the session up if the flavour is known by now; all of it within `timeoutMs`. */
  static async open(
    options: MysqlOptions,
    flavour: MysqlFlavour | undefined,
    timeoutMs: number,
  ): Promise<MysqlConnection> {
    const until = performance.now() + timeoutMs;
    const connection = new MysqlConnection(await connect(options, timeoutMs));
    try {
      if (flavour !== undefined) await connection.setUp(flavour, until);
      return connection;
    } catch (error) {
      connection.destroy();
      throw error instanceof MysqlError && error.trouble !== 'refused' ? mysqlErrorOf(error, true) : error;
    }
  }

  async setUp(flavour: MysqlFlavour, until: number): Promise<void> {
    for (const statement of sessionOf(flavour)) await this.query(statement, [], until - performance.now());
  }

  /** Whether it has ended, or is in a state that nobody knows. */
  get broken(): boolean {
    return this.#broken;
  }

  onEnd(listener: () => void): void {
    this.#onEnd.add(listener);
  }

  /** Runs one statement. When the time is up, the connection is of no use any more: the answer may come at any time. */
  async query(sql: string, values: readonly unknown[], timeoutMs: number): Promise<MysqlResult> {
    if (this.#broken) throw new MysqlError('lost', 'the connection has ended');
    const answer = await this.#send(sql, values, timeoutMs);
    if (answer.warnings > 0 && sql.startsWith('insert ignore')) await this.#refuseOtherWarnings(timeoutMs);
    return answer;
  }

  /** Says goodbye, for at most `timeoutMs`. */
  async end(timeoutMs: number): Promise<void> {
    if (this.#broken) return;
    await new Promise<void>((resolve) => {
      const late = setTimeout(resolve, timeoutMs);
      this.#raw.end(() => {
        clearTimeout(late);
        resolve();
      });
    });
    this.destroy();
  }

  destroy(): void {
    if (this.#broken) return;
    this.#broken = true;
    abandon({ raw: this.#raw, socket: this.#socket });
    for (const listener of this.#onEnd) listener();
  }

  async #send(sql: string, values: readonly unknown[], timeoutMs: number): Promise<MysqlResult & { warnings: number }> {
    try {
      return await new Promise((resolve, reject) => {
        // 0 would be no bound at all. Values are put into the text by the library: prepared, a number goes as a float.
        const timeout = Math.max(1, Math.ceil(timeoutMs));
        this.#raw.query({ sql, values: [...values], timeout }, (error: Error | null, answer: unknown) => {
          if (error === null) resolve(resultOf(answer));
          else reject(error);
        });
      });
    } catch (thrown) {
      const error = mysqlErrorOf(thrown, false);
      if (error.trouble === 'timeout' || error.trouble === 'lost') this.destroy();
      throw error;
    }
  }

  async #refuseOtherWarnings(timeoutMs: number): Promise<void> {
    const { rows } = await this.#send('show warnings', [], timeoutMs);
    for (const row of rows) {
      if (typeof row !== 'object' || row === null || !('Code' in row) || !('Message' in row)) continue;
      if (row.Code === duplicateEntry) continue;
      throw new MysqlError('refused', `a row was not stored as it was given: ${row.Message}`);
    }
  }
}

function resultOf(answer: unknown): MysqlResult & { warnings: number } {
  if (Array.isArray(answer)) return { rows: answer, affectedRows: undefined, warnings: 0 };
  const number = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);
  if (typeof answer !== 'object' || answer === null || !('affectedRows' in answer)) {
    return { rows: [], affectedRows: undefined, warnings: 0 };
  }
  const warnings = 'warningStatus' in answer ? (number(answer.warningStatus) ?? 0) : 0;
  return { rows: [], affectedRows: number(answer.affectedRows), warnings };
}

type Connected = { readonly raw: Connection; readonly socket: Socket };

/** The library would wait for the other side to close the socket too: one that is cut off never does. */
function abandon({ raw, socket }: Connected): void {
  raw.destroy();
  socket.destroy();
}

async function connect(options: MysqlOptions, timeoutMs: number): Promise<Connected> {
  const { host, port, user, password, database, tls } = options;
  const socket = connectSocket({ host: host.replace(/^\[|\]$/g, ''), port, noDelay: true, keepAlive: true });
  const settings: ConnectionOptions = {
    // The name that a certificate is checked against.
    host,
    port,
    stream: () => socket,
    user,
    password,
    database,
    charset: 'utf8mb4_bin',
    connectTimeout: Math.max(1, Math.ceil(timeoutMs)),
    // Rows that are set to what they were count as found; the server may not ask for a file of ours.
    flags: ['FOUND_ROWS', '-LOCAL_FILES'],
    // Numbers as numbers: ours have 53 bits, sums as well.
    supportBigNumbers: true,
    bigNumberStrings: false,
    decimalNumbers: true,
    stringifyObjects: true,
    ...(tls ? { ssl: { verifyIdentity: true } } : {}),
  };
  return await new Promise((resolve, reject) => {
    const raw = createConnection(settings);
    const failed = (error: Error): void => {
      abandon({ raw, socket });
      // What comes after the first error has nobody to tell.
      raw.on('error', () => undefined);
      reject(mysqlErrorOf(error, true));
    };
    raw.once('error', failed);
    raw.once('connect', () => {
      raw.off('error', failed);
      resolve({ raw, socket });
    });
  });
}
