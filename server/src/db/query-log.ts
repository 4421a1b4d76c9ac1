import type { Logger } from 'kysely';

/** Told of each query when it has ended. Its text has places for values, and none of the values. */
export type QueryObserver = (query: {
  readonly sql: string;
  readonly durationMs: number;
  readonly failed: boolean;
}) => void;

/** What a Kysely is opened with so that `observe` hears of its queries; without one nothing is measured. */
export function queryLog(observe: QueryObserver | undefined): { readonly log?: Logger } {
  if (observe === undefined) return {};
  return {
    log: ({ level, query, queryDurationMillis }) =>
      observe({ sql: query.sql, durationMs: queryDurationMillis, failed: level === 'error' }),
  };
}
