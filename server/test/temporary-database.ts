/** An embedded database of its own for a test. */
import { join } from 'node:path';
import { type Database, openSqlite } from '../src/db/index.ts';
import { temporaryFolder } from './server.ts';

export type TemporaryDatabase = {
  readonly database: Database;
  readonly path: string;
  /** Closes it and opens it again, as a restart does. */
  reopen(): Promise<Database>;
  remove(): Promise<void>;
};

export async function openTemporaryDatabase(): Promise<TemporaryDatabase> {
  const folder = temporaryFolder();
  const path = join(folder.path, 'test.sqlite');
  const open = async (): Promise<Database> => {
    const opened = await openSqlite(path);
    let closing: Promise<void> | undefined;
    const close = (): Promise<void> => {
      closing ??= opened.close();
      return closing;
    };
    return { ...opened, close };
  };
  let database = await open();
  return {
    get database() {
      return database;
    },
    path,
    reopen: async () => {
      await database.close();
      database = await open();
      return database;
    },
    remove: async () => {
      await database.close();
      folder.remove();
    },
  };
}
