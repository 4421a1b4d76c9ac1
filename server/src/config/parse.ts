/** A setting is wrong or missing. The message is one line that names it, for the person who starts the program. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';

  constructor(setting: string, rule: string, options?: ErrorOptions) {
    super(`${setting} ${rule}`.replace(/\s+/g, ' '), options);
  }
}

/** Reads the text of a setting; rejects with the rule that it breaks. */
export type Parse<T> = (text: string, fail: (rule: string) => never) => T;

const shownCharacters = 80;
/** What was given, short enough for a line. */
export const shown = (text: string): string =>
  JSON.stringify(text.length > shownCharacters ? `${text.slice(0, shownCharacters)}…` : text);

export const oneOf =
  <const T extends string>(...values: readonly T[]): Parse<T> =>
  (text, fail) =>
    values.find((value) => value === text) ?? fail(`must be one of ${values.join(', ')}, not ${shown(text)}`);

export const onOff: Parse<boolean> = (text, fail) => oneOf('on', 'off')(text, fail) === 'on';

export const integer =
  (min: number, max: number): Parse<number> =>
  (text, fail) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    return value >= min && value <= max
      ? value
      : fail(`must be a whole number from ${min} to ${max}, not ${shown(text)}`);
  };

const sizeUnits: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  KB: 1024,
  MB: 1024 ** 2,
  GB: 1024 ** 3,
  TB: 1024 ** 4,
};

/** A size such as 512MB, in units of 1024; bytes without a unit. */
export const size =
  (min: number, max: number): Parse<number> =>
  (text, fail) => {
    const match = /^(\d{1,15})(B|KB|MB|GB|TB)?$/i.exec(text);
    const bytes = Number(match?.[1]) * (sizeUnits[(match?.[2] ?? '').toUpperCase()] ?? Number.NaN);
    return bytes >= min && bytes <= max
      ? bytes
      : fail(`must be a size such as 512MB, from ${min} to ${max} bytes, not ${shown(text)}`);
  };

const durationUnits: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** A duration such as 90s or 10m, in milliseconds. */
export const duration =
  (minMs: number, maxMs: number): Parse<number> =>
  (text, fail) => {
    const match = /^(\d{1,12})(ms|s|m|h)$/.exec(text);
    const ms = Number(match?.[1]) * (durationUnits[match?.[2] ?? ''] ?? Number.NaN);
    return ms >= minMs && ms <= maxMs
      ? ms
      : fail(`must be a duration such as 90s or 10m, from ${minMs} to ${maxMs} ms, not ${shown(text)}`);
  };

export const anyText =
  (maxCharacters: number): Parse<string> =>
  (text, fail) =>
    text.length <= maxCharacters && !text.includes('\0')
      ? text
      : fail(`must be at most ${maxCharacters} characters long`);

/** An address whose engine this version does not have. */
export const notYet =
  (what: string): Parse<never> =>
  (_text, fail) =>
    fail(`cannot be set: ${what} is not supported by this version; leave it empty to use what is embedded`);
