import type { CacheRegion, Lease } from '../ports/index.ts';

/** Loads what the cache misses; every id asked for gets a value. */
export type Load<V> = (ids: readonly string[]) => Promise<ReadonlyMap<string, V>>;

/**
 * Cache-aside with one load per key at a time. A load belongs to the lease under which it was begun: a deletion voids the
 * lease, so whoever asks after the deletion gets another lease and does not join a load that may have read before it.
 */
export class CachedLoader<V> {
  readonly #region: CacheRegion<V>;
  readonly #load: Load<V>;
  readonly #flights = new Map<string, { readonly lease: Lease; readonly value: Promise<V> }>();

  constructor(region: CacheRegion<V>, load: Load<V>) {
    this.#region = region;
    this.#load = load;
  }

  /** The values of `ids`, in a map; ids may repeat. */
  async get(ids: readonly string[]): Promise<ReadonlyMap<string, V>> {
    const found = new Map<string, V>();
    const unique = [...new Set(ids)];
    const lookups = await this.#region.lookUp(unique);
    const toLoad = new Map<string, Lease>();
    const flying: Promise<void>[] = [];
    unique.forEach((id, position) => {
      const lookup = lookups[position];
      if (lookup === undefined) return;
      if (lookup.hit) {
        found.set(id, lookup.value);
        return;
      }
      const flight = this.#flights.get(id);
      if (flight?.lease === lookup.lease) {
        flying.push(flight.value.then((value) => void found.set(id, value)));
      } else {
        toLoad.set(id, lookup.lease);
      }
    });
    if (toLoad.size > 0)
      flying.push(
        this.#fly(toLoad).then((loaded) => {
          for (const [id, value] of loaded) found.set(id, value);
        }),
      );
    await Promise.all(flying);
    return found;
  }

  async #fly(leases: ReadonlyMap<string, Lease>): Promise<ReadonlyMap<string, V>> {
    const loading = this.#load([...leases.keys()]);
    for (const [id, lease] of leases) {
      const value = loading.then((loaded) => required(loaded, id));
      // Whoever joined sees the rejection; nobody having joined is no reason to end the process.
      value.catch(() => undefined);
      this.#flights.set(id, { lease, value });
    }
    try {
      const loaded = await loading;
      await this.#region.fill([...leases].map(([id, lease]) => ({ id, lease, value: required(loaded, id) })));
      return loaded;
    } finally {
      for (const [id, lease] of leases) if (this.#flights.get(id)?.lease === lease) this.#flights.delete(id);
    }
  }
}

function required<V>(loaded: ReadonlyMap<string, V>, id: string): V {
  const value = loaded.get(id);
  if (value === undefined) throw new Error(`a loader left out ${id}`);
  return value;
}
