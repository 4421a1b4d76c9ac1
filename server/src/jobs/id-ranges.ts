/**
 * Folders are listed in the order of their names, rows in that of their ids, and the two differ where ids have different
 * numbers of digits. So what lies between two folders is, for each number of digits, one range of ids.
 */

/** Of the largest id. */
const maxDigits = 16;

export type IdRange = { readonly from: number; readonly to: number };

/** Ids whose folder, with a slash behind it, comes after `after` and not after `upTo`; without `upTo`, all the rest. */
export function idRanges(after: string, upTo: string | undefined): IdRange[] {
  const ranges: IdRange[] = [];
  for (let digits = 1; digits <= maxDigits; digits += 1) {
    const first = 10 ** (digits - 1);
    const last = Math.min(10 ** digits - 1, Number.MAX_SAFE_INTEGER);
    const from = firstBehind(after, first, last);
    const to = upTo === undefined ? last : firstBehind(upTo, first, last) - 1;
    if (from <= to) ranges.push({ from, to });
  }
  return ranges;
}

/** The smallest number from `first` to `last`, which have as many digits, that comes behind `name`; else `last + 1`. */
function firstBehind(name: string, first: number, last: number): number {
  let [low, high] = [first, last + 1];
  while (low < high) {
    const middle = low + Math.floor((high - low) / 2);
    if (`${middle}/` > name) high = middle;
    else low = middle + 1;
  }
  return low;
}
