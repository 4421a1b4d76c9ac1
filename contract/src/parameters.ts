import type { ErrorName } from './errors.ts';
import { parseInteger, parseMoment } from './integers.ts';
import { limits } from './limits.ts';
import { codePointLength, type Text } from './text.ts';

/**
 * Parameters as data: what one is called, which values it takes and what a wrong one gets. Validation, types and the API
 * documentation all come from here. Values arrive as text from the query, a form or a multipart field, and as a number
 * or boolean from a JSON body, which is read as its spelling.
 */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: ErrorName; readonly rule: Text };

export type Parameter<T> = {
  readonly required: boolean;
  readonly doc: Text;
  /** JSON Schema of the value, for the documentation. */
  readonly schema: { readonly type: string; readonly [keyword: string]: unknown };
  /** Values worth trying; property tests and the documentation start from them. */
  readonly example: string;
  /** Looked at only if that parameter, which comes before it, has that value; else it counts as not given. */
  readonly appliesIf?: { readonly parameter: string; readonly value: unknown };
  /** Reads a value as it came; `undefined` means that it was not given. */
  readonly parse: (raw: string | undefined) => Parsed<T>;
};

export type ParameterTable = Readonly<Record<string, Parameter<unknown>>>;
export type ParameterValues<P extends ParameterTable> = {
  readonly [K in keyof P]: P[K] extends Parameter<infer T> ? T : never;
};

const good = <T>(value: T): Parsed<T> => ({ ok: true, value });
const bad = (error: ErrorName, en: string, zh: string): Parsed<never> => ({ ok: false, error, rule: { en, zh } });

const idRule = [
  'must be a whole number from 1 to 9007199254740991',
  '必须是 1 到 9007199254740991 之间的整数',
] as const;
const missingRule = ['is required', '不能为空'] as const;

/** The id of an object. */
export function id(doc: Text): Parameter<number> {
  return {
    required: true,
    doc,
    schema: { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER },
    example: '1',
    parse: (raw) => {
      if (raw === undefined || raw === '') return bad('ErrValidation', ...missingRule);
      const value = parseInteger(raw);
      return value === undefined || value < 1 ? bad('ErrValidation', ...idRule) : good(value);
    },
  };
}

/** The id of an object, which may be left out. */
export function optionalId(doc: Text): Parameter<number | undefined> {
  const strict = id(doc);
  return {
    ...strict,
    required: false,
    parse: (raw) => (raw === undefined || raw === '' ? good(undefined) : strict.parse(raw)),
  };
}

/** A moment; whatever is not one counts as not given, because old clients send all sorts of things here. */
export function moment(doc: Text): Parameter<number | undefined> {
  return {
    required: false,
    doc,
    schema: { type: 'integer' },
    example: '1700000000000',
    parse: (raw) => good(raw === undefined ? undefined : parseMoment(raw, limits.timeUnitThreshold)),
  };
}

/** One of a few numbers, each with a meaning. */
export function choice<const C extends readonly number[]>(choices: C, doc: Text): Parameter<C[number]> {
  const listed = choices.join(', ');
  return {
    required: true,
    doc,
    schema: { type: 'integer', enum: choices },
    example: String(choices[0]),
    parse: (raw) => {
      if (raw === undefined || raw === '') return bad('ErrValidation', ...missingRule);
      const value = parseInteger(raw);
      const found = choices.find((one) => one === value);
      return found === undefined
        ? bad('ErrValidation', `must be one of ${listed}`, `必须是 ${listed} 之一`)
        : good(found);
    },
  };
}

/** A parameter that means something for one value of another only; clients send both always, one of them empty or 0. */
export function appliesIf<T>(
  parameter: string,
  value: unknown,
  optional: Parameter<T | undefined>,
): Parameter<T | undefined> {
  return { ...optional, appliesIf: { parameter, value } };
}

type TextRules = {
  readonly maxCodePoints: number;
  readonly minCodePoints?: number;
  /** The row that an empty text gets; without it, empty is allowed. */
  readonly empty?: ErrorName;
  readonly tooLong: ErrorName;
  /** Line breaks and tabs are allowed in texts that are shown on several lines. */
  readonly multiline?: boolean;
  /** Leaves the spelling alone: secrets are compared, not shown. */
  readonly secret?: boolean;
};

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this finds
const anyControl = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this finds
const controlInLines = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/u;

function parseText(raw: string, rules: TextRules): Parsed<string> {
  if (!raw.isWellFormed()) return bad('ErrValidation', 'must be valid Unicode', '必须是有效的 Unicode 文本');
  const value = rules.secret === true ? raw : raw.normalize('NFC');
  if (rules.empty !== undefined && (rules.secret === true ? value === '' : value.trim() === '')) {
    return bad(rules.empty, ...missingRule);
  }
  const length = codePointLength(value);
  if (length > rules.maxCodePoints) {
    return bad(
      rules.tooLong,
      `must be at most ${rules.maxCodePoints} characters long`,
      `最多 ${rules.maxCodePoints} 个字符`,
    );
  }
  if (length < (rules.minCodePoints ?? 0)) {
    return bad(
      'ErrValidation',
      `must be at least ${rules.minCodePoints} characters long`,
      `至少 ${rules.minCodePoints} 个字符`,
    );
  }
  if (rules.secret !== true && (rules.multiline === true ? controlInLines : anyControl).test(value)) {
    return bad('ErrValidation', 'must not contain control characters', '不能包含控制字符');
  }
  return good(value);
}

function textSchema(rules: TextRules): Parameter<string>['schema'] {
  const minLength = rules.minCodePoints ?? (rules.empty === undefined ? 0 : 1);
  return { type: 'string', minLength, maxLength: rules.maxCodePoints };
}

/** A text that must be given. */
export function text(rules: TextRules & { readonly empty: ErrorName }, example: string, doc: Text): Parameter<string> {
  return {
    required: true,
    doc,
    schema: textSchema(rules),
    example,
    parse: (raw) => (raw === undefined ? bad(rules.empty, ...missingRule) : parseText(raw, rules)),
  };
}

/** A text that may be left out. */
export function optionalText(rules: TextRules, example: string, doc: Text): Parameter<string | undefined> {
  return {
    required: false,
    doc,
    schema: textSchema(rules),
    example,
    parse: (raw) => (raw === undefined ? good(undefined) : parseText(raw, rules)),
  };
}

const cursorShape = /^\d{1,16}(?:-\d{1,16})?$/;

/** Where a list goes on: a `next_cursor` of ours, sent back unchanged. */
export function cursor(): Parameter<string | undefined> {
  return {
    required: false,
    doc: {
      en: 'Ours: `next_cursor` of the page before; without it, the first page',
      zh: '自有扩展：上一页的 `next_cursor`；不填则为第一页',
    },
    schema: { type: 'string', maxLength: limits.cursorMaxCharacters },
    example: '',
    parse: (raw) => {
      if (raw === undefined || raw === '' || raw === '0') return good(undefined);
      return cursorShape.test(raw)
        ? good(raw)
        : bad('ErrValidation', 'must be a next_cursor that this list returned', '必须是该列表返回的 next_cursor');
    },
  };
}
