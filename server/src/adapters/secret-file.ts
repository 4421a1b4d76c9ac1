import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const secretBytes = 48;
const secretMinCharacters = 32;

/**
 * The secret that signs tokens: made once and kept in the data folder, readable by its owner alone. The caller holds the
 * lock on that folder.
 */
export function readOrCreateSecret(dataDir: string): Uint8Array {
  const path = join(dataDir, 'jwt-secret');
  if (!existsSync(path)) createSecret(path, dataDir);
  const secret = readFileSync(path, 'utf8').trim();
  if (secret.length < secretMinCharacters) {
    throw new Error(
      `${path} is damaged: delete it to have a new one made (everyone has to log in again), or set JWT_SECRET`,
    );
  }
  return new TextEncoder().encode(secret);
}

/** Written aside, synced and renamed, so that whatever interrupts it, there is a whole secret or none. */
function createSecret(path: string, dataDir: string): void {
  const aside = `${path}.new`;
  const file = openSync(aside, 'w', 0o600);
  try {
    writeSync(file, randomBytes(secretBytes).toString('base64url'));
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(aside, path);
  const folder = openSync(dataDir, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
