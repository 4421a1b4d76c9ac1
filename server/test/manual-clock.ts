/** A clock that stands still until a test moves it. */
import type { Clock } from '../src/ports/index.ts';

export type ManualClock = Clock & {
  /** Moves the time; also backwards, as a computer's clock may. */
  advance(ms: number): void;
};

/** 2026-01-01T00:00:00Z */
const startMs = 1_767_225_600_000;

export function createManualClock(): ManualClock {
  let now = startMs;
  return {
    now: () => now,
    advance: (ms) => {
      now += ms;
    },
  };
}
