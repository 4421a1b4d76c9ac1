import type { PoolUse } from '../ports/index.ts';
import type { Reader, Transaction } from './tables.ts';

/**
 * The database as the rest sees it. Inside `transaction` only the transaction may be used and only SQL may run: no file,
 * broker or network work, because the embedded engine has one writer and everyone waits for it. The work may be run again,
 * so it starts anew each time; nothing of a run that failed is left but what it did outside.
 */
export interface Database {
  readonly engine: 'sqlite' | 'mysql';
  readonly reader: Reader;
  /** Runs `work` in one transaction; when it resolves, the commit is on the disk. A rejection rolls everything back. */
  transaction<T>(work: (trx: Transaction) => Promise<T>): Promise<T>;
  /**
   * The row of the error table that an error of this engine stands for: no room, or out of reach for now. Undefined for
   * any other, a broken constraint among them, which is a bug.
   */
  failureOf(error: unknown): 'ErrDatabase' | 'ErrStorageFull' | undefined;
  /** What of its connections is used, where the engine has a pool. */
  pool?(): PoolUse;
  ping(): Promise<void>;
  close(): Promise<void>;
}
