/** Table types, migrations, the engines behind one interface, transactions and keyset paging. */
export * from './database.ts';
export * from './derived.ts';
export * from './keyset.ts';
export { MigrationError } from './migrate.ts';
export * from './query-log.ts';
export * from './sqlite.ts';
export * from './tables.ts';
