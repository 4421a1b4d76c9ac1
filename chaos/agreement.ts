/**
 * The end of a scenario, when nothing moves any more: what the database holds, what it counts, and what every process
 * shows have to be the same, exactly. Pure.
 */
import { describeOperation, type Observation, type Operation } from './history.ts';
import { Registers } from './registers.ts';
import type { Violation } from './verdict.ts';

/** What the tables say, in the words of the history. */
export type Rows = {
  /** A register for each row, so that one which is there twice is seen twice. */
  readonly registers: readonly string[];
  /** The counters as they are stored. */
  readonly counters: readonly Extract<Observation, { is: 'count' }>[];
};

/** The tables as a read of every register, to be held against the writes like any other read. */
export function rowsAsRead(rows: Rows, operations: readonly Operation[], atMs: number): Operation {
  const there = new Set(rows.registers);
  const seen: Observation[] = [...new Registers(operations).all].map((register) => ({
    is: 'flag',
    register,
    value: there.has(register),
  }));
  return {
    client: 'checker',
    api: 'database',
    name: 'tables',
    what: 'at the end',
    startMs: atMs,
    endMs: atMs,
    outcome: { kind: 'acknowledged' },
    seen: [...seen, { is: 'list', list: 'the tables', members: rows.registers, complete: true, inOrder: false }],
  };
}

/** Holds counters against rows, and `reads`, which began when nothing moved any more, against rows. */
export function disagreements(
  rows: Rows,
  operations: readonly Operation[],
  reads: readonly Operation[],
  zeroMs: number,
): Violation[] {
  const registers = new Registers(operations);
  const there = new Set(rows.registers);
  const violations: Violation[] = [];
  for (const counter of rows.counters) {
    const counted = countTrue(registers.countedIn(counter.counter), there);
    if (counted !== counter.value) {
      violations.push({
        rule: 'counter',
        words: `the database counts ${counter.counter}: ${counter.value}, and has ${counted} rows`,
        evidence: [],
      });
    }
  }
  for (const read of reads) {
    for (const seen of read.seen ?? []) {
      const words = disagreement(seen, registers, there);
      if (words !== undefined) {
        violations.push({ rule: 'disagreement', words, evidence: [describeOperation(read, zeroMs)] });
      }
    }
  }
  return violations;
}

function countTrue(registers: Iterable<string>, there: ReadonlySet<string>): number {
  let count = 0;
  for (const register of registers) if (there.has(register)) count += 1;
  return count;
}

/** What is said and not so; undefined if it is so. */
function disagreement(seen: Observation, registers: Registers, there: ReadonlySet<string>): string | undefined {
  const yesNo = (value: boolean): string => (value ? 'yes' : 'no');
  switch (seen.is) {
    case 'flag':
      return seen.value === there.has(seen.register) ? undefined : `shows ${seen.register}: ${yesNo(seen.value)}`;
    case 'both': {
      const both = seen.registers.every((register) => there.has(register));
      return seen.value === both ? undefined : `shows ${seen.registers.join(', and ')}: ${yesNo(seen.value)}`;
    }
    case 'count': {
      const counted = countTrue(registers.countedIn(seen.counter), there);
      return seen.value === counted ? undefined : `shows ${seen.counter}: ${seen.value}, and there are ${counted} rows`;
    }
    case 'list': {
      const shown = new Set(seen.members);
      for (const register of registers.shownIn(seen.list)) {
        if (shown.has(register) && !there.has(register)) return `${seen.list} shows ${register}, which is not there`;
        if (seen.complete && !shown.has(register) && there.has(register)) {
          return `${seen.list} does not show ${register}, which is there`;
        }
      }
      return undefined;
    }
    case 'latest':
      return seen.member === undefined || there.has(seen.member)
        ? undefined
        : `${seen.list} ends with ${seen.member}, which is not there`;
  }
}
