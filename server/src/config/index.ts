/**
 * Configuration: one table of settings (`settings.ts`), read once from the environment and a file (`environment.ts`, the
 * only place that touches them), checked and frozen (`load.ts`). The documentation is generated from the table.
 */
export { readEnvironment } from './environment.ts';
export { type Config, loadConfig } from './load.ts';
export { ConfigError } from './parse.ts';
export { type Setting, settings } from './settings.ts';
