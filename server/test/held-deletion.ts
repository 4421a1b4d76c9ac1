/** A write that has committed, and has not deleted yet what it made old in the cache: for as long as a test looks around. */
import { vi } from 'vitest';
import type { TestServer } from './server.ts';

/**
 * Runs `write`, held before its first deletion of something of this family, and `look` meanwhile, whose own deletions go
 * through. Resolves with what `write` answers.
 */
export async function whileNotDeleted<T>(
  { context: { cache } }: TestServer,
  family: string,
  write: () => Promise<T>,
  look: () => Promise<void>,
): Promise<T> {
  const reached = Promise.withResolvers<void>();
  const goesOn = Promise.withResolvers<void>();
  const remove = cache.delete;
  let held = false;
  const spy = vi.spyOn(cache, 'delete').mockImplementation(async (keys) => {
    if (!held && keys.some((key) => key.family === family)) {
      held = true;
      reached.resolve();
      await goesOn.promise;
    }
    await remove(keys);
  });
  try {
    const writing = write();
    await reached.promise;
    await look().finally(goesOn.resolve);
    return await writing;
  } finally {
    spy.mockRestore();
  }
}
