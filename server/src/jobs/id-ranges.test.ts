import fc from 'fast-check';
import { expect, it } from 'vitest';
import { idRanges } from './id-ranges.ts';

const idsIn = (after: string, upTo: string | undefined): number[] =>
  idRanges(after, upTo).flatMap(({ from, to }) =>
    Array.from({ length: Math.max(0, Math.min(to, 1_500) - from + 1) }, (_, index) => from + index),
  );
const all = Array.from({ length: 1_500 }, (_, index) => index + 1);

it('has the ids whose folders lie between two names, whatever they are', () => {
  const name = fc.oneof(
    fc.nat({ max: 2_000 }).map((id) => `${id}/`),
    fc.stringMatching(/^[a-z0-9/._-]{0,5}$/),
  );
  fc.assert(
    fc.property(name, name, (after, upTo) => {
      const between = all.filter((id) => `${id}/` > after && `${id}/` <= upTo);
      expect(idsIn(after, upTo).toSorted((one, other) => one - other)).toEqual(between);
    }),
  );
});

it('leaves out no id and has none twice, wherever a listing is cut', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 2_000 }), { maxLength: 6 }), (cuts) => {
      const names = [...new Set(cuts.map((id) => `${id}/`))].sort();
      const ids = ['', ...names].flatMap((after, index) => idsIn(after, names[index]));
      expect(ids.toSorted((one, other) => one - other)).toEqual(all);
    }),
  );
});

it('ends with the largest id', () => {
  expect(idRanges('', undefined).at(-1)).toEqual({ from: 10 ** 15, to: Number.MAX_SAFE_INTEGER });
  // Ids as they are: neighbours, and those with a digit less or more.
  expect(idRanges('374707768537089/', '374707768537091/')).toEqual([
    { from: 37470776853709, to: 37470776853709 },
    { from: 374707768537090, to: 374707768537091 },
    { from: 3747077685370890, to: 3747077685370909 },
  ]);
});
