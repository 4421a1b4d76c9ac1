import type { Migration } from 'kysely/migration';
import { initialSchema } from './0001-initial-schema.ts';
import { severalProcesses } from './0002-several-processes.ts';
import { media } from './0003-media.ts';

/** Every migration, in order, by import: a folder scan could miss one. Names are never changed once released. */
export const migrations: Readonly<Record<string, Migration>> = {
  ...initialSchema,
  ...severalProcesses,
  ...media,
};
