/** Counts events per key, so that one caller cannot take what belongs to all. */
export type RateRule = { readonly events: number; readonly windowMs: number };

export type RateDecision = { readonly allowed: true } | { readonly allowed: false; readonly retryAfterSeconds: number };

export interface RateLimiter {
  /** Counts one event of `key` and tells whether it is within the rule; a refused event is not counted. */
  take(key: string, rule: RateRule): Promise<RateDecision>;
  /** Forgets what was counted for `key`. */
  reset(key: string): Promise<void>;
}
