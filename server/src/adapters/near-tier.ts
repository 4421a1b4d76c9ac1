/**
 * The tier of a cache that lies in this process: decoded values of one family in a bounded map, the one used longest ago
 * first out. Whether a value is still right is not decided here.
 */
export type NearTier<V> = {
  readonly get: (key: string, now: number) => { readonly value: V } | undefined;
  readonly set: (key: string, value: V, expiresAt: number) => void;
  readonly drop: (key: string) => void;
  readonly clear: () => void;
};

export function createNearTier<V>(maxEntries: number): NearTier<V> {
  const entries = new Map<string, { readonly value: V; readonly expiresAt: number }>();
  return {
    get: (key, now) => {
      const entry = entries.get(key);
      if (entry === undefined) return undefined;
      entries.delete(key);
      if (entry.expiresAt <= now) return undefined;
      entries.set(key, entry);
      return entry;
    },
    set: (key, value, expiresAt) => {
      entries.delete(key);
      entries.set(key, { value, expiresAt });
      if (entries.size <= maxEntries) return;
      const [oldest] = entries.keys();
      if (oldest !== undefined) entries.delete(oldest);
    },
    drop: (key) => {
      entries.delete(key);
    },
    clear: () => entries.clear(),
  };
}
