/**
 * Keyset paging: a page asks for one row more than it shows, and the cursor names the sort key of its last shown row, so
 * a page costs the same however far it is and neither repeats nor skips when rows come and go.
 */
export type Page<T> = { readonly rows: readonly T[]; readonly next: string };

/** The sort key of a cursor; lists without one start past the largest id. */
export function keyFromCursor(cursor: string | undefined): number {
  if (cursor === undefined) return Number.MAX_SAFE_INTEGER;
  const value = Number(cursor.split('-', 1)[0]);
  return Number.isSafeInteger(value) ? value : Number.MAX_SAFE_INTEGER;
}

/** Cuts `rows`, which were read with a limit of `size + 1`, to a page. */
export function cutPage<T>(rows: readonly T[], size: number, cursorOf: (row: T) => string): Page<T> {
  const shown = rows.slice(0, size);
  const last = shown.at(-1);
  return { rows: shown, next: rows.length > size && last !== undefined ? cursorOf(last) : '' };
}
