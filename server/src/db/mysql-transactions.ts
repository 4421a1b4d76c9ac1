/** Reads and transactions on the pool, with the bounds of each, and what may be run again when it did not succeed. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type CompiledQuery, type DatabaseConnection, type Driver, Kysely } from 'kysely';
import type { MysqlConnection, MysqlFlavour, MysqlResult } from './mysql-connection.ts';
import { driverOver, mysqlDialect, QueryingConnection } from './mysql-dialect.ts';
import { MysqlError } from './mysql-errors.ts';
import type { MysqlPool } from './mysql-pool.ts';
import { type QueryObserver, queryLog } from './query-log.ts';
import type { Reader, Tables, Transaction } from './tables.ts';

/**
 * One read, or one transaction with all its runs, since it was asked for, or since the server was last seen to answer: if it
 * went away then, who asks has an answer within 2 s of it.
 */
const operationMs = 1_600;
/** One statement of it. */
const statementMs = 1_400;
/** What a statement has in a transaction that is longer than that: erasing takes hundreds of statements, none of them long. */
const lateStatementMs = 500;
/** A transaction that another one was in the way of, or whose connection ended, is run again so often, … */
const maxRuns = 8;
/** … as long as not more time than this has gone by, … */
const rerunWithinMs = 1_200;
/** … after a wait that doubles from the first to the last of these, less a random part, so that two do not meet again. */
const backoffFirstMs = 4;
const backoffMaxMs = 100;

const statementBound = (deadline: number): number =>
  Math.min(statementMs, Math.max(lateStatementMs, deadline - performance.now()));

/** A wait behind others while the server answers does not count. */
const extended = (deadline: number, pool: MysqlPool): number => Math.max(deadline, pool.lastAnswerAt + operationMs);

const reads = /^\s*(?:select|show|explain|with)\b/i;

/** Who wants to know what happens here. */
export type MysqlObservers = {
  readonly queries?: QueryObserver | undefined;
  /** A transaction is run again, and why. */
  readonly retried?: ((reason: 'conflict' | 'lost') => void) | undefined;
  /** The server cannot be reached any more, and why; or it is back, with an empty reason. */
  readonly reached?: ((is: 'away' | 'back', reason: string) => void) | undefined;
};

export function createReader(pool: MysqlPool, flavour: MysqlFlavour, { queries }: MysqlObservers): Reader {
  async function read({ sql, parameters }: CompiledQuery, deadline: number): Promise<MysqlResult> {
    const connection = await pool.acquire();
    try {
      const result = await connection.query(sql, parameters, statementBound(extended(deadline, pool)));
      pool.answered();
      return result;
    } finally {
      pool.release(connection);
    }
  }

  const connection = new QueryingConnection(async (query) => {
    if (!reads.test(query.sql)) throw new MysqlError('refused', 'what writes needs a transaction');
    const deadline = performance.now() + operationMs;
    try {
      return await read(query, deadline);
    } catch (error) {
      // The server may have been away since the connection was last used; once more, on one that is new.
      if (!(error instanceof MysqlError) || error.trouble !== 'lost') throw error;
      pool.dropIdle();
      return await read(query, deadline);
    }
  });
  return new Kysely<Tables>({ dialect: mysqlDialect(flavour, driverOver(connection)), ...queryLog(queries) });
}

export async function runTransaction<T>(
  on: { readonly pool: MysqlPool; readonly flavour: MysqlFlavour; readonly observers: MysqlObservers },
  work: (trx: Transaction) => Promise<T>,
): Promise<T> {
  const { pool, flavour, observers } = on;
  let startedAt = performance.now();
  const acquired = (run: number): void => {
    if (run === 1) startedAt = performance.now();
  };
  for (let run = 1; ; run += 1) {
    // A driver of its own, since its connection and its bound are its own.
    const db = new Kysely<Tables>({
      dialect: mysqlDialect(flavour, new RunDriver(pool, startedAt + operationMs, () => acquired(run))),
      ...queryLog(observers.queries),
    });
    try {
      return await db.transaction().execute(work);
    } catch (error) {
      const reason = whyAgain(error);
      if (reason === undefined || run >= maxRuns) throw error;
      if (reason === 'lost') pool.dropIdle();
      const waitMs = Math.min(backoffMaxMs, backoffFirstMs * 2 ** (run - 1)) * (0.5 + Math.random() / 2);
      if (performance.now() + waitMs > startedAt + rerunWithinMs) throw error;
      observers.retried?.(reason);
      await sleep(waitMs);
    }
  }
}

/** Why a transaction may be run again; undefined if it may not. */
function whyAgain(error: unknown): 'conflict' | 'lost' | undefined {
  const trouble = error instanceof MysqlError ? error.trouble : undefined;
  return trouble === 'conflict' || trouble === 'lost' ? trouble : undefined;
}

/** One run of one transaction on one connection. */
class RunDriver implements Driver {
  readonly #pool: MysqlPool;
  /** On the monotonic clock. */
  #deadline: number;
  readonly #onAcquired: () => void;
  #connection: MysqlConnection | undefined;

  constructor(pool: MysqlPool, deadline: number, onAcquired: () => void) {
    this.#pool = pool;
    this.#deadline = deadline;
    this.#onAcquired = onAcquired;
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<DatabaseConnection> {
    this.#connection = await this.#pool.acquire();
    this.#deadline = extended(this.#deadline, this.#pool);
    this.#onAcquired();
    return new QueryingConnection(({ sql, parameters }) => this.#query(sql, parameters));
  }

  async beginTransaction(): Promise<void> {
    await this.#query('start transaction');
  }

  async commitTransaction(): Promise<void> {
    try {
      await this.#query('commit');
    } catch (error) {
      // A conflict is an answer, and says that nothing was written.
      if (error instanceof MysqlError && error.trouble === 'conflict') throw error;
      this.#connection?.destroy();
      const reason = error instanceof Error ? error.message : String(error);
      throw new MysqlError('unknown-outcome', `COMMIT was sent, and whether it took place is not known: ${reason}`);
    }
  }

  /** Never fails: the reason why it is needed is what the caller has to know. A connection that cannot do it takes the transaction with it. */
  async rollbackTransaction(): Promise<void> {
    try {
      await this.#query('rollback');
    } catch {
      this.#connection?.destroy();
    }
  }

  async releaseConnection(): Promise<void> {
    if (this.#connection !== undefined) this.#pool.release(this.#connection);
    this.#connection = undefined;
  }

  async destroy(): Promise<void> {}

  async #query(sql: string, values: readonly unknown[] = []): Promise<MysqlResult> {
    // Somebody kept the transaction beyond its end: the connection may be somebody else's by now.
    if (this.#connection === undefined) throw new Error('the transaction is over');
    const result = await this.#connection.query(sql, values, statementBound(this.#deadline));
    this.#pool.answered();
    return result;
  }
}
