import { createClient } from '@redis/client';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { describeEngine } from '../../test/engines.ts';
import { createManualClock, type ManualClock } from '../../test/manual-clock.ts';
import type { RateLimiter } from '../ports/index.ts';
import { rateLimiterConformance } from '../ports/rate-limiter.conformance.ts';
import { createMemoryRateLimiter } from './rate-limiter-memory.ts';
import { createRedisRateLimiter } from './rate-limiter-redis.ts';

describeEngine('redis', (url) => {
  const plain = createClient({ url });
  let clock: ManualClock;
  /** A process of its own. */
  const another = (): RateLimiter =>
    createRedisRateLimiter({
      send: (...args) => plain.sendCommand([...args]),
      clock,
      otherwise: createMemoryRateLimiter({ clock }),
    });
  beforeEach(async () => {
    clock = createManualClock();
    await plain.connect();
    await plain.flushDb();
  });
  afterEach(async () => {
    if (plain.isOpen) await plain.flushDb();
    plain.destroy();
  });

  rateLimiterConformance(async () => ({
    limiter: another(),
    passTime: async (ms) => clock.advance(ms),
    dispose: async () => undefined,
  }));

  const rule = { events: 4, windowMs: 60_000 };
  const allowedOf = async (limiters: readonly RateLimiter[]): Promise<number> => {
    const decisions = await Promise.all(limiters.map((limiter) => limiter.take('a', rule)));
    return decisions.filter(({ allowed }) => allowed).length;
  };

  it('counts what all processes do together', async () => {
    const [one, other] = [another(), another()];
    expect(await allowedOf([one, other, one, other, one, other])).toBe(4);
    await one.reset('a');
    expect(await allowedOf([other])).toBe(1);
  });

  it('forgets a key when it would be full again', async () => {
    await another().take('a', rule);
    const [key = ''] = await plain.keys('tiktok:r:*');
    const leftMs = await plain.pTTL(key);
    expect(leftMs).toBeGreaterThan(0);
    expect(leftMs).toBeLessThanOrEqual(rule.windowMs);
  });

  it('counts for itself while Redis is away', async () => {
    const limiter = another();
    plain.destroy();
    expect(await allowedOf([limiter, limiter, limiter, limiter, limiter, limiter])).toBe(4);
  });
});
