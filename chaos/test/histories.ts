/** Histories made by hand, for tests of the checker: a client, two processes, moments in milliseconds. */
import type { Effect, Observation, Operation, Outcome } from '../history.ts';

export const done: Outcome = { kind: 'acknowledged' };
export const lost: Outcome = { kind: 'unanswered', why: 'socket hang up' };
export const refused = (status: number, code: number, retryAfter = true): Outcome => ({
  kind: 'refused',
  status,
  code,
  retryAfter,
});

type Times = readonly [startMs: number, endMs: number];

export const write = (effect: Effect, [startMs, endMs]: Times, outcome: Outcome = done): Operation => ({
  client: 'client 1',
  api: 'api 1',
  name: 'write',
  what: `${effect.register}: ${effect.value}`,
  startMs,
  endMs,
  outcome,
  effect,
});

export const read = ([startMs, endMs]: Times, ...seen: Observation[]): Operation => ({
  client: 'client 2',
  api: 'api 2',
  name: 'read',
  what: '',
  startMs,
  endMs,
  outcome: done,
  seen,
});

export const flag = (register: string, value: boolean): Observation => ({ is: 'flag', register, value });
export const count = (counter: string, value: number): Observation => ({ is: 'count', counter, value });
export const list = (name: string, members: readonly string[], more: { complete?: boolean } = {}): Observation => ({
  is: 'list',
  list: name,
  members,
  complete: more.complete ?? true,
  inOrder: true,
});
