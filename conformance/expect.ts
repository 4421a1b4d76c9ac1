/**
 * What checks ask of answers. Each of these looks at one thing: a server that leaves out `status_code` or answers HTTP
 * 400 fails the checks of exactly that, and all others still say what they were made to say.
 */
import { Blocked, CheckFailure, findingOf } from './check.ts';
import { isRow, type Reply, type Row } from './client.ts';

/** Fails the check unless `holds`; `seen` points at what is wrong in the answer. */
export function expect(reply: Reply, holds: boolean, wanted: string, seen?: string): asserts holds {
  refuseRateLimit(reply);
  if (!holds) throw new CheckFailure(findingOf(reply, wanted, seen));
}

export const rateLimitHint = 'rate limit (HTTP 429): run the server with RATE_LIMIT=off, or its own switch for that';

function refuseRateLimit(reply: Reply): void {
  if (reply.status === 429) throw new Blocked(rateLimitHint);
}

/** The answer says success. A `status_code` that is left out counts as 0 here. */
export const succeeded = ({ status, body }: Reply): boolean =>
  status === 200 && body !== undefined && Number(body['status_code'] ?? 0) === 0;

/** The answer says no, on purpose: not a crash, not a missing address. */
export const refused = ({ status, body }: Reply): boolean =>
  status < 500 && body !== undefined && (status >= 400 || Number(body['status_code'] ?? 0) !== 0);

export function expectOk(reply: Reply, what = 'this call to succeed'): Row {
  expect(reply, succeeded(reply) && reply.body !== undefined, `${what}: HTTP 200 and "status_code": 0`);
  return reply.body;
}

export function expectRefused(reply: Reply, why: string): void {
  expect(reply, refused(reply), `this call to be refused (a JSON object with a "status_code" that is not 0): ${why}`);
}

/** A step that others build on: `by` names the check that looks at it. */
export function prepared(reply: Reply, by: string): Row {
  refuseRateLimit(reply);
  if (!succeeded(reply) || reply.body === undefined) {
    throw new Blocked(by, findingOf(reply, 'this call to succeed, so that the check can go on'));
  }
  return reply.body;
}

/** The rows of a list in a successful answer. */
export function listOf(reply: Reply, name: string): Row[] {
  const list = expectOk(reply)[name];
  expect(reply, Array.isArray(list), `"${name}" to be a list, [] if it is empty`, `"${name}" is ${kindOf(list)}`);
  return list.filter(isRow);
}

/** An object in a successful answer. */
export function rowIn(reply: Reply, name: string): Row {
  const row = expectOk(reply)[name];
  expect(reply, isRow(row), `"${name}" to be an object`, `"${name}" is ${kindOf(row)}`);
  return row;
}

/** An id; one that is text is a fault that only the checks of objects report. */
export function idOf(row: Row | undefined, name = 'id'): number {
  const value = row?.[name];
  return typeof value === 'number' || (typeof value === 'string' && value !== '') ? Number(value) : Number.NaN;
}

export const idsOf = (rows: readonly Row[]): number[] => rows.map((row) => idOf(row));
export const findById = (rows: readonly Row[], id: number): Row | undefined => rows.find((row) => idOf(row) === id);

/** The field of an object that must be a number. */
export function numberIn(reply: Reply, row: Row | undefined, name: string): number {
  const value = row?.[name];
  expect(reply, typeof value === 'number', `"${name}" to be a number`, `"${name}" is ${kindOf(value)}`);
  return value;
}

export function textIn(reply: Reply, row: Row | undefined, name: string): string {
  const value = row?.[name];
  expect(reply, typeof value === 'string', `"${name}" to be text`, `"${name}" is ${kindOf(value)}`);
  return value;
}

/** A value's kind in the words of JSON. */
export function kindOf(value: unknown): string {
  if (value === undefined) return 'missing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'string') return `the text ${JSON.stringify(value.slice(0, 40))}`;
  if (typeof value === 'object') return 'an object';
  return `the ${typeof value} ${String(value)}`;
}
