/**
 * When a Redis may be believed. What it holds is right as long as every deletion has reached it, and two things can come
 * between: it was out of reach when something was to be deleted, or it forgot, because it was started again from a file
 * that is some moments old (`appendfsync everysec`), or is a replica that took over.
 */
import type { DeletionBacklog } from '../ports/index.ts';
import { leaseKeyOf, leasePrefix, runKey, valueKey, valuePrefix } from './redis-keys.ts';
import type { Send } from './redis-link.ts';

/** Keys looked at per step when everything is swept out. */
const scanCount = 2_000;
/** Steps, so that a server that is filled meanwhile ends it all the same. */
const maxScans = 10_000;
/** Rounds of the backlog per connection. */
const maxRounds = 1_000;

/**
 * Sweeps out what a server that was started again may have kept too long, and applies the backlog. Returns the rows that
 * have done their duty; nobody has to wait for their removal.
 */
export async function regainTrust(send: Send, runId: string, backlog: DeletionBacklog): Promise<number[]> {
  if ((await send('GET', runKey)) !== runId) {
    await sweep(send, `${valuePrefix}*`);
    await sweep(send, `${leasePrefix}*`);
    await send('SET', runKey, runId);
  }
  const applied: number[] = [];
  for (let round = 0; round < maxRounds; round += 1) {
    const { ids, keys, more } = await backlog.list(applied.at(-1) ?? 0);
    const names = keys.map(({ family, id }) => valueKey(family, id));
    if (names.length > 0) await send('DEL', ...names.flatMap((name) => [name, leaseKeyOf(name)]));
    applied.push(...ids);
    if (!more) return applied;
  }
  throw new Error('the backlog of deletions is not applied yet');
}

async function sweep(send: Send, pattern: string): Promise<void> {
  let cursor = '0';
  for (let step = 0; step < maxScans; step += 1) {
    const reply = await send('SCAN', cursor, 'MATCH', pattern, 'COUNT', String(scanCount));
    const [next, found]: readonly unknown[] = Array.isArray(reply) ? reply : [];
    const names = Array.isArray(found) ? found.map(String) : [];
    if (names.length > 0) await send('UNLINK', ...names);
    cursor = String(next);
    if (cursor === '0') return;
  }
  throw new Error('the cache could not be swept out');
}
