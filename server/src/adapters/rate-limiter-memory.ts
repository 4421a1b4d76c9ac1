import type { Clock, RateLimiter } from '../ports/index.ts';

/** Keys remembered at once; beyond it the one counted longest ago is forgotten. */
const maxKeys = 100_000;

/** A token bucket per key: `events` may come at once, and one more for each `windowMs / events` that passes. */
export function createMemoryRateLimiter(options: { readonly clock: Clock }): RateLimiter {
  const buckets = new Map<string, { tokens: number; at: number }>();
  return {
    take: async (key, rule) => {
      const now = options.clock.now();
      const perToken = rule.windowMs / rule.events;
      const bucket = buckets.get(key) ?? { tokens: rule.events, at: now };
      buckets.delete(key);
      bucket.tokens = Math.min(rule.events, bucket.tokens + Math.max(0, now - bucket.at) / perToken);
      bucket.at = now;
      buckets.set(key, bucket);
      for (const oldest of buckets.keys()) {
        if (buckets.size <= maxKeys) break;
        buckets.delete(oldest);
      }
      if (bucket.tokens < 1) {
        return { allowed: false, retryAfterSeconds: Math.ceil(((1 - bucket.tokens) * perToken) / 1000) };
      }
      bucket.tokens -= 1;
      return { allowed: true };
    },
    reset: async (key) => {
      buckets.delete(key);
    },
  };
}

/** Allows everything: `RATE_LIMIT=off`, for benchmarks and black-box tests. */
export const unlimited: RateLimiter = {
  take: async () => ({ allowed: true }),
  reset: async () => undefined,
};
