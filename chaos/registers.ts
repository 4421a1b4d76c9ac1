/**
 * Which values each register may have had, as far as a history tells. Pure. A register is regular (Lamport, "On interprocess
 * communication", 1986): a read shows the last write that was acknowledged before the read began, or one that was under way
 * meanwhile.
 */
import type { Effect, Operation } from './history.ts';

/**
 * A write that was not answered may still come into force until then: the process that had it may live on, and wait for an
 * engine. Nothing in the server waits longer than this for one.
 */
export const unansweredMaxMs = 5_000;

export type Possible = { readonly yes: boolean; readonly no: boolean };
export type Bounds = { readonly least: number; readonly most: number };

export type Write = {
  readonly value: boolean;
  readonly startMs: number;
  /** When it had happened at the latest, if it happened. */
  readonly latestMs: number;
  /** Undefined: it may not have happened at all. */
  readonly acknowledgedMs: number | undefined;
  readonly operation: Operation;
};

export class Registers {
  readonly #writes = new Map<string, Write[]>();
  readonly #counters = new Map<string, Set<string>>();
  readonly #lists = new Map<string, Set<string>>();

  constructor(operations: readonly Operation[]) {
    for (const operation of operations) {
      if (operation.effect !== undefined) this.#add(operation.effect, operation);
    }
  }

  #add(effect: Effect, operation: Operation): void {
    for (const name of effect.counters) membersOf(this.#counters, name).add(effect.register);
    for (const name of effect.lists) membersOf(this.#lists, name).add(effect.register);
    const writes = this.#writes.get(effect.register) ?? [];
    this.#writes.set(effect.register, writes);
    const { outcome, startMs, endMs } = operation;
    // What the server understood and refused did not happen.
    if (outcome.kind === 'refused' && outcome.status < 500) return;
    const acknowledged = outcome.kind === 'acknowledged';
    writes.push({
      value: effect.value,
      startMs,
      latestMs: acknowledged ? endMs : endMs + unansweredMaxMs,
      acknowledgedMs: acknowledged ? endMs : undefined,
      operation,
    });
  }

  isKnown(register: string): boolean {
    return this.#writes.has(register);
  }

  /** Every register that any write named. */
  get all(): Iterable<string> {
    return this.#writes.keys();
  }

  writesOf(register: string): readonly Write[] {
    return this.#writes.get(register) ?? [];
  }

  countedIn(counter: string): Iterable<string> {
    return this.#counters.get(counter) ?? [];
  }

  shownIn(list: string): Iterable<string> {
    return this.#lists.get(list) ?? [];
  }

  /** The values of a read that ended at `untilMs` and has to show what was acknowledged by `asOfMs`. Initially false. */
  possible(register: string, asOfMs: number, untilMs: number): Possible {
    const writes = this.writesOf(register);
    /** Whatever was over before this is overwritten. */
    let overwrittenMs = Number.NEGATIVE_INFINITY;
    for (const { acknowledgedMs, startMs } of writes) {
      if (acknowledgedMs !== undefined && acknowledgedMs <= asOfMs) overwrittenMs = Math.max(overwrittenMs, startMs);
    }
    let yes = false;
    let no = overwrittenMs === Number.NEGATIVE_INFINITY;
    for (const { value, startMs, latestMs } of writes) {
      if (startMs > untilMs || latestMs < overwrittenMs) continue;
      if (value) yes = true;
      else no = true;
    }
    return { yes, no };
  }

  /** The least and most that a counter may have shown. */
  bounds(counter: string, asOfMs: number, untilMs: number): Bounds {
    let least = 0;
    let most = 0;
    for (const register of this.countedIn(counter)) {
      const { yes, no } = this.possible(register, asOfMs, untilMs);
      if (yes) most += 1;
      if (!no) least += 1;
    }
    return { least, most };
  }
}

function membersOf(map: Map<string, Set<string>>, name: string): Set<string> {
  const found = map.get(name) ?? new Set<string>();
  map.set(name, found);
  return found;
}
