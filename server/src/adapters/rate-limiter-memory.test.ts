import { describe, expect, it } from 'vitest';
import { createManualClock } from '../../test/manual-clock.ts';
import { rateLimiterConformance } from '../ports/rate-limiter.conformance.ts';
import { createMemoryRateLimiter, unlimited } from './rate-limiter-memory.ts';

describe('as a rate limiter', () => {
  rateLimiterConformance(async () => {
    const clock = createManualClock();
    return {
      limiter: createMemoryRateLimiter({ clock }),
      passTime: async (ms) => clock.advance(ms),
      dispose: async () => undefined,
    };
  });
});

it('gives nothing away when the clock goes back', async () => {
  const clock = createManualClock();
  const limiter = createMemoryRateLimiter({ clock });
  const rule = { events: 1, windowMs: 1_000 };
  await limiter.take('a', rule);
  clock.advance(-60_000);
  expect((await limiter.take('a', rule)).allowed).toBe(false);
  clock.advance(1_000);
  expect((await limiter.take('a', rule)).allowed).toBe(true);
});

it('remembers a bounded number of keys, and forgets the one counted longest ago', async () => {
  const limiter = createMemoryRateLimiter({ clock: createManualClock() });
  const rule = { events: 1, windowMs: 60_000 };
  await limiter.take('first', rule);
  await limiter.take('second', rule);
  await limiter.take('first', rule);
  for (let key = 0; key < 99_999; key += 1) await limiter.take(String(key), rule);
  expect((await limiter.take('first', rule)).allowed).toBe(false);
  expect((await limiter.take('second', rule)).allowed).toBe(true);
});

it('allows everything when limits are off', async () => {
  for (let count = 0; count < 100; count += 1) {
    expect(await unlimited.take('a', { events: 1, windowMs: 1_000 })).toEqual({ allowed: true });
  }
  await unlimited.reset('a');
});
