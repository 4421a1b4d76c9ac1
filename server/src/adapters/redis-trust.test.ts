/** A Redis that is killed, paused, or comes back with what it had before: servers of this test's own. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@redis/client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Engine, startRedis } from '../../../engines/index.ts';
import { describeEngine } from '../../test/engines.ts';
import type { CacheFamily, CacheKey, CacheRegion, DeletionBacklog } from '../ports/cache.ts';
import { createRedisCache, type RedisCache } from './cache-redis.ts';

const family: CacheFamily<number> = {
  name: 'thing',
  ttlMs: 3_600_000,
  maxEntries: 100,
  encode: String,
  decode: Number,
};
const key: CacheKey = { family: 'thing', id: '1' };

/** Deletions that were committed and did not reach the cache, as the outbox keeps them. */
class Backlog implements DeletionBacklog {
  readonly rows = new Map<number, CacheKey>();
  isAway = false;
  readonly list = async (afterId: number) => {
    if (this.isAway) throw new Error('the database is away');
    const rows = [...this.rows].filter(([id]) => id > afterId).slice(0, 2);
    return { ids: rows.map(([id]) => id), keys: rows.map(([, name]) => name), more: rows.length === 2 };
  };
  readonly remove = async (ids: readonly number[]) => {
    for (const id of ids) this.rows.delete(id);
  };
}

async function createPlain(url: string) {
  const client = createClient({ url });
  await client.connect();
  return client;
}

describeEngine('redis', () => {
  let folder: string;
  let redis: Engine;
  let backlog: Backlog;
  let caches: RedisCache[];
  const events: string[] = [];
  const url = (): string => redis.settings['REDIS_URL'] ?? '';
  async function another(): Promise<{ cache: RedisCache; region: CacheRegion<number> }> {
    const cache = await createRedisCache({ url: url(), backlog, log: (event) => events.push(event) });
    caches.push(cache);
    return { cache, region: cache.region(family) };
  }
  async function read(region: CacheRegion<number>, truth: () => number): Promise<number> {
    const [found] = await region.lookUp(['1']);
    if (found?.hit !== false) return found?.value ?? Number.NaN;
    const value = truth();
    await region.fill([{ id: '1', lease: found.lease, value }]);
    return value;
  }
  const start = async (configuration?: string): Promise<void> => {
    const configFile = join(folder, 'redis.conf');
    if (configuration !== undefined) writeFileSync(configFile, configuration);
    redis = await startRedis({ folder: join(folder, 'redis'), ...(configuration !== undefined && { configFile }) });
  };
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tiktok-server-redis-'));
    backlog = new Backlog();
    caches = [];
    events.length = 0;
  });
  afterEach(async () => {
    for (const cache of caches) await cache.close();
    await redis.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  const away = (cache: RedisCache) => expect.poll(() => Number.isNaN(cache.generation())).toBe(true);
  const back = (cache: RedisCache) => expect.poll(() => Number.isNaN(cache.generation())).toBe(false);

  it('is a miss while Redis is dead, refuses deletions, and is there again after it', async () => {
    await start();
    const { cache, region } = await another();
    let truth = 1;
    await read(region, () => truth);
    await redis.kill();
    await away(cache);
    truth = 2;
    expect(await read(region, () => truth)).toBe(2);
    await expect(cache.delete([key])).rejects.toThrow('away');
    await expect(cache.ping()).rejects.toThrow();
    await redis.start();
    await back(cache);
    expect(await read(region, () => truth)).toBe(2);
    expect(await region.lookUp(['1'])).toEqual([{ hit: true, value: 2 }]);
    expect(events).toEqual(['down', 'up']);
  });

  it('is believed after a pause only once the deletions that it missed are done', async () => {
    await start();
    const [one, other] = [await another(), await another()];
    await read(one.region, () => 1);
    expect(await read(other.region, () => 1)).toBe(1);
    await redis.pause();
    const startedAt = performance.now();
    const [found] = await other.region.lookUp(['1']);
    // What lies near is not used when nothing says that it is still right, and nobody waits for long.
    expect(found?.hit).toBe(false);
    expect(performance.now() - startedAt).toBeLessThan(1_500);
    await expect(one.cache.delete([key])).rejects.toThrow();
    backlog.rows.set(1, key);
    redis.resume();
    await Promise.all([back(one.cache), back(other.cache)]);
    expect(await read(other.region, () => 2)).toBe(2);
    expect(await read(one.region, () => 2)).toBe(2);
    expect(backlog.rows.size).toBe(0);
  });

  it('does not believe a server that was started again from an older file', async () => {
    await start('save ""\nappendonly no\n');
    const { cache, region } = await another();
    await read(region, () => 1);
    await cache.send('SAVE');
    await cache.delete([key]);
    expect(await read(region, () => 2)).toBe(2);
    await redis.kill();
    await away(cache);
    await redis.start();
    await back(cache);
    expect(await read(region, () => 3)).toBe(3);
    const later = await another();
    expect(await read(later.region, () => 3)).toBe(3);
  });

  it('applies what it missed while its connection was gone, before it is asked anything', async () => {
    await start();
    const [one, other] = [await another(), await another()];
    await read(one.region, () => 1);
    backlog.rows.set(1, key);
    await other.cache.send('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await expect.poll(() => events).toEqual(['down', 'up']);
    expect(await read(one.region, () => 2)).toBe(2);
    expect(backlog.rows.size).toBe(0);
  });

  it('makes up for what it could not delete itself, although the database with the backlog is away', async () => {
    await start();
    const [one, other] = [await another(), await another()];
    await read(one.region, () => 1);
    expect(await read(other.region, () => 1)).toBe(1);
    // Only the connection of `one` is lost, at the moment of its deletion.
    await one.cache.send('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'no').catch(() => undefined);
    backlog.isAway = true;
    await expect(one.cache.delete([key])).rejects.toThrow();
    // Neither is believed now, but what could not be deleted is.
    const plain = await createPlain(url());
    await expect.poll(() => plain.exists('tiktok:v:thing:1')).toBe(0);
    plain.destroy();
    expect(Number.isNaN(one.cache.generation())).toBe(true);
    backlog.isAway = false;
    await Promise.all([back(one.cache), back(other.cache)]);
    expect(await read(other.region, () => 2)).toBe(2);
  });

  it('reads nothing old of its own over a new connection, however close a failed deletion comes to it', async () => {
    await start();
    const { cache, region } = await another();
    const killer = await createPlain(url());
    for (let truth = 1; truth <= 60; truth += 1) {
      await killer.sendCommand(['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes']);
      let over = false;
      const writing = (async () => {
        while (!over) {
          const failed = await cache.delete([key]).then(
            () => false,
            () => true,
          );
          // As the writer does: the commit stands, and the answer goes out. Read at once, by the same process.
          const [found] = await region.lookUp(['1']);
          if (found?.hit === true && failed) throw new Error('an old value was read');
          await new Promise((resolve) => setImmediate(resolve));
        }
      })();
      await back(cache);
      over = true;
      await writing;
      await read(region, () => truth);
    }
    killer.destroy();
  });

  it('keeps nothing near whose change is told in one piece with it', async () => {
    await start();
    const [writer, reader] = [await another(), await another()];
    await read(writer.region, () => 1);
    for (let round = 1; round <= 20; round += 1) {
      // Both lie in the server's sockets when it goes on, and it answers both at once.
      await redis.pause();
      const reading = reader.region.lookUp(['1']);
      await new Promise((resolve) => setImmediate(resolve));
      const deleting = writer.cache.delete([key]);
      await new Promise((resolve) => setImmediate(resolve));
      redis.resume();
      await Promise.all([reading, deleting]);
      expect((await reader.region.lookUp(['1']))[0]?.hit).toBe(false);
      await read(reader.region, () => round);
      await writer.region.lookUp(['1']);
      // So that the next round finds it in Redis, but not near.
      await reader.cache.send('EXPIRE', 'tiktok:v:thing:1', '1000');
    }
  });

  it('keeps what a server has when only the connection was lost', async () => {
    await start();
    const { cache, region } = await another();
    await read(region, () => 1);
    const plain = await another();
    await plain.cache.send('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await expect.poll(() => events).toEqual(['down', 'up']);
    await back(cache);
    expect(await region.lookUp(['1'])).toEqual([{ hit: true, value: 1 }]);
  });

  describe('at the start', () => {
    it('waits for a server that is being started', async () => {
      await start();
      await redis.kill();
      const opening = another();
      await redis.start();
      const { cache } = await opening;
      await cache.ping();
    });

    it('gives up on one that is not there, in time', async () => {
      await start();
      await redis.kill();
      const startedAt = performance.now();
      await expect(another()).rejects.toThrow('ECONNREFUSED');
      expect(performance.now() - startedAt).toBeLessThan(9_000);
      await redis.start();
    });

    it('stops at once on a wrong password or a number that there is not', async () => {
      await start('requirepass right\n');
      const port = redis.port;
      const opening = (address: string) => createRedisCache({ url: address, backlog, log: () => undefined });
      await expect(opening(`redis://:wrong@127.0.0.1:${port}`)).rejects.toThrow('WRONGPASS');
      await expect(opening(`redis://127.0.0.1:${port}`)).rejects.toThrow('NOAUTH');
      await expect(opening(`redis://:right@127.0.0.1:${port}/99`)).rejects.toThrow('out of range');
      caches.push(await opening(`redis://:right@127.0.0.1:${port}/3`));
    });
  });
});
