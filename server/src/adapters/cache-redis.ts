import { randomBytes } from 'node:crypto';
import type { Cache, CacheFamily, CacheRegion, DeletionBacklog, Lease, Lookup } from '../ports/index.ts';
import { createNearTier, type NearTier } from './near-tier.ts';
import { leaseKeyOf, valueKey } from './redis-keys.ts';
import { openRedisLink, type RedisLink, type Send } from './redis-link.ts';
import { checkRights } from './redis-rights.ts';
import { fillScript, leaseScript } from './redis-scripts.ts';
import { regainTrust } from './redis-trust.ts';

/** A reader that has not filled within this is taken for gone; the next one gets a lease of its own. */
const leaseLifeMs = 10_000;
/** Keys of one command: more of them would keep others waiting. */
const batchKeys = 500;
/** Deletions that could not be done, kept to be made up for. Beyond it they are found in the backlog. */
const maxUndeleted = 10_000;

export type RedisCacheOptions = {
  readonly url: string;
  readonly backlog: DeletionBacklog;
  readonly onHits?: (family: string, tier: 'near' | 'shared', count: number) => void;
  readonly log: (event: 'up' | 'down', reason: string) => void;
};

export type RedisCache = Cache & {
  /** Commands of others over the same connection. */
  readonly send: Send;
};

/**
 * The cache of several processes: values as text in Redis, and in front of them, in each process, those that it has read,
 * decoded, until Redis says that they changed (client tracking, redis.io/docs/latest/develop/reference/client-side-caching).
 *
 * Such a message may be on its way while a value is used. So a value of the near tier is used only after a round trip that
 * began after the look-up did (a **fence**): replies and messages come over one connection in the order in which the
 * server sent them, so whatever was deleted before is known by then, in every process. Look-ups of the same moment share a
 * fence. That makes reads as exact as asking Redis each time, at the price of one PING for all of them.
 */
export async function createRedisCache(options: RedisCacheOptions): Promise<RedisCache> {
  const { backlog, onHits = () => undefined } = options;
  const tiers = new Map<string, Pick<NearTier<unknown>, 'drop' | 'clear'>>();
  let generation = 0;
  /**
   * Keys that Redis reported in this turn of the event loop. A reply that came before such a message, in one piece with it,
   * is seen by its caller only after it.
   */
  const justChanged = new Set<string>();

  function forget(key: string | null): void {
    generation += 1;
    if (key === null) {
      for (const tier of tiers.values()) tier.clear();
      return;
    }
    if (justChanged.size === 0) setImmediate(() => justChanged.clear());
    justChanged.add(key);
    tiers.get(familyOf(key))?.drop(key);
  }

  /**
   * What this process could not delete. It is made up for before anything is read over the next connection, also if the
   * database with the backlog is away; and what fails while that goes on is made up for as well.
   */
  const undeleted = new Set<string>();
  let tooMany = false;
  let checked = false;

  async function prepare(send: Send, server: { readonly runId: string }): Promise<void> {
    if (!checked) await checkRights(send);
    checked = true;
    tooMany = false;
    const names = [...undeleted];
    for (const batch of batches(names)) await deleteKeys(send, batch);
    for (const name of names) undeleted.delete(name);
    const applied = await regainTrust(send, server.runId, backlog);
    // Rows that stay are applied once more some time, which changes nothing.
    backlog.remove(applied).catch(() => undefined);
  }

  const link = await openRedisLink({
    url: options.url,
    onInvalidate: forget,
    onDown: () => forget(null),
    prepare,
    isPrepared: () => undeleted.size === 0 && !tooMany,
    log: options.log,
  });

  /** What is not deleted is remembered at once: from then on nothing is read that could still show it. */
  async function deleteAll(names: readonly string[]): Promise<void> {
    try {
      for (const batch of batches(names)) await deleteKeys(link.sendEarly, batch);
    } catch (error) {
      for (const name of names) {
        if (undeleted.size < maxUndeleted) undeleted.add(name);
        else tooMany = true;
      }
      link.distrust('something could not be deleted');
      throw error;
    }
  }
  const fence = createFence(link);

  function region<V>(family: CacheFamily<V>): CacheRegion<V> {
    if (tiers.has(family.name)) throw new Error(`the cache family ${family.name} is open already`);
    const near = createNearTier<V>(family.maxEntries);
    tiers.set(family.name, near);

    /** Values from Redis, into `found`; leases for those that it has not. One round trip, or two for leases. */
    async function fetch(keys: readonly string[], found: Map<string, Lookup<V>>): Promise<void> {
      const texts = texted(await link.send('MGET', ...keys), keys.length);
      const missing: string[] = [];
      keys.forEach((key, position) => {
        const text = texts[position] ?? undefined;
        const value = text === undefined ? undefined : decoded(family, text);
        if (value === undefined) {
          missing.push(key);
          return;
        }
        if (!justChanged.has(key)) near.set(key, value.value, Date.now() + family.ttlMs);
        found.set(key, { hit: true, value: value.value });
      });
      onHits(family.name, 'shared', keys.length - missing.length);
      if (missing.length > 0) await takeLeases(missing, found);
    }

    /** What somebody else filled in between is a hit; what cannot be read makes way for the holder of the lease. */
    async function takeLeases(keys: readonly string[], found: Map<string, Lookup<V>>): Promise<void> {
      const reply = await link.send(...leaseScript(keys, newLease(), leaseLifeMs));
      const answers = texted(reply, 2 * keys.length);
      const unreadable: string[] = [];
      keys.forEach((key, position) => {
        const [text, lease] = [answers[2 * position], answers[2 * position + 1]];
        const value = typeof text === 'string' ? decoded(family, text) : undefined;
        if (value !== undefined) found.set(key, { hit: true, value: value.value });
        else if (typeof lease === 'string') found.set(key, { hit: false, lease });
        else unreadable.push(key);
      });
      if (unreadable.length === 0) return;
      await deleteAll(unreadable);
      for (const key of unreadable) found.set(key, noLease());
    }

    /** While Redis is away, and where it says nothing that can be understood. */
    const noLease = (): Lookup<V> => ({ hit: false, lease: `${withoutRight}${newLease()}` });

    /** A cache that fails is a miss. */
    const nothingFound = (): Map<string, Lookup<V>> => new Map();

    async function lookUpAll(keys: readonly string[]): Promise<Map<string, Lookup<V>>> {
      const found = new Map<string, Lookup<V>>();
      const isNear = (key: string): boolean => near.get(key, Date.now()) !== undefined;
      const missing = keys.filter((key) => !isNear(key));
      // Either is a round trip that began after the look-up did.
      if (missing.length === 0) await fence();
      else for (const batch of batches(missing)) await fetch(batch, found);
      const gone: string[] = [];
      for (const key of keys) {
        if (found.has(key)) continue;
        const entry = near.get(key, Date.now());
        if (entry === undefined) gone.push(key);
        else found.set(key, { hit: true, value: entry.value });
      }
      onHits(family.name, 'near', keys.length - missing.length - gone.length);
      for (const batch of batches(gone)) await fetch(batch, found);
      return found;
    }

    return {
      lookUp: async (ids) => {
        if (ids.length === 0) return [];
        const keys = ids.map((id) => valueKey(family.name, id));
        const unique = [...new Set(keys)];
        const found = link.up() ? await lookUpAll(unique).catch(nothingFound) : nothingFound();
        for (const key of unique) if (!found.has(key)) found.set(key, noLease());
        return keys.map((key) => found.get(key) ?? noLease());
      },
      fill: async (entries) => {
        const fillable = entries.filter(({ lease }) => !lease.startsWith(withoutRight));
        // What was derived from a value that could not be kept may be old, and nobody would be told.
        if (fillable.length < entries.length) generation += 1;
        for (const batch of batches(fillable)) {
          const triples = batch.map(({ id, lease, value }) => ({
            key: valueKey(family.name, id),
            lease,
            text: family.encode(value),
          }));
          const filled = await link.send(...fillScript(triples, family.ttlMs)).catch(() => 0);
          if (filled !== batch.length) generation += 1;
        }
      },
    };
  }

  return {
    send: link.send,
    outlivesProcess: true,
    region,
    delete: async (keys) => {
      const names = keys.map(({ family, id }) => valueKey(family, id));
      // Before, for readers here that come while the command is under way; after, for what they learned meanwhile.
      for (const name of names) forget(name);
      await deleteAll(names);
      for (const name of names) forget(name);
    },
    generation: () => (link.up() ? generation : Number.NaN),
    settled: () => fence().catch(() => undefined),
    ping: async () => {
      await link.send('PING');
    },
    close: () => link.close(),
  };
}

/** Marks leases that were not given by Redis, and fill nothing. */
const withoutRight = '-';
const newLease = (): Lease => randomBytes(12).toString('base64url').replace(/^-/, '_');

const familyOf = (key: string): string => key.split(':', 3)[2] ?? '';

async function deleteKeys(send: Send, keys: readonly string[]): Promise<void> {
  await send('DEL', ...keys.flatMap((key) => [key, leaseKeyOf(key)]));
}

/**
 * One PING for all who ask at the same moment: who asks while one is under way waits for the next, since the present one
 * may have been sent before a deletion that the asker must see.
 */
function createFence(link: RedisLink): () => Promise<void> {
  let current: Promise<unknown> | undefined;
  let next: Promise<void> | undefined;
  const begin = (): Promise<void> => {
    const ping = link.send('PING');
    current = ping;
    const over = (): void => {
      if (current === ping) current = undefined;
    };
    return ping.then(over, (error: unknown) => {
      over();
      throw error;
    });
  };
  return () => {
    if (current === undefined) return begin();
    next ??= current
      .catch(() => undefined)
      .then(() => {
        next = undefined;
        return begin();
      });
    return next;
  };
}

function decoded<V>(family: CacheFamily<V>, text: string): { readonly value: V } | undefined {
  try {
    const value = family.decode(text);
    return value === undefined ? undefined : { value };
  } catch {
    return undefined;
  }
}

/** A list of texts and nulls, as long as what was asked for; anything else is not what we sent a command for. */
function texted(reply: unknown, length: number): readonly (string | null)[] {
  if (!Array.isArray(reply) || reply.length !== length) throw new Error('Redis gave an unexpected reply');
  return reply.map((one: unknown) => (typeof one === 'string' ? one : null));
}

function batches<T>(all: readonly T[]): T[][] {
  const result: T[][] = [];
  for (let start = 0; start < all.length; start += batchKeys) result.push(all.slice(start, start + batchKeys));
  return result;
}
