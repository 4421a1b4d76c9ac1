/**
 * Configuration: one table of settings (`settings.ts`, whose kinds of value are in `kinds.ts`, `address-kinds.ts` and `engine-kinds.ts`), read
 * once from the environment and a file (`environment.ts`, the only place that touches them), checked and frozen
 * (`load.ts`). `--help` and the documentation are generated from the table.
 */
export { ConfigError } from './config-error.ts';
export type { DiskAddress, MysqlAddress, S3Address, SqliteAddress } from './engine-kinds.ts';
export { type Environment, readEnvironment } from './environment.ts';
export { helpText } from './help.ts';
export { type Config, loadConfig, type Role, type S3Storage } from './load.ts';
export type { Setting } from './setting.ts';
export { configFileVariable, settings } from './settings.ts';
