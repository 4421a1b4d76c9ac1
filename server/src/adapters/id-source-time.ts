import { type Clock, type IdSource, type NodeNumber, NodeNumberLostError } from '../ports/index.ts';

/** 2024-01-01T00:00:00Z: 41 bits of milliseconds from here last until 2093. */
const epochMs = 1_704_067_200_000;
const nodes = 64;
const sequencesPerMs = 64;
const idsPerMs = nodes * sequencesPerMs;

/**
 * Ids of 53 bits: 41 of milliseconds since 2024, 6 of the node, 6 of a sequence. Made with arithmetic, since JavaScript's
 * shifts end at 32 bits. If the clock goes back, or more than 64 are wanted in a millisecond, time goes on by itself.
 * With a {@link NodeNumber}, `next` throws {@link NodeNumberLostError} while the number is not known to be this process's.
 */
export function createTimeIdSource(options: {
  readonly clock: Clock;
  /** One for good, where no other process makes ids. */
  readonly node: number | NodeNumber;
}): IdSource {
  const { clock } = options;
  const number = typeof options.node === 'number' ? forGood(options.node) : options.node;
  let node = number.node;
  let lastMs = -1;
  let sequence = 0;
  return {
    next: () => {
      const now = Math.max(clock.now(), number.fromMs) - epochMs;
      // Ids with a new number begin in a millisecond of their own, since a smaller number makes smaller ids.
      const full = sequence === sequencesPerMs - 1 || number.node !== node;
      const ms = now > lastMs ? now : full ? lastMs + 1 : lastMs;
      if (!number.holds(ms + epochMs)) throw new NodeNumberLostError('this process has no number to make ids with');
      sequence = ms === lastMs ? sequence + 1 : 0;
      node = number.node;
      lastMs = ms;
      const id = ms * idsPerMs + node * sequencesPerMs + sequence;
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

function forGood(node: number): NodeNumber {
  if (!Number.isInteger(node) || node < 0 || node >= nodes) throw new RangeError(`node must be 0 to ${nodes - 1}`);
  return { node, fromMs: 0, holds: () => true };
}

/** When an id was made, in milliseconds since 1970. */
export const idTimeMs = (id: number): number => Math.floor(id / idsPerMs) + epochMs;
