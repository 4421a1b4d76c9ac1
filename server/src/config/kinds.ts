/** The kinds of value that a setting can have. Each reads the text of one and says, for the documentation, what it takes. */
import type { Text } from '@tiktok-server/contract';
import { shown } from './config-error.ts';

/** Reads the text of a setting, which is never empty; calls `fail` with the rule that it breaks. */
export type Parse<T> = (text: string, fail: (rule: string) => never) => T;

export type Kind<T> = { readonly takes: Text; readonly parse: Parse<T> };

const code = (text: string): string => `\`${text}\``;

export function oneOf<const T extends string>(...values: readonly T[]): Kind<T> {
  const listed = values.map(code).join(', ');
  return {
    takes: { en: listed, zh: listed },
    parse: (text, fail) =>
      values.find((value) => value === text) ?? fail(`must be one of ${values.join(', ')}, not ${shown(text)}`),
  };
}

const switches = oneOf('on', 'off');
export const onOff: Kind<boolean> = { ...switches, parse: (text, fail) => switches.parse(text, fail) === 'on' };

export function integer(min: number, max: number): Kind<number> {
  return {
    takes: { en: `whole number, ${min} to ${max}`, zh: `整数，${min} 至 ${max}` },
    parse: (text, fail) => {
      const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
      return value >= min && value <= max
        ? value
        : fail(`must be a whole number from ${min} to ${max}, not ${shown(text)}`);
    },
  };
}

/** A number with a unit, as it is written. */
type Units = readonly (readonly [unit: string, factor: number])[];

const sizeUnits: Units = [
  ['TB', 1024 ** 4],
  ['GB', 1024 ** 3],
  ['MB', 1024 ** 2],
  ['KB', 1024],
  ['B', 1],
];
const durationUnits: Units = [
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
];

/** The shortest spelling of a value: 1024 is 1KB. */
function spelled(value: number, units: Units): string {
  const [unit, factor] = units.find(([, one]) => value % one === 0) ?? ['', 1];
  return `${value / factor}${unit}`;
}

function withUnit(text: string, units: Units): number {
  const [, digits = '', unit = ''] = /^(\d{1,15})([a-z]*)$/i.exec(text) ?? [];
  const factor = units.find(([name]) => name === unit)?.[1];
  return digits === '' || factor === undefined ? Number.NaN : Number(digits) * factor;
}

/** A size in bytes, such as 512MB, in units of 1024; a bare number is bytes. */
export function size(minBytes: number, maxBytes: number): Kind<number> {
  const [least, most] = [spelled(minBytes, sizeUnits), spelled(maxBytes, sizeUnits)];
  return {
    takes: { en: `size, ${code(least)} to ${code(most)}`, zh: `大小，${code(least)} 至 ${code(most)}` },
    parse: (text, fail) => {
      const bytes = withUnit(/^\d+$/.test(text) ? `${text}B` : text.toUpperCase(), sizeUnits);
      return bytes >= minBytes && bytes <= maxBytes
        ? bytes
        : fail(`must be a size such as 512MB, 1GB or bytes, from ${least} to ${most}, not ${shown(text)}`);
    },
  };
}

/** A duration such as 90s or 10m, in milliseconds. */
export function duration(minMs: number, maxMs: number): Kind<number> {
  const [least, most] = [spelled(minMs, durationUnits), spelled(maxMs, durationUnits)];
  return {
    takes: { en: `duration, ${code(least)} to ${code(most)}`, zh: `时长，${code(least)} 至 ${code(most)}` },
    parse: (text, fail) => {
      const ms = withUnit(text, durationUnits);
      return ms >= minMs && ms <= maxMs
        ? ms
        : fail(`must be a duration such as 90s or 10m, from ${least} to ${most}, not ${shown(text)}`);
    },
  };
}

const pathMaxCharacters = 4_096;
const unprintable = /\p{Cc}/u;

/** A path, relative to the working directory or absolute. */
export const path: Kind<string> = {
  takes: { en: 'path', zh: '路径' },
  parse: (text, fail) =>
    text.length > pathMaxCharacters || unprintable.test(text)
      ? fail(`must be a path of at most ${pathMaxCharacters} printable characters, not ${shown(text)}`)
      : text,
};

/** A secret: what was given is never shown. */
export function secret(minCharacters: number): Kind<string> {
  return {
    takes: { en: `at least ${minCharacters} characters`, zh: `至少 ${minCharacters} 个字符` },
    parse: (text, fail) =>
      text.length >= minCharacters
        ? text
        : fail(`must be at least ${minCharacters} characters long; it has ${text.length}`),
  };
}
