/** What can go wrong with MySQL, by what it means for who asked. Words and numbers of the server only: never its addresses or values. */

export type MysqlTrouble =
  /** No connection could be made. */
  | 'unreachable'
  /** The connection ended, before COMMIT was sent: what ran on it was taken back. */
  | 'lost'
  /** COMMIT was sent and not answered: it may have happened, or not. */
  | 'unknown-outcome'
  /** A statement was not answered in time. */
  | 'timeout'
  /** Every connection of the pool was in use for too long, or too many wait for one. */
  | 'busy'
  /** Another transaction was in the way, and this one was taken back: it may run again. */
  | 'conflict'
  /** The server cannot do it now: it stops, only reads, or has too much to do. */
  | 'unavailable'
  /** No room on the server's disk. */
  | 'full'
  /** The pool was closed. */
  | 'closed'
  /** The server refuses the statement itself: a bug, or a right that is missing. */
  | 'refused';

export class MysqlError extends Error {
  override readonly name = 'MysqlError';
  readonly trouble: MysqlTrouble;
  /** The server's error number; undefined if the error is not the server's. */
  readonly errno: number | undefined;
  /** Name of the error: the server's, the system's or the client library's. */
  readonly code: string | undefined;

  constructor(trouble: MysqlTrouble, message: string, details: { errno?: number; code?: string } = {}) {
    super(message);
    this.trouble = trouble;
    this.errno = details.errno;
    this.code = details.code;
  }
}

// Numbers: dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html, mariadb.com/kb/en/mariadb-error-code-reference.

/** Deadlock, lock wait timeout, and a record that changed since it was read (MariaDB's snapshot isolation, Galera). */
const conflicts = new Set([1213, 1205, 1020]);
/** The server ends the connection with these words: shutting down, killed, idle for too long. */
const goodbyes = new Set([1053, 1927, 4031, 1158, 1159, 1160, 1161]);
/** Too many connections, not ready, interrupted, out of time, read-only, out of memory, over a quota. */
const unavailables = new Set([
  1040, 1047, 1203, 1226, 1317, 1969, 3024, 1290, 1792, 1836, 1037, 1038, 1041, 1129, 1152,
]);
const fulls = new Set([1021, 1114]);
/** How the system, TLS and the client library name the end of a connection. */
const ends = /^(?:E[A-Z]+|PROTOCOL_\w+|ERR_(?:SSL|TLS|STREAM|SOCKET)_\w+)$/;
const noRoomLeft = /No space left|errno: 28|error 28\b/;

/** What the client library or the server threw, as ours. The library's own holds the statement with its values: it is not kept. */
export function mysqlErrorOf(thrown: unknown, connecting: boolean): MysqlError {
  if (thrown instanceof MysqlError) return thrown;
  if (!(thrown instanceof Error)) return new MysqlError('refused', String(thrown));
  const errno = 'errno' in thrown && typeof thrown.errno === 'number' && thrown.errno > 0 ? thrown.errno : undefined;
  const code = 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined;
  const details = { ...(errno === undefined ? {} : { errno }), ...(code === undefined ? {} : { code }) };
  const text = code === undefined || thrown.message.includes(code) ? thrown.message : `${code}: ${thrown.message}`;
  if (connecting) return new MysqlError('unreachable', text, details);
  if (code === 'PROTOCOL_SEQUENCE_TIMEOUT') return new MysqlError('timeout', 'the statement took too long', details);
  return new MysqlError(troubleOf(errno, code, thrown), text, details);
}

function troubleOf(errno: number | undefined, code: string | undefined, thrown: Error): MysqlTrouble {
  if (noRoomLeft.test(thrown.message)) return 'full';
  if ('fatal' in thrown && thrown.fatal === true) return 'lost';
  if (errno === undefined) return code !== undefined && ends.test(code) ? 'lost' : 'refused';
  if (goodbyes.has(errno)) return 'lost';
  if (conflicts.has(errno)) return 'conflict';
  if (unavailables.has(errno)) return 'unavailable';
  return fulls.has(errno) ? 'full' : 'refused';
}

/** As {@link Database.failureOf}. */
export function mysqlFailureOf(error: unknown): 'ErrDatabase' | 'ErrStorageFull' | undefined {
  if (!(error instanceof MysqlError) || error.trouble === 'refused') return undefined;
  return error.trouble === 'full' ? 'ErrStorageFull' : 'ErrDatabase';
}
