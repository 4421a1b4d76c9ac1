import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  choice,
  codePointLength,
  cursor,
  errors,
  id,
  limits,
  moment,
  type Operation,
  operationNames,
  operations,
  optionalId,
  optionalText,
  type Parsed,
  text,
} from './index.ts';

const doc = { en: 'Something', zh: '某物' };
const outcomeOf = <T>(parsed: Parsed<T>): T | string => (parsed.ok ? parsed.value : parsed.error);
const all = operationNames.flatMap((name) => {
  const operation: Operation = operations[name];
  return Object.entries(operation.parameters).map(([key, parameter]) => ({ where: `${name}.${key}`, parameter }));
});

describe('ids', () => {
  it.each<[string | undefined, number | string]>([
    ['1', 1],
    ['4.503599627370497e+15', 4_503_599_627_370_497],
    ['9007199254740991', Number.MAX_SAFE_INTEGER],
    [undefined, 'ErrValidation'],
    ['', 'ErrValidation'],
    ['0', 'ErrValidation'],
    ['-1', 'ErrValidation'],
    ['1.5', 'ErrValidation'],
    ['9007199254740992', 'ErrValidation'],
    ['abc', 'ErrValidation'],
  ])('%j', (raw, value) => {
    expect(outcomeOf(id(doc).parse(raw))).toBe(value);
    const optional = raw === undefined || raw === '' ? undefined : value;
    expect(outcomeOf(optionalId(doc).parse(raw))).toBe(optional);
  });
});

it('takes one of a few numbers, in any spelling, and names them all', () => {
  const parameter = choice([1, 2], doc);
  expect(['1', '2', '2.0', '0.1e1', '+1'].map((raw) => outcomeOf(parameter.parse(raw)))).toEqual([1, 2, 2, 1, 1]);
  for (const raw of ['', '0', '3', '12', '1,2', 'like']) expect(outcomeOf(parameter.parse(raw))).toBe('ErrValidation');
  const refused = parameter.parse('3');
  expect(refused.ok ? '' : refused.rule.en).toBe('must be one of 1, 2');
});

it('reads whatever is no moment as not given', () => {
  for (const raw of [undefined, '', '0', '-5', 'x', '1.5'])
    expect(moment(doc).parse(raw)).toEqual({ ok: true, value: undefined });
  expect(outcomeOf(moment(doc).parse('1700000000'))).toBe(1_700_000_000_000);
});

it('takes cursors of ours alone', () => {
  for (const raw of [undefined, '', '0']) expect(cursor().parse(raw)).toEqual({ ok: true, value: undefined });
  for (const raw of ['1', '9007199254740991', '0-0', '17-9007199254740991'])
    expect(outcomeOf(cursor().parse(raw))).toBe(raw);
  for (const raw of ['-1', '1-', '-', '1-2-3', '1e5', '1.5', ' 1', '1\n', 'x', '1'.repeat(17)]) {
    expect(outcomeOf(cursor().parse(raw))).toBe('ErrValidation');
  }
});

describe('texts', () => {
  const rules = { maxCodePoints: 5, minCodePoints: 2, empty: 'ErrCommentEmpty', tooLong: 'ErrCommentTooLong' } as const;
  const line = text(rules, 'hello', doc);
  const lines = text({ ...rules, multiline: true }, 'hello', doc);
  const secret = text({ ...rules, secret: true }, 'hello', doc);
  const optional = optionalText({ maxCodePoints: 5, tooLong: 'ErrTitleTooLong' }, '', doc);

  it.each<[string | undefined, string]>([
    [undefined, 'ErrCommentEmpty'],
    ['', 'ErrCommentEmpty'],
    ['  \t ', 'ErrCommentEmpty'],
    ['a', 'ErrValidation'],
    ['ab', 'ab'],
    ['abcde', 'abcde'],
    ['abcdef', 'ErrCommentTooLong'],
    ['🎬🎬🎬🎬🎬', '🎬🎬🎬🎬🎬'],
    ['🎬🎬🎬🎬🎬🎬', 'ErrCommentTooLong'],
    [' ab ', ' ab '],
    ['e\u0301e\u0301', 'éé'],
    ['e\u0301'.repeat(5), 'é'.repeat(5)],
    ['a\nb', 'ErrValidation'],
    ['a\tb', 'ErrValidation'],
    ['a\u0000b', 'ErrValidation'],
    ['a\u007fb', 'ErrValidation'],
    ['a\u0085b', 'ErrValidation'],
    ['a\u2028b', 'ErrValidation'],
    ['a\u202eb', 'ErrValidation'],
    ['a\u2066b', 'ErrValidation'],
    ['a\ud800b', 'ErrValidation'],
    ['\udc00ab', 'ErrValidation'],
    ['👨‍👩', '👨‍👩'],
  ])('one line: %j', (raw, value) => {
    expect(outcomeOf(line.parse(raw))).toBe(value);
  });

  it('of several lines may have breaks and tabs, and nothing else that controls', () => {
    expect(['a\nb', 'a\tb', 'a\r\nb'].map((raw) => outcomeOf(lines.parse(raw)))).toEqual(['a\nb', 'a\tb', 'a\r\nb']);
    for (const raw of ['a\u0000b', 'a\u001bb', 'a\u202eb', 'a\u009bb'])
      expect(outcomeOf(lines.parse(raw))).toBe('ErrValidation');
  });

  it('that are secret are left as they are: they are compared, not shown', () => {
    expect(['e\u0301e', '  ', 'a\nb'].map((raw) => outcomeOf(secret.parse(raw)))).toEqual(['e\u0301e', '  ', 'a\nb']);
    expect(['', 'a', 'abcdef', 'a\ud800'].map((raw) => outcomeOf(secret.parse(raw)))).toEqual([
      'ErrCommentEmpty',
      'ErrValidation',
      'ErrCommentTooLong',
      'ErrValidation',
    ]);
  });

  it('that may be left out may be empty too', () => {
    expect([undefined, '', ' ', 'abcdef'].map((raw) => outcomeOf(optional.parse(raw)))).toEqual([
      undefined,
      '',
      ' ',
      'ErrTitleTooLong',
    ]);
  });

  it('that are accepted are short enough, normal, and accepted again as they are', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 8 }), (raw) => {
        for (const parameter of [line, lines]) {
          const parsed = parameter.parse(raw);
          if (!parsed.ok) continue;
          expect(codePointLength(parsed.value)).toBeLessThanOrEqual(5);
          expect(parsed.value).toBe(raw.normalize('NFC'));
          expect(parameter.parse(parsed.value)).toEqual(parsed);
        }
      }),
    );
  });
});

describe.each(all)('$where', ({ parameter }) => {
  it('takes its own example, and no text makes it throw', () => {
    expect(parameter.parse(parameter.example).ok).toBe(true);
    fc.assert(
      fc.property(fc.option(fc.string({ unit: 'binary' }), { nil: undefined }), (raw) => {
        const parsed = parameter.parse(raw);
        if (parsed.ok) return;
        expect(errors[parsed.error].status).toBeLessThan(500);
        expect(parsed.rule.en.length > 0 && parsed.rule.zh.length > 0).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  it('is documented, and required exactly if it cannot be left out', () => {
    expect(parameter.doc.en.length > 0 && parameter.doc.zh.length > 0).toBe(true);
    expect(parameter.parse(undefined).ok).toBe(!parameter.required);
  });
});

it('counts code points, not units', () => {
  expect(['', 'a', '🎬', 'é', '名字', '👨‍👩'].map(codePointLength)).toEqual([0, 1, 1, 1, 2, 3]);
  expect(limits.usernameMaxCodePoints).toBe(32);
});
