/** Everything that this program keeps in Redis is named here, and begins with `tiktok:`. */

/** A cached value as text: `tiktok:v:FAMILY:ID`. */
export const valueKey = (family: string, id: string): string => `${valuePrefix}${family}:${id}`;
export const valuePrefix = 'tiktok:v:';

/** The right to fill a value, next to it: `tiktok:v:FAMILY:ID` → `tiktok:l:FAMILY:ID`. */
export const leaseKeyOf = (key: string): string => `${leasePrefix}${key.slice(valuePrefix.length)}`;
export const leasePrefix = 'tiktok:l:';

/** The run id of the server whose values are trusted. */
export const runKey = 'tiktok:run';

/** What is left of a rate rule for one caller: `tiktok:r:KEY`. */
export const rateKey = (key: string): string => `tiktok:r:${key}`;
