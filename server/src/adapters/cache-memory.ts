import type { Cache, CacheFamily, CacheRegion, Clock, Lease, Lookup } from '../ports/index.ts';

/** A reader that has not filled within this is taken for gone; the next one gets a lease of its own. */
const leaseLifeMs = 10_000;

type Slot<V> =
  | { readonly kind: 'value'; readonly value: V; readonly expiresAt: number }
  | { readonly kind: 'leased'; readonly lease: Lease; readonly expiresAt: number };

/**
 * The embedded cache: values by reference in bounded maps, oldest use first out. It dies with the process, so deletions
 * need no outbox row.
 */
export function createMemoryCache(options: { readonly clock: Clock }): Cache {
  const regions = new Map<string, { readonly drop: (id: string) => void }>();
  let generation = 0;
  let leases = 0;

  function region<V>(family: CacheFamily<V>): CacheRegion<V> {
    if (regions.has(family.name)) throw new Error(`the cache family ${family.name} is open already`);
    const slots = new Map<string, Slot<V>>();
    regions.set(family.name, { drop: (id) => slots.delete(id) });

    const put = (id: string, slot: Slot<V>): void => {
      slots.delete(id);
      slots.set(id, slot);
      if (slots.size <= family.maxEntries) return;
      const [oldest] = slots.keys();
      if (oldest !== undefined) slots.delete(oldest);
    };

    function lookUpOne(id: string, now: number): Lookup<V> {
      const slot = slots.get(id);
      if (slot !== undefined && slot.expiresAt > now) {
        if (slot.kind === 'leased') return { hit: false, lease: slot.lease };
        put(id, slot);
        return { hit: true, value: slot.value };
      }
      leases += 1;
      const lease: Lease = String(leases);
      put(id, { kind: 'leased', lease, expiresAt: now + leaseLifeMs });
      return { hit: false, lease };
    }

    return {
      lookUp: async (ids) => {
        const now = options.clock.now();
        return ids.map((id) => lookUpOne(id, now));
      },
      fill: async (entries) => {
        const expiresAt = options.clock.now() + family.ttlMs;
        for (const { id, lease, value } of entries) {
          const slot = slots.get(id);
          if (slot?.kind === 'leased' && slot.lease === lease) put(id, { kind: 'value', value, expiresAt });
        }
      },
    };
  }

  return {
    outlivesProcess: false,
    region,
    delete: async (keys) => {
      // Also when nothing is cached: what was evicted or has expired may live on in something derived from it. Expiry and
      // eviction themselves change nothing: what was derived from the value is as right as it was.
      generation += 1;
      for (const key of keys) regions.get(key.family)?.drop(key.id);
    },
    generation: () => generation,
    settled: () => undefined,
    ping: async () => undefined,
    close: async () => regions.clear(),
  };
}
