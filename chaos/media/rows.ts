/** The tables of a site as far as they are about files. */
import { isRow } from '../client.ts';
import type { Query } from '../tables.ts';

export type VideoRow = {
  readonly title: string;
  readonly state: string;
  readonly failure: string;
  readonly prepared: boolean;
  /** Every file that it names. */
  readonly keys: readonly string[];
  /** What it was received as, which is kept for a day. */
  readonly receivedKey: string | undefined;
};

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

function keysOfDerived(text: unknown): string[] {
  const value: unknown = typeof text === 'string' ? JSON.parse(text) : null;
  if (!isRow(value)) return [];
  const { folder, files } = value;
  return Array.isArray(files) ? files.map((name) => `${String(folder)}/${String(name)}`) : [];
}

export async function findVideos(query: Query): Promise<VideoRow[]> {
  const rows = await query(
    'select title, state, failure, prepared_at, play_key, received_key, cover_key, derived from videos',
  );
  return rows.map((row) => {
    const named = [row['play_key'], row['received_key'], row['cover_key']].map(textOf);
    return {
      title: String(row['title']),
      state: String(row['state']),
      failure: textOf(row['failure']) ?? '',
      prepared: row['prepared_at'] !== null,
      keys: [...named.filter((key) => key !== undefined), ...keysOfDerived(row['derived'])],
      receivedKey: textOf(row['received_key']),
    };
  });
}

export type JobRow = {
  readonly id: string;
  readonly name: string;
  readonly dead: boolean;
  /** Files that it will look at, and how it is told from others: a promotion begins with such a row. */
  readonly keys: readonly string[];
  readonly isIntent: boolean;
};

export async function findJobs(query: Query): Promise<JobRow[]> {
  const rows = await query(
    "select id, name, state, payload, dedupe_key from outbox where name like 'video.%' or name like 'blobs.%'",
  );
  return rows.map((row) => {
    const payload: unknown = JSON.parse(String(row['payload']));
    const keys = isRow(payload) && Array.isArray(payload['keys']) ? payload['keys'].map(String) : [];
    return {
      id: String(row['id']),
      name: String(row['name']),
      dead: row['state'] === 'dead',
      keys,
      isIntent: String(row['dedupe_key']).startsWith('promote:'),
    };
  });
}

/** Titles of videos whose processing has neither succeeded nor failed, and jobs about videos that are still to be done. */
export async function unsettled(query: Query): Promise<string[]> {
  const videos = (await findVideos(query)).filter(
    ({ state, prepared }) => state === 'uploaded' || state === 'processing' || (state === 'ready' && !prepared),
  );
  const jobs = (await findJobs(query)).filter(({ name, dead }) => name.startsWith('video.') && !dead);
  return [...videos.map(({ title, state }) => `${title} (${state})`), ...jobs.map(({ name }) => name)];
}
