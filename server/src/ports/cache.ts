/**
 * The cache: decoded values of a few families, each value under a key that a write can delete. It is cache-aside with
 * leases (Nishtala et al., "Scaling Memcache at Facebook", NSDI 2013): who misses gets a lease, only the holder of the
 * newest lease may fill, and a deletion in between voids it. So a value read before a write can never be stored after
 * it. A cache that fails is a miss; it never makes a read fail.
 */

/** One kind of cached value. `encode` and `decode` are for adapters that keep text; undecodable text is a miss. */
export type CacheFamily<V> = {
  /** Short, unique, part of the key: `video`. */
  readonly name: string;
  readonly ttlMs: number;
  /** Bound of the entries that one process keeps in its own memory. */
  readonly maxEntries: number;
  readonly encode: (value: V) => string;
  readonly decode: (text: string) => V | undefined;
};

/** Names one cached value across processes. */
export type CacheKey = { readonly family: string; readonly id: string };

/** The right to fill one key once; opaque. */
export type Lease = string;

export type Lookup<V> =
  | { readonly hit: true; readonly value: V }
  /**
   * Concurrent misses of one key get the same lease as long as nothing deleted it, so their loads can be shared. While the
   * cache fails, each miss gets a lease of its own that fills nothing: a deletion in between would not be noticed.
   */
  | { readonly hit: false; readonly lease: Lease };

export interface CacheRegion<V> {
  /** One result per id, in order. */
  lookUp(ids: readonly string[]): Promise<readonly Lookup<V>[]>;
  /** Stores values whose lease still holds; others are dropped in silence. */
  fill(entries: readonly { readonly id: string; readonly lease: Lease; readonly value: V }[]): Promise<void>;
}

export interface Cache {
  /**
   * Whether values outlive this process. If so a deletion must be durable: it is an outbox row of the transaction that
   * made the value old. A cache that dies with the process needs no such row.
   */
  readonly outlivesProcess: boolean;
  /** Opens the region of a family. Call once per family. */
  region<V>(family: CacheFamily<V>): CacheRegion<V>;
  /**
   * Deletes values and voids leases. When it resolves, no later look-up of this process returns what was there before;
   * other processes, which may keep values in their own memory, follow within a bound that the adapter states. Rejects if
   * the cache cannot be reached.
   */
  delete(keys: readonly CacheKey[]): Promise<void>;
  /**
   * A number that changes whenever a deletion may have made something old that was derived from cached values. What was
   * assembled under a generation may be sent again as long as the number is the same. NaN, which equals nothing, while
   * that cannot be known.
   */
  generation(): number;
  /**
   * Resolves once {@link generation} knows of every deletion, by whatever process, that was done before the call. Undefined
   * if it always does: then there is nothing to wait for. Never rejects.
   */
  settled(): Promise<void> | undefined;
  /** Resolves if the cache answers. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** Deletions that were committed with what they delete for, and of which it is not known that they reached the cache. */
export type DeletionBacklog = {
  /** The oldest ones after a row; `more` if these are not all. */
  readonly list: (afterId: number) => Promise<{
    readonly ids: readonly number[];
    readonly keys: readonly CacheKey[];
    readonly more: boolean;
  }>;
  /** They have reached it. */
  readonly remove: (ids: readonly number[]) => Promise<void>;
};
