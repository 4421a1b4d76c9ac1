import type { Clock, IdSource } from '../ports/index.ts';

/** 2024-01-01T00:00:00Z: 41 bits of milliseconds from here last until 2093. */
const epochMs = 1_704_067_200_000;
const nodes = 16;
const sequencesPerMs = 256;
const idsPerMs = nodes * sequencesPerMs;

/**
 * Ids of 53 bits: 41 of milliseconds since 2024, 4 of the node, 8 of a sequence. Made with arithmetic, since JavaScript's
 * shifts end at 32 bits. If the clock goes back, or more than 256 are wanted in a millisecond, time goes on by itself.
 */
export function createTimeIdSource(options: { readonly clock: Clock; readonly node: number }): IdSource {
  const { clock, node } = options;
  if (!Number.isInteger(node) || node < 0 || node >= nodes) throw new RangeError(`node must be 0 to ${nodes - 1}`);
  let lastMs = -1;
  let sequence = 0;
  return {
    next: () => {
      const now = clock.now() - epochMs;
      if (now > lastMs) {
        lastMs = now;
        sequence = 0;
      } else {
        sequence += 1;
        if (sequence === sequencesPerMs) {
          lastMs += 1;
          sequence = 0;
        }
      }
      const id = lastMs * idsPerMs + node * sequencesPerMs + sequence;
      if (id < 0 || id > Number.MAX_SAFE_INTEGER) throw new RangeError('the clock is outside the years 2024 to 2093');
      return id;
    },
    advancePast: (id) => {
      const ms = Math.floor(id / idsPerMs);
      if (ms < lastMs) return;
      lastMs = ms;
      sequence = sequencesPerMs - 1;
    },
  };
}

/** When an id was made, in milliseconds since 1970. */
export const idTimeMs = (id: number): number => Math.floor(id / idsPerMs) + epochMs;
