import type { Kysely } from 'kysely';
import { Migrator } from 'kysely/migration';
import { migrations } from './migrations/index.ts';
import type { Tables } from './tables.ts';

/** The database was made by a newer version of this program, or a migration failed; the message is for the operator. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError';
}

/** Brings the schema up to date, one migration after the other; what is already done is not done again. */
export async function migrate(db: Kysely<Tables>): Promise<void> {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => ({ ...migrations }) } });
  const { error, results } = await migrator.migrateToLatest();
  if (error === undefined) return;
  const failed = results?.find((result) => result.status === 'Error')?.migrationName;
  const reason = error instanceof Error ? error.message : String(error);
  const what =
    failed === undefined
      ? `the database cannot be used by this version: ${newerIn(reason) ?? reason}`
      : `migration ${failed} failed: ${reason}`;
  throw new MigrationError(`DATABASE_URL: ${what}`.replaceAll(/\s+/g, ' '), { cause: error });
}

/** What the library calls corrupted. */
function newerIn(reason: string): string | undefined {
  const name = /previously executed migration (\S+) is missing/.exec(reason)?.[1];
  if (name === undefined) return undefined;
  return `a newer one has made it (migration ${name}): start that one, or restore a backup from before`;
}
