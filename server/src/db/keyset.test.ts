import fc from 'fast-check';
import { expect, it } from 'vitest';
import { cutPage, keyFromCursor } from './index.ts';

it('starts past the largest id without a cursor, and with one that it cannot read', () => {
  for (const cursor of [undefined, '99999999999999999999', 'x', '1e400', 'NaN-1']) {
    expect(keyFromCursor(cursor)).toBe(Number.MAX_SAFE_INTEGER);
  }
});

it('goes on where the last page ended', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.maxSafeNat(), (key, second) => {
      expect(keyFromCursor(String(key))).toBe(key);
      expect(keyFromCursor(`${key}-${second}`)).toBe(key);
    }),
  );
});

it('walks through a list page by page, and says where it ends', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat()), fc.integer({ min: 1, max: 7 }), (keys, size) => {
      const all = keys.toSorted((one, other) => other - one);
      const seen: number[] = [];
      let cursor: string | undefined;
      for (let page = 0; page <= all.length; page += 1) {
        const rows = all.filter((key) => key < keyFromCursor(cursor)).slice(0, size + 1);
        const cut = cutPage(rows, size, String);
        expect(cut.rows.length).toBeLessThanOrEqual(size);
        seen.push(...cut.rows);
        if (cut.next === '') break;
        cursor = cut.next;
      }
      expect(seen).toEqual(all);
    }),
  );
});
