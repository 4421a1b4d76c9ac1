import type { Reader, Transaction } from './tables.ts';

/**
 * The database as the rest sees it. Inside `transaction` only the transaction may be used and only SQL may run: no file,
 * broker or network work, because the embedded engine has one writer and everyone waits for it.
 */
export interface Database {
  readonly engine: 'sqlite';
  readonly reader: Reader;
  /** Runs `work` in one transaction; when it resolves, the commit is on the disk. A rejection rolls everything back. */
  transaction<T>(work: (trx: Transaction) => Promise<T>): Promise<T>;
  /**
   * The row of the error table that an error of this engine stands for: no room, or out of reach for now. Undefined for
   * any other, a broken constraint among them, which is a bug.
   */
  failureOf(error: unknown): 'ErrDatabase' | 'ErrStorageFull' | undefined;
  ping(): Promise<void>;
  close(): Promise<void>;
}
