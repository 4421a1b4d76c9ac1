/** What a request wants of a file, by its conditions and its range (RFC 9110, 13 and 14). Pure. */
import type { IncomingHttpHeaders } from 'node:http';

export type FileFacts = {
  readonly sizeBytes: number;
  /** Strong, with its quotes: a key names the same bytes for ever. */
  readonly tag: string;
  /** Milliseconds since 1970. */
  readonly modifiedMs: number;
};

/** `end` is the byte after the last one. */
export type Wanted =
  | { readonly kind: 'whole' }
  | { readonly kind: 'part'; readonly start: number; readonly end: number }
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'another' }
  | { readonly kind: 'outside' };

export function wantedOf(headers: IncomingHttpHeaders, file: FileFacts): Wanted {
  if (isAnother(headers, file)) return { kind: 'another' };
  if (isUnchanged(headers, file)) return { kind: 'unchanged' };
  const { range } = headers;
  if (range === undefined || !isFresh(headers['if-range'], file)) return { kind: 'whole' };
  return partOf(range, file.sizeBytes);
}

/** HTTP counts whole seconds. */
const secondOf = (ms: number): number => Math.floor(ms / 1_000);

/** Whether a list of tags names this one. A proxy may have weakened it, and the bytes are the same all the same. */
const names = (list: string, tag: string): boolean =>
  list.split(',').some((one) => {
    const given = one.trim();
    return given === tag || given === `W/${tag}`;
  });

function isAnother(headers: IncomingHttpHeaders, { tag, modifiedMs }: FileFacts): boolean {
  const ifMatch = headers['if-match'];
  if (ifMatch !== undefined && ifMatch !== '' && ifMatch !== '*' && !names(ifMatch, tag)) return true;
  const since = Date.parse(headers['if-unmodified-since'] ?? '');
  return !Number.isNaN(since) && secondOf(modifiedMs) > secondOf(since);
}

function isUnchanged(headers: IncomingHttpHeaders, { tag, modifiedMs }: FileFacts): boolean {
  // Somebody presses "reload" with all force.
  if (headers['cache-control']?.includes('no-cache') === true) return false;
  const ifNoneMatch = headers['if-none-match'];
  if (ifNoneMatch !== undefined) return ifNoneMatch === '*' || names(ifNoneMatch, tag);
  const since = Date.parse(headers['if-modified-since'] ?? '');
  return !Number.isNaN(since) && secondOf(modifiedMs) <= secondOf(since);
}

function isFresh(ifRange: string | string[] | undefined, { tag, modifiedMs }: FileFacts): boolean {
  if (typeof ifRange !== 'string') return true;
  if (ifRange.includes('"')) return names(ifRange, tag);
  return secondOf(modifiedMs) <= secondOf(Date.parse(ifRange));
}

const bytesUnit = /^ *bytes=/;
const oneRange = /^ *bytes= *(\d*) *- *(\d*) *$/;

/** Several ranges, and units that nobody knows, are answered with the whole file, which is allowed and what clients expect. */
function partOf(range: string, sizeBytes: number): Wanted {
  if (!bytesUnit.test(range) || range.includes(',')) return { kind: 'whole' };
  const [, first = '', last = ''] = oneRange.exec(range) ?? [];
  if (first !== '') {
    const start = Number(first);
    const end = last === '' ? sizeBytes : Math.min(Number(last) + 1, sizeBytes);
    return start < end ? { kind: 'part', start, end } : { kind: 'outside' };
  }
  const count = Number(last);
  if (count === 0) return { kind: 'outside' };
  // More last bytes than there are means all (RFC 9110, 14.1.2).
  if (count > sizeBytes) return { kind: 'whole' };
  return { kind: 'part', start: sizeBytes - count, end: sizeBytes };
}
