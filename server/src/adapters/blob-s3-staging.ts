/** A staging folder that several processes share, each knowing which of the others are gone. */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { openStaging, type Staging } from './blob-staging.ts';
import { lockDataDirectory, takeFolder } from './data-lock.ts';

/** Somebody who sweeps may take a new folder for an old one before it is locked: then another one is made. */
const attempts = 5;

export type LockedStaging = Omit<Staging, 'sweep'> & {
  /** Removes the folders of processes that are gone; resolves with their names. */
  sweepGone(): Promise<string[]>;
};

/** Like {@link openStaging}, held by a lock that the operating system releases however the process ends. */
export async function openLockedStaging(all: string): Promise<LockedStaging> {
  for (let attempt = 1; ; attempt += 1) {
    const staging = await openStaging(all).catch((error: unknown) => {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
      throw new Error(
        `DATA_DIR: ${all} cannot be written to (${code}). Set DATA_DIR to a folder that you may write to.`,
        {
          cause: error,
        },
      );
    });
    try {
      const lock = lockDataDirectory(staging.folder, 'DATA_DIR');
      if (!existsSync(lock.path)) throw new Error(`DATA_DIR: ${staging.folder} was removed while it was made`);
      return {
        ...staging,
        sweepGone: () => staging.sweep(takeFolder),
        close: async () => {
          lock.release();
          await rm(lock.path, { force: true });
          await staging.close();
        },
      };
    } catch (error) {
      if (attempt === attempts) throw error;
    }
  }
}
