/**
 * Holds every read against every write: a read shows what was acknowledged before it began, or something later. Pure: a
 * history in, findings out. It knows nothing of faults; what a finding means for the verdict is in verdict.ts.
 */
import type { Observation, Operation } from './history.ts';
import { Registers, type Write } from './registers.ts';

export type Finding = {
  readonly rule: /** It shows what was, before an acknowledged write. */
    | 'stale'
    /** It shows what never was: a write applied twice, or from nowhere. */
    | 'impossible'
    | 'twice'
    | 'unordered';
  readonly read: Operation;
  readonly words: string;
  /** The first acknowledged write that a stale read does not show. */
  readonly missed: Operation | undefined;
  /** How long before the read began that was acknowledged; 0 unless stale. */
  readonly ageMs: number;
};

export function judgeReads(operations: readonly Operation[]): Finding[] {
  const registers = new Registers(operations);
  return operations.flatMap((read) => (read.seen ?? []).flatMap((seen) => judgeOne(registers, read, seen)));
}

/** One statement of a read. It may hold, hold only as of some moment before the read, or never. */
type Claim = {
  /** Asked for only if it is false. */
  readonly words: () => string;
  /** The registers that it speaks of. */
  readonly about: Iterable<string>;
  /** Whether it can be true of a read that has to show what was acknowledged by `asOfMs`. False stays false later on. */
  readonly holds: (asOfMs: number) => boolean;
};

function judgeOne(registers: Registers, read: Operation, seen: Observation): Finding[] {
  const findings = seen.is === 'list' ? judgeMembers(registers, read, seen) : [];
  for (const claim of claimsOf(registers, read, seen)) {
    if (!claim.holds(read.startMs)) findings.push(judgeClaim(registers, read, claim));
  }
  return findings;
}

function judgeClaim(registers: Registers, read: Operation, claim: Claim): Finding {
  const finding = { read, words: claim.words(), missed: undefined, ageMs: 0 };
  if (!claim.holds(Number.NEGATIVE_INFINITY)) return { ...finding, rule: 'impossible' };
  const writes = [...claim.about]
    .flatMap((register) => registers.writesOf(register))
    .flatMap(({ acknowledgedMs, operation }) => (acknowledgedMs === undefined ? [] : [{ acknowledgedMs, operation }]))
    .filter(({ acknowledgedMs }) => acknowledgedMs <= read.startMs)
    .sort((one, other) => one.acknowledgedMs - other.acknowledgedMs);
  let low = 0;
  let high = writes.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (claim.holds(writes[middle]?.acknowledgedMs ?? 0)) low = middle + 1;
    else high = middle;
  }
  const missed = writes[low];
  const ageMs = missed === undefined ? 0 : read.startMs - missed.acknowledgedMs;
  return { ...finding, rule: 'stale', missed: missed?.operation, ageMs };
}

/** What can be said of a list without looking at time. */
function judgeMembers(registers: Registers, read: Operation, seen: Extract<Observation, { is: 'list' }>): Finding[] {
  const findings: Finding[] = [];
  const report = (rule: 'impossible' | 'twice' | 'unordered', words: string): void => {
    findings.push({ rule, read, words, missed: undefined, ageMs: 0 });
  };
  const shown = new Set<string>();
  for (const member of seen.members) {
    if (shown.has(member)) report('twice', `${seen.list} shows ${member} twice`);
    shown.add(member);
    if (!registers.isKnown(member)) report('impossible', `${seen.list} shows ${member}, which nobody wrote`);
  }
  if (seen.inOrder) {
    let before: { readonly member: string; readonly startMs: number } | undefined;
    for (const member of seen.members) {
      const [write] = registers.writesOf(member);
      if (write === undefined) continue;
      // One that began after this one was over must not stand before it.
      if (before !== undefined && write.latestMs < before.startMs) {
        report('unordered', `${seen.list} shows ${before.member} before ${member}, which is older`);
      }
      if (before === undefined || write.startMs > before.startMs) before = { member, startMs: write.startMs };
    }
  }
  return findings;
}

function* claimsOf(registers: Registers, read: Operation, seen: Observation): Iterable<Claim> {
  const possible = (register: string, asOfMs: number) => registers.possible(register, asOfMs, read.endMs);
  const mayBe = (register: string, value: boolean, asOfMs: number): boolean => {
    const { yes, no } = possible(register, asOfMs);
    return value ? yes : no;
  };
  switch (seen.is) {
    case 'flag':
      yield {
        words: () => `${seen.register}: ${seen.value ? 'yes' : 'no'}`,
        about: [seen.register],
        holds: (asOfMs) => mayBe(seen.register, seen.value, asOfMs),
      };
      return;
    case 'both': {
      const [one, other] = seen.registers;
      yield {
        words: () => `${one}, and ${other}: ${seen.value ? 'yes' : 'no'}`,
        about: seen.registers,
        holds: (asOfMs) =>
          seen.value
            ? mayBe(one, true, asOfMs) && mayBe(other, true, asOfMs)
            : mayBe(one, false, asOfMs) || mayBe(other, false, asOfMs),
      };
      return;
    }
    case 'count': {
      yield {
        words: () => {
          const { least, most } = registers.bounds(seen.counter, read.startMs, read.endMs);
          return `${seen.counter}: ${seen.value}, and it has to be ${least === most ? least : `${least} to ${most}`}`;
        },
        about: registers.countedIn(seen.counter),
        holds: (asOfMs) => {
          const bounds = registers.bounds(seen.counter, asOfMs, read.endMs);
          return seen.value >= bounds.least && seen.value <= bounds.most;
        },
      };
      return;
    }
    case 'list':
      yield* claimsOfList(registers, seen, mayBe);
      return;
    case 'latest':
      yield {
        words: () => `${seen.list} ends with ${seen.member ?? 'nothing'}`,
        about: registers.shownIn(seen.list),
        holds: (asOfMs) => mayBeLatest(registers, seen, asOfMs, mayBe),
      };
  }
}

type MayBe = (register: string, value: boolean, asOfMs: number) => boolean;

function* claimsOfList(
  registers: Registers,
  seen: Extract<Observation, { is: 'list' }>,
  mayBe: MayBe,
): Iterable<Claim> {
  const shown = new Set(seen.members);
  for (const register of registers.shownIn(seen.list)) {
    const present = shown.has(register);
    yield {
      words: () => `${seen.list} ${present ? 'shows' : 'does not show'} ${register}`,
      about: [register],
      holds: (asOfMs) =>
        mayBe(register, present, asOfMs) ||
        // A page that ends before the list does leaves out the older ones.
        (!present && !seen.complete && !showsOlder(registers, seen.members, register, asOfMs)),
    };
  }
}

/** Whether one of `members` is certainly older than what was last written to `register`. */
function showsOlder(registers: Registers, members: readonly string[], register: string, asOfMs: number): boolean {
  const newest = lastStartMs(registers.writesOf(register), asOfMs);
  return members.some((member) => registers.writesOf(member).every(({ latestMs }) => latestMs < newest));
}

function lastStartMs(writes: readonly Write[], asOfMs: number): number {
  let last = Number.NEGATIVE_INFINITY;
  for (const { value, acknowledgedMs, startMs } of writes) {
    if (value && acknowledgedMs !== undefined && acknowledgedMs <= asOfMs) last = Math.max(last, startMs);
  }
  return last;
}

/** Members of such a list are never taken back: the latest is one that nothing acknowledged came after. */
function mayBeLatest(
  registers: Registers,
  { list, member }: Extract<Observation, { is: 'latest' }>,
  asOfMs: number,
  mayBe: MayBe,
): boolean {
  let newest = Number.NEGATIVE_INFINITY;
  for (const register of registers.shownIn(list)) {
    newest = Math.max(newest, lastStartMs(registers.writesOf(register), asOfMs));
  }
  if (member === undefined) return newest === Number.NEGATIVE_INFINITY;
  return mayBe(member, true, asOfMs) && registers.writesOf(member).some(({ latestMs }) => latestMs >= newest);
}
