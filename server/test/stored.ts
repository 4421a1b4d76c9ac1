/** Everything that a server keeps, so that a test can say that nothing of it changed, or that counters equal rows. */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { sql } from 'kysely';
import { expect, vi } from 'vitest';
import { bucketObjects, removeBucket } from '../../engines/index.ts';
import type { Database, Reader, Tables } from '../src/db/index.ts';
import type { TestServer } from './server.ts';

const tables = [
  'users',
  'videos',
  'likes',
  'follows',
  'comments',
  'messages',
  'conversations',
  'uploads',
  'outbox',
  'meta',
] as const satisfies readonly (keyof Tables)[];

export type Stored = {
  /** All rows of all tables. */
  readonly rows: Readonly<Record<string, readonly unknown[]>>;
  /** All files of the blob store, and those that are staged for it. */
  readonly files: readonly string[];
};

/** Where files are staged, below the data folder: beside those of the disk, or on the way to S3. */
const stagingFolder = /^(?:media\/\.staged|staging)\//;

/** Files that are staged below a data folder, whoever staged them; the lock of who stages there is none. */
export const stagedFiles = (dataDir: string): string[] =>
  filesBelow(dataDir)
    .filter((path) => stagingFolder.test(path) && !basename(path).startsWith('.lock'))
    .map((path) => basename(path));

/** How long a staged file may outlive the answer to the request that brought it, in milliseconds. */
const discardedWithinMs = 5_000;

/** What is stored once the jobs that are due have run, and the files of requests that were answered are gone. */
export async function stored(server: TestServer): Promise<Stored> {
  await server.context.jobs.processAll();
  await vi.waitFor(() => expect(stagedFiles(server.dataDir)).toEqual([]), { timeout: discardedWithinMs, interval: 2 });
  return { rows: await allRows(server.context.database.reader), files: await mediaFiles(server) };
}

/** Keys of the files in the blob store, and paths of those that are staged or kept beside them, in order. */
export async function mediaFiles(server: TestServer): Promise<string[]> {
  const { bucket, dataDir } = server;
  const local = filesBelow(join(dataDir, 'media'));
  const stored = bucket === undefined ? [] : await bucketObjects(bucket);
  return [...local, ...stored].sort();
}

/** Takes away the place where the files are: the folder, or the bucket. */
export async function removeMediaPlace({ bucket, dataDir }: TestServer): Promise<void> {
  if (bucket === undefined) rmSync(join(dataDir, 'media'), { recursive: true });
  else await removeBucket(bucket);
}

/** What is in a file of the blob store. */
export async function mediaFile(server: TestServer, key: string): Promise<Buffer> {
  return await server.context.blobs.withLocalFile(key, (path) => readFile(path));
}

/** Paths of all files below a folder, relative to it. */
function filesBelow(root: string): string[] {
  if (!existsSync(root)) return [];
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1));
}

/** Runs `work`, which must be refused, and checks that no row and no file came, went or changed. */
export async function leavesNothing<T>(server: TestServer, work: () => Promise<T>): Promise<T> {
  const before = await stored(server);
  const result = await work();
  expect(await stored(server)).toEqual(before);
  return result;
}

/**
 * Looks, after each call, whether anything changed, cheaply as long as nothing does. A change after a refusal fails the
 * test.
 */
export async function watchStored(server: TestServer): Promise<(refused: boolean) => Promise<void>> {
  const version = async (): Promise<string> =>
    JSON.stringify([await databaseVersion(server), await mediaFiles(server)]);
  let last = await stored(server);
  let lastVersion = await version();
  return async (refused) => {
    if ((await version()) === lastVersion) return;
    const next = await stored(server);
    if (refused) expect(next).toEqual(last);
    last = next;
    lastVersion = await version();
  };
}

/** What is another value after every commit that changed something. */
async function databaseVersion({ context: { database, config } }: TestServer): Promise<unknown> {
  // A number that SQLite changes whenever another connection commits; the reader is not the one that writes.
  if (config.database.kind === 'sqlite') return (await sql`pragma data_version`.execute(database.reader)).rows;
  // Of every row, and made where the rows are: they need not come here one by one.
  const checksum = sql`checksum table ${sql.join(tables.map((name) => sql.table(name)))}`;
  return (await database.transaction((trx) => checksum.execute(trx))).rows;
}

async function allRows(reader: Reader): Promise<Stored['rows']> {
  const rows: Record<string, readonly unknown[]> = {};
  for (const table of tables) rows[table] = await reader.selectFrom(table).selectAll().execute();
  // What an earlier write leaves for a moment, in case its own deletion should fail.
  rows['outbox'] = await reader.selectFrom('outbox').selectAll().where('name', '!=', 'cache.delete').execute();
  return rows;
}

/** Checks every counter in the database against the rows that it counts. */
export async function expectCountersToEqualRows(server: {
  readonly context: { readonly database: Database };
}): Promise<void> {
  const { reader } = server.context.database;
  const users = await reader.selectFrom('users').selectAll().execute();
  const videos = await reader.selectFrom('videos').selectAll().execute();
  const likes = await reader.selectFrom('likes').selectAll().execute();
  const follows = await reader.selectFrom('follows').selectAll().execute();
  const comments = await reader.selectFrom('comments').selectAll().execute();
  const authorOf = new Map(videos.map((video) => [video.id, video.author_id]));
  const countedUsers = users.map(({ id }) => ({
    id,
    follow_count: follows.filter((row) => row.follower_id === id).length,
    follower_count: follows.filter((row) => row.followee_id === id).length,
    total_favorited: likes.filter((row) => authorOf.get(row.video_id) === id).length,
    work_count: videos.filter((row) => row.author_id === id && row.state === 'ready').length,
    favorite_count: likes.filter((row) => row.user_id === id).length,
  }));
  const countedVideos = videos.map(({ id }) => ({
    id,
    favorite_count: likes.filter((row) => row.video_id === id).length,
    comment_count: comments.filter((row) => row.video_id === id).length,
  }));
  expect(
    users.map(({ id, follow_count, follower_count, total_favorited, work_count, favorite_count }) => ({
      id,
      follow_count,
      follower_count,
      total_favorited,
      work_count,
      favorite_count,
    })),
  ).toEqual(countedUsers);
  expect(videos.map(({ id, favorite_count, comment_count }) => ({ id, favorite_count, comment_count }))).toEqual(
    countedVideos,
  );
}
