import { parse as parseForm } from 'node:querystring';
import {
  DomainError,
  type InputOf,
  type Operation,
  type OperationName,
  type Operations,
  operations,
} from '@tiktok-server/contract';

/**
 * Where parameters come from: the query string, then the body, whatever its type. A parameter given twice counts with
 * its first value. Values are text here; what they mean is the contract's affair.
 */
export type RawParameters = (name: string) => string | undefined;

/** Names beyond this are not looked at: no operation has nearly as many. */
const maxFormFields = 100;

export const readForm = (body: string): Record<string, unknown> =>
  parseForm(body, '&', '=', { maxKeys: maxFormFields });

/** Some editors and libraries put it before UTF-8. */
const byteOrderMark = /^\ufeff/;

/** Reads a JSON body: an object whose values are text, numbers or booleans. */
export function readJson(received: string): Record<string, unknown> {
  const body = received.replace(byteOrderMark, '');
  if (body.trim() === '') return {};
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (cause) {
    throw new DomainError('ErrBind', {
      detail: { en: 'the body is not valid JSON', zh: '请求体不是有效的 JSON' },
      cause,
    });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new DomainError('ErrBind', {
      detail: { en: 'the JSON body must be an object', zh: 'JSON 请求体必须是对象' },
    });
  }
  return firstMembers(body);
}

/**
 * The members of a JSON object, each name with its first value: JSON.parse would keep the last one of a name that is
 * there twice. `body` is known to be valid, so the outermost commas and colons tell where names and values are.
 */
function firstMembers(body: string): Record<string, unknown> {
  const members = new Map<string, unknown>();
  let depth = 0;
  let name: string | undefined;
  let valueAt = -1;
  const endMember = (end: number): void => {
    if (name !== undefined && !members.has(name)) members.set(name, memberOf(body.slice(valueAt, end)));
    name = undefined;
    valueAt = -1;
  };
  for (const { 0: token, index } of body.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],:]/g)) {
    if (token === '{' || token === '[') depth += 1;
    else if (token === '}' || token === ']') {
      depth -= 1;
      if (depth === 0) endMember(index);
    } else if (depth !== 1) continue;
    else if (token === ',') endMember(index);
    else if (token === ':') valueAt = index + 1;
    else if (valueAt < 0) name = String(JSON.parse(token));
  }
  return Object.fromEntries(members);
}

/** A number is its digits, as everywhere else: a double would take 1.00000000000000000001 for 1. */
function memberOf(text: string): unknown {
  const value: unknown = JSON.parse(text);
  return typeof value === 'number' ? text.trim() : value;
}

export function rawParameters(query: unknown, body: unknown): RawParameters {
  return (name) => ownText(query, name) ?? ownText(body, name);
}

function ownText(source: unknown, name: string): string | undefined {
  if (typeof source !== 'object' || source === null || !Object.hasOwn(source, name)) return undefined;
  const value: unknown = Reflect.get(source, name);
  return firstText(value, name);
}

function firstText(value: unknown, name: string): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (value === undefined || value === null) return undefined;
  if (Array.isArray(value) && !Array.isArray(value[0])) return firstText(value[0], name);
  throw new DomainError('ErrBind', {
    detail: { en: `${name} must be text or a number`, zh: `${name} 必须是文本或数字` },
  });
}

/** Checks the parameters of an operation; the first one that breaks a rule is named. */
export function parseParameters<N extends OperationName>(name: N, raw: RawParameters): InputOf<Operations[N]>;
export function parseParameters(name: OperationName, raw: RawParameters): Record<string, unknown> {
  const operation: Operation = operations[name];
  const input: Record<string, unknown> = {};
  for (const [parameterName, parameter] of Object.entries(operation.parameters)) {
    const { appliesIf } = parameter;
    const applies = appliesIf === undefined || input[appliesIf.parameter] === appliesIf.value;
    const parsed = parameter.parse(applies ? raw(parameterName) : undefined);
    if (!parsed.ok) {
      throw new DomainError(parsed.error, {
        detail: { en: `${parameterName} ${parsed.rule.en}`, zh: `${parameterName} ${parsed.rule.zh}` },
      });
    }
    input[parameterName] = parsed.value;
  }
  return input;
}
