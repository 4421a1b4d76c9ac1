/** Calls and answers in words: short enough to read, complete enough to repeat by hand, and without secrets in full. */
import type { Call, Part, Values } from './client.ts';

const bodyMaxCharacters = 420;
const valueMaxCharacters = 80;
const secretShownCharacters = 10;

export const shownValue = (value: string, maxCharacters = valueMaxCharacters): string =>
  value.length <= maxCharacters ? value : `${value.slice(0, maxCharacters)}… (${value.length} characters)`;

/** A token is named by its beginning. */
const shownSecret = (token: string): string => shownValue(token, secretShownCharacters);

const isSecret = (name: string): boolean => name === 'token' || name === 'authorization';

/** Control characters would garble a terminal. */
const printable = (text: string): string => text.replace(/[\p{Cc}\p{Cf}]/gu, (one) => JSON.stringify(one).slice(1, -1));

function shownValues(values: Values): string {
  const shown: string[] = [];
  for (const [name, value] of Object.entries(values)) {
    for (const one of typeof value === 'object' ? value : [value]) {
      if (one === undefined) continue;
      const text = printable(String(one));
      shown.push(`${name}=${isSecret(name) ? shownSecret(text) : shownValue(text)}`);
    }
  }
  return shown.join('&');
}

function shownPart({ name, content, fileName, type }: Part): string {
  const named = fileName === undefined ? '' : ` (file name "${fileName}", ${type ?? 'no MIME type'})`;
  if (typeof content !== 'string') return `${name}${named} = ${content.length} bytes`;
  return `${name}${named} = ${isSecret(name) ? shownSecret(content) : shownValue(printable(content))}`;
}

export function shownCall(method: string, path: string, call: Call): string {
  const query = shownValues(call.query ?? {});
  const lines = [`${method} ${path}${query === '' ? '' : `?${query}`}`];
  for (const [name, value] of Object.entries(call.headers ?? {})) {
    lines.push(`header ${name}: ${isSecret(name.toLowerCase()) ? shownValue(value, 18) : value}`);
  }
  if (call.form !== undefined) lines.push(`form body: ${shownValues(call.form)}`);
  if (call.json !== undefined) {
    const text = typeof call.json === 'string' ? call.json : JSON.stringify(call.json);
    lines.push(`JSON body: ${shownBody(text)}`);
  }
  if (call.parts !== undefined) lines.push(`multipart body, in this order: ${call.parts.map(shownPart).join(' · ')}`);
  return lines.join('\n');
}

export function shownBody(text: string): string {
  const safe = text.replace(/"token"\s*:\s*"([^"]+)"/g, (_all, token: string) => `"token":"${shownSecret(token)}"`);
  return printable(shownValue(safe, bodyMaxCharacters));
}
