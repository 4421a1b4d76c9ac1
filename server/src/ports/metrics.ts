import type { RequestLine } from './request-log.ts';

/**
 * What is counted while the server runs, for whoever watches it. Implementations never throw and never wait: a count must not
 * change what it counts. Names that become labels are few and known beforehand; nothing that a caller chose is one.
 */
export interface Metrics {
  /** A request has ended: called thousands of times a second. */
  requestEnded(line: RequestLine): void;
  /**
   * Values of one family that were looked up and found in `tier`: `near` is this process's memory, `shared` the cache that
   * processes share, `database` means that no cache had them.
   */
  cacheLookups(family: string, tier: CacheTier, count: number): void;
  /** A run of a job has ended; `dead`: it failed, and was the last attempt. */
  jobEnded(job: string, outcome: JobOutcome, durationMs: number): void;
  /** A transaction is run again. `reason` is one of a few words, such as `deadlock`. */
  transactionRetried(reason: string): void;
  toolStarted(tool: string): void;
  /** `outcome` is `ok`, `failed` (an exit code other than 0), `not-started`, or why it was killed. */
  toolEnded(tool: string, outcome: string, durationMs: number): void;
  /** Spans that no collector got. */
  spansLost(count: number): void;
  /** Names what is asked when somebody looks, so that keeping it up to date costs nothing. */
  watch(readings: Partial<Readings>): void;
}

export type CacheTier = 'near' | 'shared' | 'database';
export type JobOutcome = 'done' | 'failed' | 'dead';

export type Readings = {
  /** Requests under way, of those that `MAX_REQUESTS_IN_FLIGHT` bounds. */
  readonly requestsInFlight: () => number;
  readonly uploadsInFlight: () => number;
  /** Jobs that this process has taken and not finished. */
  readonly queueDepth: () => number;
  /** Undefined of an engine without a pool. */
  readonly pool: () => PoolUse | undefined;
  /** Asks the database: it may be slow, and it may reject. */
  readonly backlog: () => Promise<Backlog>;
};

/** Connections to the database, and who waits for one. */
export type PoolUse = { readonly inUse: number; readonly idle: number; readonly waiting: number };

/** What lies in the outbox. Rows are counted up to a bound that the store names. */
export type Backlog = {
  readonly lanes: readonly {
    readonly lane: string;
    readonly dueRows: number;
    /** How long the oldest due row has been due. */
    readonly oldestDueMs: number;
    /** The same among rows that no worker has: how far the relay is behind. */
    readonly lagMs: number;
  }[];
  /** Rows whose time has not come. */
  readonly laterRows: number;
  readonly deadRows: number;
};
