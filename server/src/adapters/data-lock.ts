import { join } from 'node:path';
import SqliteDatabase from 'better-sqlite3';
import { makeFolder } from '../db/make-folder.ts';

const lockFile = '.lock';

export type DirectoryLock = {
  /** The file that is locked. */
  readonly path: string;
  release(): void;
};

/**
 * Holds a data folder for this process: two servers on one folder would not see each other's cached values. The lock is
 * an exclusive transaction on a tiny database, so the operating system releases it however the process ends.
 */
export function lockDataDirectory(dataDir: string, setting: 'DATA_DIR' | 'STORAGE_URL'): DirectoryLock {
  try {
    makeFolder(dataDir, 0o750);
    const path = join(dataDir, lockFile);
    const database = new SqliteDatabase(path, { timeout: 0 });
    try {
      database.exec('BEGIN EXCLUSIVE');
    } catch (error) {
      database.close();
      throw error;
    }
    return {
      path,
      release: () => {
        database.close();
      },
    };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (code.startsWith('SQLITE_BUSY')) {
      throw new Error(
        `${setting}: ${dataDir} is in use by another server. Stop that one, or set ${setting} to another folder.`,
        { cause: error },
      );
    }
    throw new Error(
      `${setting}: ${dataDir} cannot be written to (${code}). Set ${setting} to a folder that you may write to.`,
      { cause: error },
    );
  }
}

/** The lock on a folder that nobody holds; undefined if somebody does, or if it cannot be had. */
export function takeFolder(folder: string): DirectoryLock | undefined {
  try {
    return lockDataDirectory(folder, 'DATA_DIR');
  } catch {
    return undefined;
  }
}
