/**
 * What has to hold of a whole scenario: the findings of the checker and the ends of all operations, held against the
 * windows in which faults were on. Pure.
 */
import { type Finding, judgeReads } from './checker.ts';
import { describeOperation, type Operation } from './history.ts';
import { Registers } from './registers.ts';

/** No request takes longer, whatever is on. */
export const slowestAllowedMs = 5_000;
/** This long after the end of a fault no read may be stale any more. */
export const freshAgainMs = 1_000;
/** This long after the end of a fault everything has to be answered well again. */
export const availableAgainMs = 5_000;
const serviceUnavailable = 503;

/** What a fault excuses while it is on, and shortly after. */
export type Tolerance = {
  /** Operations that may be refused with 503. */
  readonly refused: (operation: Operation) => boolean;
  /** Operations that may be left without an answer. */
  readonly unanswered: (operation: Operation) => boolean;
  /** Within what such a refusal comes. */
  readonly refusalMaxMs: (operation: Operation) => number;
  /** How old what a read shows may be. */
  readonly staleMaxMs: number;
  /** Whether jobs cannot be done meanwhile: what another fault leaves to them is late until this one is over. */
  readonly delaysJobs: boolean;
};

/** The time in which a fault was on, from before it began until it was certainly over. */
export type Window = {
  readonly fault: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly tolerance: Tolerance;
};

export type Violation = { readonly rule: string; readonly words: string; readonly evidence: readonly string[] };

export type Figures = {
  readonly operations: number;
  readonly acknowledged: number;
  readonly refused: number;
  /** Operations without an answer: they may or may not have happened. */
  readonly unanswered: number;
  /** Stale reads while no fault was on: has to be 0. */
  readonly staleOutside: number;
  readonly staleInside: number;
  /** Of the stale reads while a fault was on, how long ago the write that one does not show was acknowledged, at most. */
  readonly largestStaleMs: number;
  /** From the end of the last fault to the end of the last operation that failed or was stale; 0 if none came after. */
  readonly recoveryMs: number;
  readonly slowestMs: number;
};

export function judge(
  operations: readonly Operation[],
  windows: readonly Window[],
  zeroMs: number,
): { readonly figures: Figures; readonly violations: readonly Violation[] } {
  const violations: Violation[] = [];
  const report = (rule: string, words: string, ...evidence: readonly (Operation | undefined)[]): void => {
    const shown = evidence.flatMap((one) => (one === undefined ? [] : [describeOperation(one, zeroMs)]));
    violations.push({ rule, words, evidence: shown });
  };
  const registers = new Registers(operations);
  /** Where no fault was on there is nothing to recover from. */
  const lastEndMs = windows.length === 0 ? Number.POSITIVE_INFINITY : Math.max(...windows.map(({ endMs }) => endMs));
  let recoveryMs = 0;
  const trouble = ({ startMs, endMs }: Operation): void => {
    if (startMs >= lastEndMs) recoveryMs = Math.max(recoveryMs, endMs - lastEndMs);
  };

  for (const operation of operations) {
    const tookMs = operation.endMs - operation.startMs;
    if (tookMs > slowestAllowedMs) report('slow', `a request took ${seconds(tookMs)}`, operation);
    if (operation.outcome.kind === 'acknowledged' || isExcused(operation, registers)) continue;
    trouble(operation);
    judgeFailure(operation, windows, report);
  }

  const staleWindows = windows.map((window) => untilJobsGoOn(window, windows));
  let staleOutside = 0;
  let staleInside = 0;
  let largestStaleMs = 0;
  for (const finding of judgeReads(operations)) {
    if (finding.rule !== 'stale') {
      report(finding.rule, finding.words, finding.read);
      continue;
    }
    trouble(finding.read);
    const around = overlapping(finding.read, staleWindows, freshAgainMs);
    if (around.length === 0) staleOutside += 1;
    else {
      staleInside += 1;
      largestStaleMs = Math.max(largestStaleMs, finding.ageMs);
    }
    const allowedMs = Math.max(0, ...around.map(({ tolerance }) => tolerance.staleMaxMs));
    if (finding.ageMs >= allowedMs)
      report('stale', staleWords(finding, around, allowedMs), finding.missed, finding.read);
  }
  return {
    figures: {
      operations: operations.length,
      acknowledged: countOf(operations, 'acknowledged'),
      refused: countOf(operations, 'refused'),
      unanswered: countOf(operations, 'unanswered'),
      staleOutside,
      staleInside,
      largestStaleMs,
      recoveryMs,
      slowestMs: operations.reduce((slowest, { startMs, endMs }) => Math.max(slowest, endMs - startMs), 0),
    },
    violations,
  };
}

type Report = (rule: string, words: string, ...evidence: readonly (Operation | undefined)[]) => void;

function judgeFailure(operation: Operation, windows: readonly Window[], report: Report): void {
  const { outcome } = operation;
  const around = overlapping(operation, windows, availableAgainMs);
  const on = around.length === 0 ? 'while no fault was on' : `during ${around.map(({ fault }) => fault).join(' and ')}`;
  if (outcome.kind === 'unanswered') {
    if (!around.some(({ tolerance }) => tolerance.unanswered(operation))) {
      report('unavailable', `no answer ${on}`, operation);
    }
    return;
  }
  if (outcome.kind !== 'refused') return;
  const excusing = around.filter(({ tolerance }) => tolerance.refused(operation));
  if (outcome.status !== serviceUnavailable || excusing.length === 0) {
    report('unavailable', `refused ${on}`, operation);
    return;
  }
  if (!outcome.retryAfter) report('no Retry-After', `refused without saying when to try again`, operation);
  const tookMs = operation.endMs - operation.startMs;
  const allowedMs = Math.max(...excusing.map(({ tolerance }) => tolerance.refusalMaxMs(operation)));
  if (tookMs > allowedMs)
    report('refused late', `refused after ${seconds(tookMs)}, not ${seconds(allowedMs)}`, operation);
}

/** Whether a refusal is what the server had to say, given what others may have done. */
function isExcused({ outcome, excuses = [], startMs, endMs }: Operation, registers: Registers): boolean {
  if (outcome.kind !== 'refused') return false;
  return excuses.some(({ code, register, value }) => {
    if (code !== outcome.code) return false;
    const { yes, no } = registers.possible(register, startMs, endMs);
    return value ? yes : no;
  });
}

const overlapping = ({ startMs, endMs }: Operation, windows: readonly Window[], afterMs: number): Window[] =>
  windows.filter((window) => startMs <= window.endMs + afterMs && endMs >= window.startMs);

/** The window in which what a fault made stale may be so: longer, if what sets it right had to wait. */
function untilJobsGoOn(window: Window, windows: readonly Window[]): Window {
  const delaying = windows.filter(
    ({ tolerance, startMs, endMs }) => tolerance.delaysJobs && startMs <= window.endMs && endMs >= window.startMs,
  );
  return window.tolerance.staleMaxMs === 0
    ? window
    : { ...window, endMs: Math.max(window.endMs, ...delaying.map(({ endMs }) => endMs)) };
}

function staleWords({ words, ageMs }: Finding, around: readonly Window[], allowedMs: number): string {
  const age = `${seconds(ageMs)} after the write was acknowledged`;
  return around.length === 0
    ? `${words}; ${age}, while no fault was on`
    : `${words}; ${age}, and no more than ${seconds(allowedMs)} is allowed during ${around.map(({ fault }) => fault).join(' and ')}`;
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(3)} s`;
const countOf = (operations: readonly Operation[], kind: Operation['outcome']['kind']): number =>
  operations.filter(({ outcome }) => outcome.kind === kind).length;
