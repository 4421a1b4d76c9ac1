import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createManualClock } from '../../test/manual-clock.ts';
import { idSourceConformance } from '../ports/id-source.conformance.ts';
import { createTimeIdSource, idTimeMs } from './id-source-time.ts';

describe('as an id source', () => {
  idSourceConformance(createTimeIdSource, [0, 15]);
});

it('tells when an id was made', () => {
  const clock = createManualClock();
  const ids = createTimeIdSource({ clock, node: 3 });
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 3_600_000 }), (afterMs) => {
      clock.advance(afterMs + 1);
      expect(idTimeMs(ids.next())).toBe(clock.now());
    }),
  );
});

it('knows only sixteen nodes', () => {
  for (const node of [-1, 16, 1.5, Number.NaN]) {
    expect(() => createTimeIdSource({ clock: createManualClock(), node })).toThrow(RangeError);
  }
});

it('makes ids from 2024 to 2093, and none with a clock that is wrong by more', () => {
  const at = (text: string) => createTimeIdSource({ clock: { now: () => Date.parse(text) }, node: 0 });
  expect(at('2024-01-01T00:00:01Z').next()).toBeGreaterThan(0);
  expect(at('2093-01-01T00:00:00Z').next()).toBeLessThanOrEqual(Number.MAX_SAFE_INTEGER);
  expect(() => at('2094-01-01T00:00:00Z').next()).toThrow('clock');
});
