/**
 * Integers as the wire spells them. Ids are JSON numbers; clients that decode JSON numbers to doubles send large ids
 * back in exponent notation (`4.503599627370497e+15`), so that is a valid spelling of an integer. `1.5`, `1e400`,
 * `NaN`, `0x10`, blanks and trailing junk are not.
 */
const spelling = /^[+-]?\d{1,40}(?:\.\d{1,40})?(?:[eE][+-]?\d{1,3})?$/;

/** Reads an integer of at most 2^53 − 1 in magnitude, or `undefined` if `raw` does not spell one exactly. */
export function parseInteger(raw: string): number | undefined {
  if (!spelling.test(raw)) return undefined;
  const value = Number(raw);
  if (!Number.isSafeInteger(value)) return undefined;
  return isExact(raw, value) ? value + 0 : undefined;
}

/**
 * A double rounds `1.00000000000000000001` to 1: the digits decide, not the double. The fraction must be used up by the
 * exponent, apart from zeros.
 */
function isExact(raw: string, value: number): boolean {
  if (/^[+-]?\d{1,15}$/.test(raw)) return true;
  const [mantissa = '', exponent = '0'] = raw.toLowerCase().split('e');
  const [whole = '', fraction = ''] = mantissa.replace(/^[+-]/, '').split('.');
  const shift = Number(exponent);
  const digits = whole + fraction;
  const point = whole.length + shift;
  const integerPart = point <= 0 ? '' : digits.slice(0, point).padEnd(point, '0');
  const rest = point <= 0 ? digits : digits.slice(point);
  if (/[1-9]/.test(rest)) return false;
  return BigInt(integerPart === '' ? '0' : integerPart) === BigInt(Math.abs(value));
}

/**
 * Reads a moment as feed and chat take it, in milliseconds since 1970: values of 1e11 and more are milliseconds, smaller
 * ones seconds. Anything that is not a positive integer is `undefined`, which those operations read as "not given".
 */
export function parseMoment(raw: string, unitThreshold: number): number | undefined {
  const value = parseInteger(raw.trim());
  if (value === undefined || value <= 0) return undefined;
  return value >= unitThreshold ? value : value * 1000;
}
