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
  ping(): Promise<void>;
  close(): Promise<void>;
}
