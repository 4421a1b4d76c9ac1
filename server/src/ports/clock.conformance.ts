/** What every clock must do. */
import { expect, it } from 'vitest';
import type { Clock } from './clock.ts';

/** A clock that is further from this computer's than this is taken for one that counts something else. */
const toleranceMs = 60_000;

export function clockConformance(makeClock: () => Clock): void {
  it('tells whole milliseconds since 1970', () => {
    const now = makeClock().now();
    expect(Number.isSafeInteger(now)).toBe(true);
    expect(Math.abs(now - Date.now())).toBeLessThan(toleranceMs);
  });

  it('goes on', () => {
    const clock = makeClock();
    const start = clock.now();
    const giveUpAt = performance.now() + 5_000;
    while (clock.now() <= start) expect(performance.now()).toBeLessThan(giveUpAt);
  });
}
