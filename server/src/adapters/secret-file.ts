import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const secretBytes = 48;

/** The secret that signs tokens: made once and kept in the data folder, readable by its owner alone. */
export function readOrCreateSecret(dataDir: string): Uint8Array {
  const path = join(dataDir, 'jwt-secret');
  try {
    const file = openSync(path, 'wx', 0o600);
    try {
      writeSync(file, randomBytes(secretBytes).toString('base64url'));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  const secret = readFileSync(path, 'utf8').trim();
  if (secret.length < 32) {
    throw new Error(
      `${path} is damaged: delete it to have a new one made (everyone has to log in again), or set JWT_SECRET`,
    );
  }
  return new TextEncoder().encode(secret);
}
