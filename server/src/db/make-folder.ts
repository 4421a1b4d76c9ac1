/** Folders that are there when a start is over, or a reason why not. */
import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes a folder and those above it that are missing. Throws what the system says. Step by step and not with `recursive`,
 * by which Node tries for ever where the system has the folder above and says that it has not, as `/proc` does.
 */
export function makeFolder(path: string, mode: number): void {
  const missing: string[] = [];
  let at = path;
  while (statSync(at, { throwIfNoEntry: false }) === undefined) {
    missing.push(at);
    at = dirname(at);
  }
  for (const folder of missing.reverse()) makeOne(folder, mode);
}

/** Another process may make the same one. */
function makeOne(folder: string, mode: number): void {
  try {
    mkdirSync(folder, { mode });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
}
