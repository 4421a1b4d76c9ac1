/** MySQL 8 or MariaDB behind {@link Database}: for several processes, whose transactions meet in the rows that they lock. */
import type { Database } from './database.ts';
import type { MysqlOptions } from './mysql-connection.ts';
import { mysqlFailureOf } from './mysql-errors.ts';
import { MysqlPool } from './mysql-pool.ts';
import { prepareMysql } from './mysql-start.ts';
import { createReader, type MysqlObservers, runTransaction } from './mysql-transactions.ts';

export type { MysqlOptions } from './mysql-connection.ts';
export { MysqlError, type MysqlTrouble } from './mysql-errors.ts';

/**
 * Checks the server, brings its schema up to date and opens the pool. Rejects with one line that names `DATABASE_URL` if
 * the server cannot be used, and with a {@link MigrationError} if its schema cannot.
 *
 * A transaction that deadlocks, waits too long for a row, or loses its connection before COMMIT is run again, a bounded
 * number of times; so its work must start anew each time. What is lost during COMMIT may have happened: it is never run
 * again.
 */
export async function openMysql(options: MysqlOptions, observers: MysqlObservers = {}): Promise<Database> {
  const flavour = await prepareMysql(options);
  const pool = new MysqlPool(options, flavour, observers.reached);
  const reader = createReader(pool, flavour, observers);
  return {
    engine: 'mysql',
    reader,
    transaction: (work) => runTransaction({ pool, flavour, observers }, work),
    failureOf: mysqlFailureOf,
    pool: () => pool.use(),
    ping: async () => {
      await reader.selectFrom('meta').select('name').limit(1).execute();
    },
    close: () => pool.close(),
  };
}
