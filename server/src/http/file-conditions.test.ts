import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { wantedOf } from './file-conditions.ts';

const file = { sizeBytes: 1_000, tag: '"3e8-1"', modifiedMs: Date.UTC(2026, 0, 1, 0, 0, 0, 500) };
const before = 'Wed, 31 Dec 2025 23:59:59 GMT';
const same = 'Thu, 01 Jan 2026 00:00:00 GMT';
const whole = { kind: 'whole' };
const first = { kind: 'part', start: 0, end: 1 };

describe('a condition', () => {
  it.each([
    [{ 'if-none-match': 'W/"3e8-1"' }, { kind: 'unchanged' }],
    [{ 'if-none-match': '"a", "b"' }, whole],
    [{ 'if-none-match': '"a"', 'if-modified-since': same }, whole],
    [{ 'if-modified-since': same }, { kind: 'unchanged' }],
    [{ 'if-modified-since': before }, whole],
    [{ 'if-modified-since': 'yesterday' }, whole],
    [{ 'if-none-match': '*', 'cache-control': 'no-cache' }, whole],
    [{ 'if-match': '"a"' }, { kind: 'another' }],
    [{ 'if-match': '"a", "3e8-1"' }, whole],
    [{ 'if-match': '*' }, whole],
    [{ 'if-unmodified-since': before }, { kind: 'another' }],
    [{ 'if-unmodified-since': same }, whole],
    [{ range: 'bytes=0-0', 'if-range': same }, first],
    [{ range: 'bytes=0-0', 'if-range': before }, whole],
    [{ range: 'bytes=0-0', 'if-range': 'yesterday' }, whole],
    [{ range: 'bytes=0-0', 'if-range': '"a"' }, whole],
    [{ range: 'bytes=0-0', 'if-range': '"3e8-1"' }, first],
  ])('%j', (headers, wanted) => {
    expect(wantedOf(headers, file)).toEqual(wanted);
  });
});

it('any Range is a part within the file, the whole of it, or outside', () => {
  const range = fc.oneof(
    fc.string(),
    fc.string().map((text) => `bytes=${text}`),
    fc.tuple(fc.integer(), fc.integer()).map(([start, end]) => `bytes=${start}-${end}`),
    fc.array(fc.nat(), { maxLength: 3 }).map((numbers) => `bytes=${numbers.join('-')}`),
  );
  fc.assert(
    fc.property(range, fc.nat({ max: 3 }), (text, sizeBytes) => {
      const wanted = wantedOf({ range: text }, { ...file, sizeBytes });
      expect(['whole', 'part', 'outside']).toContain(wanted.kind);
      if (wanted.kind !== 'part') return;
      expect(wanted.start).toBeGreaterThanOrEqual(0);
      expect(wanted.end).toBeGreaterThan(wanted.start);
      expect(wanted.end).toBeLessThanOrEqual(sizeBytes);
    }),
  );
});
