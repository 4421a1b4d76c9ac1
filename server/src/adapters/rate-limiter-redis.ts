import type { Clock, RateLimiter } from '../ports/index.ts';
import { rateKey } from './redis-keys.ts';
import type { Send } from './redis-link.ts';
import { takeScript } from './redis-scripts.ts';

/**
 * A token bucket per key that all processes share. While Redis is away each process counts for itself: the bounds are then
 * as many times as wide as there are processes, which is better than none and better than refusing everyone.
 */
export function createRedisRateLimiter(options: {
  readonly send: Send;
  readonly clock: Clock;
  /** Counts while Redis is away. */
  readonly otherwise: RateLimiter;
}): RateLimiter {
  const { send, clock, otherwise } = options;
  return {
    take: async (key, rule) => {
      try {
        const perTokenMs = rule.windowMs / rule.events;
        const waitMs = Number(await send(...takeScript(rateKey(key), rule.events, perTokenMs, clock.now())));
        return waitMs === 0 ? { allowed: true } : { allowed: false, retryAfterSeconds: Math.ceil(waitMs / 1000) };
      } catch {
        return await otherwise.take(key, rule);
      }
    },
    reset: async (key) => {
      await otherwise.reset(key);
      await send('DEL', rateKey(key)).catch(() => undefined);
    },
  };
}
