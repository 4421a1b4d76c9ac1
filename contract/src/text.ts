/** A sentence that a user may read, in every language the product speaks. */
export type Text = { readonly en: string; readonly zh: string };

/** The languages of {@link Text}, the first being the default. */
export const languages = ['en', 'zh'] as const;
export type Language = (typeof languages)[number];

/** Counts Unicode code points, the unit of every length limit in the contract. */
export function codePointLength(value: string): number {
  let length = 0;
  for (const _ of value) length += 1;
  return length;
}
