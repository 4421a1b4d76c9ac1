import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createManualClock } from '../../test/manual-clock.ts';
import { idSourceConformance } from '../ports/id-source.conformance.ts';
import { type NodeNumber, NodeNumberLostError } from '../ports/id-source.ts';
import { createTimeIdSource, idTimeMs } from './id-source-time.ts';

describe('as an id source', () => {
  idSourceConformance(createTimeIdSource, [0, 63]);
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

it('knows only sixty-four nodes', () => {
  for (const node of [-1, 64, 1.5, Number.NaN]) {
    expect(() => createTimeIdSource({ clock: createManualClock(), node })).toThrow(RangeError);
  }
});

it('makes ids from 2024 to 2093, and none with a clock that is wrong by more', () => {
  const at = (text: string) => createTimeIdSource({ clock: { now: () => Date.parse(text) }, node: 0 });
  expect(at('2024-01-01T00:00:01Z').next()).toBeGreaterThan(0);
  expect(at('2093-01-01T00:00:00Z').next()).toBeLessThanOrEqual(Number.MAX_SAFE_INTEGER);
  expect(() => at('2094-01-01T00:00:00Z').next()).toThrow('clock');
});

it('goes on growing with another number, whichever of the two is the smaller', () => {
  for (const [before, after] of [
    [3, 60],
    [60, 3],
  ] as const) {
    const clock = createManualClock();
    let node: number = before;
    const number: NodeNumber = {
      get node() {
        return node;
      },
      fromMs: clock.now(),
      holds: () => true,
    };
    const ids = createTimeIdSource({ clock, node: number });
    const last = [ids.next(), ids.next()].at(-1) ?? 0;
    node = after;
    expect(ids.next()).toBeGreaterThan(last);
  }
});

it("makes no id for a moment before its number was its own, nor for one at which it may be another process's", () => {
  const clock = createManualClock();
  const fromMs = clock.now() + 500;
  let untilMs = clock.now() + 1_000;
  const ids = createTimeIdSource({ clock, node: { node: 1, fromMs, holds: (ms) => ms < untilMs } });
  const first = ids.next();
  expect(idTimeMs(first)).toBe(fromMs);
  clock.advance(999);
  expect(idTimeMs(ids.next())).toBe(clock.now());
  clock.advance(1);
  expect(() => ids.next()).toThrow(NodeNumberLostError);
  untilMs += 1;
  expect(idTimeMs(ids.next())).toBe(clock.now());
});
