import { randomBytes } from 'node:crypto';
import { hash, verify } from '@node-rs/argon2';
import { DomainError } from '@tiktok-server/contract';

/** OWASP Password Storage Cheat Sheet, argon2id (algorithm 2): 19 MiB, two passes, one lane. */
const parameters = { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1 };
/** As @node-rs/argon2 makes them. */
const saltBytes = 16;
const hashBytes = 32;

/** Hashes computed at once, on the thread pool that file access shares. */
const maxRunning = 2;
/** Callers that may wait for their turn; at about 30 ms a hash the last one waits 2 s. */
const maxWaiting = 128;

/** Hashing off the main thread, with a bounded queue, so that a flood of logins slows logins and nothing else. */
export interface Passwords {
  hash(password: string): Promise<string>;
  /** Without a hash to compare with, the same work is done and the answer is false. */
  verify(password: string, storedHash: string | undefined): Promise<boolean>;
}

/**
 * A hash that no password has: random bytes in the form of the PHC string format, so that comparing with it takes as long
 * as with any other.
 */
export function unusableHash(): string {
  const bytes = (count: number): string => randomBytes(count).toString('base64').replaceAll('=', '');
  const { memoryCost, timeCost, parallelism } = parameters;
  return `$argon2id$v=19$m=${memoryCost},t=${timeCost},p=${parallelism}$${bytes(saltBytes)}$${bytes(hashBytes)}`;
}

export function createPasswords(): Passwords {
  // What an unknown user's password is compared with: it makes both refusals take the same time.
  const nobodysHash = unusableHash();
  const waiting: (() => void)[] = [];
  let running = 0;

  async function inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (running >= maxRunning) {
      if (waiting.length >= maxWaiting) throw new DomainError('ErrOverloaded', { retryAfterSeconds: 2 });
      await new Promise<void>((resolve) => waiting.push(resolve));
    } else {
      running += 1;
    }
    try {
      return await work();
    } finally {
      // The turn is handed on, not given back, so that nobody slips in between.
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  }

  return {
    hash: (password) => inTurn(() => hash(password, parameters)),
    verify: (password, storedHash) =>
      inTurn(async () => (await verify(storedHash ?? nobodysHash, password)) && storedHash !== undefined),
  };
}
