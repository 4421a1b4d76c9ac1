/** What several processes on one database need: who runs a job, and a number of its own for each that makes ids. */
import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';
import type { Tables } from '../tables.ts';

type Step = (db: Kysely<Tables>) => Promise<void>;

/** Six bits of every id (adapters/id-source-time.ts). */
const nodes = 64;

const steps: readonly (readonly [string, Step])[] = [
  [
    'outbox-claimed-by',
    async (db) => {
      await db.schema.alterTable('outbox').addColumn('claimed_by', 'varchar(64)').execute();
    },
  ],
  [
    'processes',
    async (db) => {
      await db.schema
        .createTable('processes')
        .addColumn('node', 'integer', (c) => c.primaryKey())
        .addColumn('owner', 'varchar(64)', (c) => c.notNull())
        .addColumn('role', 'varchar(16)', (c) => c.notNull())
        .addColumn('lease_until', 'bigint', (c) => c.notNull())
        .execute();
    },
  ],
  [
    // All rows from the start: taking a number is then a guarded update, which both engines write in the same way. Those
    // that are there are left out, so that a run which was interrupted can be repeated.
    'processes-numbers',
    async (db) => {
      const numbers = sql.join(
        Array.from({ length: nodes }, (_, node) => sql`select ${sql.lit(node)} as n`),
        sql` union all `,
      );
      const missing = sql`select n, '', '', 0 from (${numbers}) as numbers where n not in (select node from processes)`;
      await sql`insert into processes (node, owner, role, lease_until) ${missing}`.execute(db);
    },
  ],
];

export const severalProcesses: Readonly<Record<string, Migration>> = Object.fromEntries(
  steps.map(([name, up], position) => [`0002-${String(position + 1).padStart(2, '0')}-${name}`, { up }]),
);
