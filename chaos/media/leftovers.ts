/** What lies in a site's folders and bucket when all is over, against what its tables name. */
import { existsSync, readdirSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { bucketObjects } from '../../engines/index.ts';
import type { System } from '../system.ts';
import { findJobs, findVideos } from './rows.ts';

export type Leftovers = {
  /** Files in the store. */
  readonly files: number;
  /** Of these, received ones that were replaced, which are kept for a day. */
  readonly received: number;
  /** Of these, those of an interrupted promotion, which a job will remove. */
  readonly awaitingRemoval: number;
  /** What belongs to nobody, what is missing, and what is staged although nobody works on it. */
  readonly faults: readonly string[];
};

const shownFiles = 5;

export async function leftBehind({ processes, bucket, tables }: System): Promise<Leftovers> {
  const local = processes.flatMap(({ folder }) => filesBelow(join(folder, 'media')));
  const stored = (bucket === undefined ? local : await bucketObjects(bucket)).filter((key) =>
    key.startsWith('videos/'),
  );
  const staged = processes.flatMap(({ folder }) =>
    ['media/.staged', 'staging'].flatMap((staging) => filesBelow(join(folder, staging))),
  );
  const videos = await findVideos(tables.query);
  const named = new Set(videos.flatMap(({ keys }) => keys));
  const awaited = new Set((await findJobs(tables.query)).flatMap(({ keys }) => keys));
  const faults: string[] = [];
  const note = (what: string, files: readonly string[]): void => {
    if (files.length > 0) faults.push(`${files.length} ${what}: ${files.slice(0, shownFiles).join(', ')}`);
  };
  note(
    'files belong to nobody',
    stored.filter((key) => !named.has(key) && !awaited.has(key)),
  );
  note(
    'files are named and not there',
    [...named].filter((key) => !stored.includes(key)),
  );
  note('files are staged and nobody works on them', staged);
  const received = new Set(videos.map(({ receivedKey }) => receivedKey));
  return {
    files: stored.length,
    received: stored.filter((key) => received.has(key)).length,
    awaitingRemoval: stored.filter((key) => !named.has(key)).length,
    faults,
  };
}

/** Relative to the folder; without the locks of processes. */
function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !basename(entry.name).startsWith('.lock'))
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)));
}
