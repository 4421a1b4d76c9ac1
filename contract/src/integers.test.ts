import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { limits, parseInteger, parseMoment } from './index.ts';

const anyInteger = fc.maxSafeInteger();

/** Moves the point of a number's digits: the same integer with an exponent that makes up for it. */
function withExponent(value: number, places: number, e: string): string {
  const sign = value < 0 ? '-' : '';
  const digits = String(Math.abs(value));
  const padded = digits.padStart(places + 1, '0');
  const [whole, fraction] = [padded.slice(0, padded.length - places), padded.slice(padded.length - places)];
  return `${sign}${whole}${fraction === '' ? '' : `.${fraction}`}${e}${places}`;
}

describe('every safe integer comes back', () => {
  it('in plain digits, with a sign, with zeros before', () => {
    fc.assert(
      fc.property(anyInteger, fc.nat({ max: 20 }), (value, zeros) => {
        expect(parseInteger(String(value))).toBe(value);
        const [sign, digits] = [value < 0 ? '-' : '+', String(Math.abs(value))];
        expect(parseInteger(`${sign}${'0'.repeat(zeros)}${digits}`)).toBe(value);
      }),
    );
  });

  it('as clients spell doubles', () => {
    fc.assert(
      fc.property(anyInteger, (value) => {
        expect(parseInteger(value.toExponential())).toBe(value);
        expect(parseInteger(value.toExponential().toUpperCase())).toBe(value);
        expect(parseInteger(value.toFixed(3))).toBe(value);
        // Go's %g, which writes two digits of exponent.
        expect(parseInteger(value.toExponential().replace(/e\+(\d)$/, 'e+0$1'))).toBe(value);
      }),
    );
  });

  it('with the point anywhere, if the exponent makes up for it', () => {
    const anyE = fc.constantFrom('e', 'E', 'e+', 'e+0');
    fc.assert(
      fc.property(anyInteger, fc.nat({ max: 20 }), anyE, fc.nat({ max: 10 }), (value, places, e, zeros) => {
        expect(parseInteger(withExponent(value, places, e))).toBe(value);
        const digits = String(value);
        expect(parseInteger(`${digits}${'0'.repeat(zeros)}e-${zeros}`)).toBe(value);
        expect(parseInteger(`${digits}.${'0'.repeat(zeros + 1)}`)).toBe(value);
      }),
    );
  });

  it.each<[string, number]>([
    ['1.234567e+06', 1_234_567],
    ['4.503599627370497e+15', 4_503_599_627_370_497],
    ['9.007199254740991e15', Number.MAX_SAFE_INTEGER],
    ['9007199254740991', Number.MAX_SAFE_INTEGER],
    ['-9007199254740991', -Number.MAX_SAFE_INTEGER],
    ['0', 0],
    ['-0', 0],
    ['0e999', 0],
    ['0.0e-5', 0],
    ['100e-2', 1],
    ['1.0', 1],
    [`${'0'.repeat(39)}7`, 7],
  ])('%s', (raw, value) => {
    expect(parseInteger(raw)).toBe(value);
  });
});

describe('nothing else is an integer', () => {
  it.each([
    ...[
      '',
      ' ',
      '1 ',
      ' 1',
      '1\n',
      '\t1',
      '1x',
      'x1',
      '1,000',
      '1_000',
      '--1',
      '+-1',
      '+',
      '-',
      '.',
      '.5',
      '5.',
      'e5',
      '1e',
      '1e+',
    ],
    ...[
      '1.5',
      '1.23e1',
      '15e-1',
      '0.1',
      '1e-1',
      '1.00000000000000000001',
      '100.000000000000000000000000001',
      '1e400',
      '1e-400',
    ],
    ...[
      'NaN',
      'Infinity',
      '-Infinity',
      '0x10',
      '0b1',
      '0o7',
      '1n',
      'true',
      'null',
      '[]',
      '١',
      '１',
      '²',
      '½',
      '1\u0000',
    ],
    ...['9007199254740992', '-9007199254740992', '9.007199254740993e15', '9007199254740993', '1e16', '9'.repeat(41)],
    ...['1e1e1', '1.2.3', '1e1.0', '0x1p3', '1e0001', '$1', '1%', "1' or '1'='1"],
  ])('%j', (raw) => {
    expect(parseInteger(raw)).toBeUndefined();
  });

  it('whatever text it is: what is read says exactly what was written', () => {
    const anySpelling = fc.stringMatching(/^[+-]?\d{1,18}(\.\d{0,5})?([eE][+-]?\d{1,2})?$/);
    fc.assert(
      fc.property(fc.oneof(anySpelling, fc.string()), (raw) => {
        const value = parseInteger(raw);
        if (value === undefined) return;
        expect(Number.isSafeInteger(value) && !Object.is(value, -0)).toBe(true);
        expect(Number(raw) + 0).toBe(value);
      }),
    );
  });

  it('in time that does not grow with hostile text', () => {
    const started = performance.now();
    for (const raw of [
      '1'.repeat(100_000),
      `${'1'.repeat(50_000)}.${'1'.repeat(50_000)}`,
      `1e${'9'.repeat(100_000)}`,
    ]) {
      expect(parseInteger(raw)).toBeUndefined();
    }
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});

describe('moments', () => {
  const read = (raw: string) => parseMoment(raw, limits.timeUnitThreshold);
  it.each<[string, number | undefined]>([
    ['1700000000000', 1_700_000_000_000],
    ['1.7e12', 1_700_000_000_000],
    ['1700000000', 1_700_000_000_000],
    ['100000000000', 100_000_000_000],
    ['99999999999', 99_999_999_999_000],
    ['1', 1_000],
    [' 1700000000 ', 1_700_000_000_000],
    ['0', undefined],
    ['-1', undefined],
    ['', undefined],
    ['   ', undefined],
    ['now', undefined],
    ['1.5', undefined],
    ['NaN', undefined],
    ['1e400', undefined],
    ['2026-01-01', undefined],
  ])('%j', (raw, ms) => {
    expect(read(raw)).toBe(ms);
  });

  it('are exact milliseconds after 1970, or nothing', () => {
    fc.assert(
      fc.property(fc.oneof(fc.maxSafeInteger().map(String), fc.string()), (raw) => {
        const ms = read(raw);
        expect(ms === undefined || (Number.isSafeInteger(ms) && ms >= 1_000)).toBe(true);
      }),
    );
  });
});
