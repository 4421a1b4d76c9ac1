/** What every rate limiter must do. How it spreads what it allows over a window (bucket, sliding, fixed) is its own affair. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { RateLimiter } from './rate-limiter.ts';

export type RateLimiterUnderTest = {
  readonly limiter: RateLimiter;
  /** Lets this much of the limiter's time pass: moves a manual clock, or really waits. */
  readonly passTime: (ms: number) => Promise<void>;
  readonly dispose: () => Promise<void>;
};

export function rateLimiterConformance(make: () => Promise<RateLimiterUnderTest>): void {
  let under: RateLimiterUnderTest;
  beforeEach(async () => {
    under = await make();
  });
  afterEach(() => under.dispose());

  /** Long enough that nothing is allowed again while a test runs. */
  const slow = { events: 5, windowMs: 3_600_000 };
  const quick = { events: 4, windowMs: 2_000 };

  const allowedOf = async (key: string, takes: number, rule = slow): Promise<number> => {
    let allowed = 0;
    for (let count = 0; count < takes; count += 1) if ((await under.limiter.take(key, rule)).allowed) allowed += 1;
    return allowed;
  };

  it('allows as many events as the rule says, and refuses the next with the seconds to wait', async () => {
    expect(await allowedOf('a', slow.events)).toBe(slow.events);
    const decision = await under.limiter.take('a', slow);
    if (decision.allowed) throw new Error('one event too many was allowed');
    expect(Number.isInteger(decision.retryAfterSeconds)).toBe(true);
    expect(decision.retryAfterSeconds).toBeGreaterThanOrEqual(1);
    expect(decision.retryAfterSeconds).toBeLessThanOrEqual(slow.windowMs / 1000);
  });

  it('allows no more when they all come at once', async () => {
    const decisions = await Promise.all(Array.from({ length: 40 }, () => under.limiter.take('a', slow)));
    expect(decisions.filter((decision) => decision.allowed).length).toBe(slow.events);
  });

  it('counts each key by itself, whatever it is made of', async () => {
    const keys = ['a', 'A', 'a ', '', 'login:名字', 'login:::1', 'x'.repeat(300), '*', 'a:b', 'a\nb', '__proto__'];
    for (const key of keys) expect(await allowedOf(key, slow.events + 1)).toBe(slow.events);
  });

  it('allows one again after the seconds that it named', async () => {
    await allowedOf('a', quick.events, quick);
    const decision = await under.limiter.take('a', quick);
    if (decision.allowed) throw new Error('one event too many was allowed');
    await under.passTime(decision.retryAfterSeconds * 1000);
    expect((await under.limiter.take('a', quick)).allowed).toBe(true);
  });

  it('does not count refused events', async () => {
    await allowedOf('a', quick.events, quick);
    await allowedOf('a', 50, quick);
    await under.passTime(quick.windowMs);
    expect(await allowedOf('a', quick.events, quick)).toBe(quick.events);
  });

  it('has forgotten everything after a window without events, and saves nothing up', async () => {
    await allowedOf('a', 1, quick);
    await under.passTime(2 * quick.windowMs);
    expect(await allowedOf('a', quick.events + 1, quick)).toBe(quick.events);
  });

  it('forgets one key when told to', async () => {
    await allowedOf('a', slow.events);
    await allowedOf('b', slow.events);
    await under.limiter.reset('a');
    await under.limiter.reset('never seen');
    expect(await allowedOf('a', slow.events + 1)).toBe(slow.events);
    expect(await allowedOf('b', 1)).toBe(0);
  });
}
