/** Everything that a server keeps, so that a test can say that nothing of it changed, or that counters equal rows. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { sql } from 'kysely';
import { expect, vi } from 'vitest';
import type { Tables } from '../src/db/index.ts';
import type { TestServer } from './server.ts';

const tables = [
  'users',
  'videos',
  'likes',
  'follows',
  'comments',
  'messages',
  'conversations',
  'outbox',
  'meta',
] as const satisfies readonly (keyof Tables)[];

export type Stored = {
  /** All rows of all tables. */
  readonly rows: Readonly<Record<string, readonly unknown[]>>;
  /** All files below the media folder, staged and scratch ones included. */
  readonly files: readonly string[];
};

/** Files that are staged below a data folder, whoever staged them. */
export const stagedFiles = (dataDir: string): string[] =>
  readdirSync(join(dataDir, 'media', '.staged'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name);

/** How long a staged file may outlive the answer to the request that brought it, in milliseconds. */
const discardedWithinMs = 5_000;

/** What is stored once the jobs that are due have run, and the files of requests that were answered are gone. */
export async function stored(server: TestServer): Promise<Stored> {
  await server.context.jobs.processAll();
  const staged = () => mediaFiles(server).filter((path) => path.startsWith('.staged'));
  await vi.waitFor(() => expect(staged()).toEqual([]), { timeout: discardedWithinMs, interval: 2 });
  const rows: Record<string, readonly unknown[]> = {};
  for (const table of tables)
    rows[table] = await server.context.database.reader.selectFrom(table).selectAll().execute();
  return { rows, files: mediaFiles(server) };
}

/** Paths of the files below the media folder, in order. */
export function mediaFiles(server: TestServer): string[] {
  const root = join(server.dataDir, 'media');
  if (!existsSync(root)) return [];
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort();
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
  const version = async (): Promise<string> => {
    // A number that SQLite changes whenever another connection commits; the reader is not the one that writes.
    const result = await sql`pragma data_version`.execute(server.context.database.reader);
    return JSON.stringify([result.rows, mediaFiles(server)]);
  };
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

/** Checks every counter in the database against the rows that it counts. */
export async function expectCountersToEqualRows(server: TestServer): Promise<void> {
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
