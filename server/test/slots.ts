/**
 * Room for servers of the production form. A slot is a database, a number of Redis, a virtual host of RabbitMQ and a bucket.
 * Making a database with all its tables takes longer than most tests, so slots are used again and again, each by one
 * server at a time, and emptied before. Which are taken is known by folders, so that workers need not know each other.
 */
import { mkdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { createClient } from '@redis/client';
import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';
import {
  type BucketAddress,
  bucketAddress,
  bucketSettings,
  createBucket,
  type EngineName,
  emptyBucket,
} from '../../engines/index.ts';
import type { Tables } from '../src/db/index.ts';
import { engineUrl } from './engines.ts';

/** As many servers of all workers may be there at once. With the spare one that is all the numbers of a usual Redis. */
export const slotCount = 15;
/** Given to nobody: for tests of slots themselves. */
export const spareSlot = slotCount;
/** Names the folder of this run, in which taken slots are folders. */
export const slotsFolderVariable = 'TEST_SLOTS_FOLDER';

/** Of the database, the virtual host and the bucket of a slot. */
export const nameOf = (slot: number): string => `slot${slot}`;

export type Slot = {
  /** The settings by which a server uses the slot's part of the engines. */
  readonly settings: Readonly<Record<string, string>>;
  /** Undefined without S3. */
  readonly bucket: BucketAddress | undefined;
  /** Gives it back; nobody may use it any more. */
  release(): void;
};

/** Removes everything that one engine keeps in the slot, and returns the settings for it. */
type Clear = (url: string, slot: number) => Promise<Readonly<Record<string, string>>>;

const clear: Readonly<Record<EngineName, Clear>> = {
  mysql: async (url, slot) => {
    const address = new URL(url);
    const connection = await createConnection(url);
    try {
      await emptyDatabase(connection, nameOf(slot));
    } finally {
      await connection.end();
    }
    address.pathname = `/${nameOf(slot)}`;
    // With a database of its own, a server needs a secret that is given.
    return { DATABASE_URL: address.href, JWT_SECRET: 'the secret of servers in tests, long enough' };
  },
  redis: async (url, slot) => {
    const address = new URL(url);
    address.pathname = `/${slot}`;
    const client = createClient({ url: address.href });
    // A failure to connect rejects as well.
    client.on('error', () => undefined);
    await client.connect();
    try {
      // Not FLUSHDB, which makes every client of the server forget what it keeps near, whatever its number.
      const keys = await client.keys('*');
      if (keys.length > 0) await client.unlink(keys);
    } finally {
      await client.close();
    }
    return { REDIS_URL: address.href };
  },
  rabbitmq: async (url, slot) => {
    const address = new URL(url);
    address.pathname = `/${nameOf(slot)}`;
    // Messages that are left name jobs that are not there any more: a server passes over them.
    return { AMQP_URL: address.href };
  },
  s3: async (url, slot) => {
    const address = bucketAddress(url, nameOf(slot));
    await createBucket(address);
    await emptyBucket(address);
    return bucketSettings(address);
  },
};

/** Empties one engine's part of a slot and returns the settings for it. */
export async function clearSlot(engine: EngineName, slot: number): Promise<Readonly<Record<string, string>>> {
  const url = engineUrl(engine);
  if (url === undefined) throw new Error(`there is no ${engine} here`);
  return await clear[engine](url, slot);
}

/** Takes a free slot and empties it. */
export async function takeSlot(engines: readonly EngineName[]): Promise<Slot> {
  const folder = process.env[slotsFolderVariable];
  if (folder === undefined) throw new Error(`slots are for the project production: ${slotsFolderVariable} is not set`);
  const number = claim(folder);
  const release = (): void => rmdirSync(join(folder, nameOf(number)));
  try {
    const parts = await Promise.all(engines.map((engine) => clearSlot(engine, number)));
    const settings = Object.assign({}, ...parts);
    const bucket = engines.includes('s3') ? bucketAddress(engineUrl('s3') ?? '', nameOf(number)) : undefined;
    return { settings, bucket, release };
  } catch (error) {
    release();
    throw error;
  }
}

/** The first slot that is free: making its folder succeeds for one process only. */
export function claim(folder: string): number {
  for (let slot = 0; slot < slotCount; slot += 1) {
    try {
      mkdirSync(join(folder, nameOf(slot)));
      return slot;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    }
  }
  throw new Error(`all ${slotCount} slots are taken: some test does not close its server`);
}

/** What brings a table back to what a new database has: of all tables but those that say which migrations were done. */
const emptied: Readonly<Record<keyof Tables, string>> = {
  users: 'delete from `users`',
  videos: 'delete from `videos`',
  video_progress: 'delete from `video_progress`',
  uploads: 'delete from `uploads`',
  blob_audits: 'delete from `blob_audits`',
  likes: 'delete from `likes`',
  follows: 'delete from `follows`',
  comments: 'delete from `comments`',
  messages: 'delete from `messages`',
  conversations: 'delete from `conversations`',
  outbox: 'delete from `outbox`',
  meta: 'delete from `meta`',
  // Migrations fill it.
  processes: "update `processes` set owner = '', role = '', lease_until = 0",
};

/** Makes the database if it is not there yet, or anew if its tables are not those that migrations make; else deletes its rows. */
async function emptyDatabase(connection: Connection, name: string): Promise<void> {
  const create = `create database if not exists \`${name}\` character set utf8mb4`;
  await connection.query(create);
  await connection.query(`use \`${name}\``);
  const [found] = await connection.query<RowDataPacket[]>(
    'select table_name as name from information_schema.tables where table_schema = ? and table_name not like ?',
    [name, 'kysely%'],
  );
  const statements = new Map(Object.entries(emptied));
  // A server that migrated to the end has all of them, and a test may have taken one away, or put one beside them.
  if (found.length !== statements.size || found.some(({ name: table }) => !statements.has(String(table)))) {
    await connection.query(`drop database \`${name}\``);
    await connection.query(create);
    return;
  }
  await connection.query('set foreign_key_checks = 0');
  for (const statement of statements.values()) await connection.query(statement);
}
