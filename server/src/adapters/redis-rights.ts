/** Whether the user of REDIS_URL may do all that will be done, found out before there are requests. */
import { randomBytes } from 'node:crypto';
import { leaseKeyOf, rateKey, runKey, valueKey, valuePrefix } from './redis-keys.ts';
import type { Send } from './redis-link.ts';
import { fillScript, leaseScript, takeScript } from './redis-scripts.ts';

/** What a check that is interrupted leaves, Redis removes by itself. */
const lifeMs = 10_000;

/**
 * Does each thing once, with keys of its own that mean nothing to anybody. Rejects with what Redis says: in a request, a
 * right that is missing would be a cache that never hits, or worse, a deletion that is never done.
 */
export async function checkRights(send: Send): Promise<void> {
  const id = randomBytes(12).toString('base64url');
  const key = valueKey('check', id);
  const bucket = rateKey(`check:${id}`);
  await send('GET', runKey);
  await send('MGET', key);
  await send(...leaseScript([key], id, lifeMs));
  await send(...fillScript([{ key, lease: `${id}.1`, text: '{}' }], lifeMs));
  await send(...takeScript(bucket, 1, lifeMs, 0));
  await send('SET', key, '{}', 'PX', String(lifeMs));
  await send('SCAN', '0', 'MATCH', `${valuePrefix}*`, 'COUNT', '1');
  await send('UNLINK', key);
  await send('DEL', key, leaseKeyOf(key), bucket);
  await send('PING');
}
