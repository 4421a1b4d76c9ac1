/** ROLE=migrate: brings the schema up to date and nothing else. */
import { lockDataDirectory } from '../adapters/data-lock.ts';
import { createLogger } from '../adapters/log.ts';
import type { Config } from '../config/index.ts';
import { openDatabase } from './engines.ts';

/** Rejects as a start does, with one line for the operator. */
export async function migrateDatabase(config: Config): Promise<void> {
  const { database: address } = config;
  // An embedded database is never changed under a server that runs.
  const lock = address.kind === 'sqlite' ? lockDataDirectory(config.dataDir, 'DATA_DIR') : undefined;
  try {
    const database = await openDatabase(config);
    await database.close();
  } finally {
    lock?.release();
  }
  const log = createLogger(config.log);
  const where = address.kind === 'sqlite' ? address.path : `${address.database} at ${address.host}:${address.port}`;
  log.logger.info({ database: where }, `the schema of ${where} is up to date`);
  await log.close();
}
