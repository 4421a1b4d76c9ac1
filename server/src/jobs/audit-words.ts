/** An audit in the words that an operator reads. Pure. */
import type { Audit } from './audit-desk.ts';
import { type FoundRow, leavesSomething, type Remedy } from './audit-report.ts';

/** Of each kind, where people read it; the log and the table hold more. */
const shownExamples = 20;

const remedies: Readonly<Record<Remedy, string>> = {
  prepare: 'made again from the file that is there',
  received: 'goes back to the file that was received, and is prepared again',
  failed: 'is lost: its author is told to upload it again',
  cover: 'gets a new cover',
  cleared: 'is named no more',
  left: 'stays as it is: it is played from its package alone; upload it again, or restore the file',
};
const parts: Readonly<Record<FoundRow['missing'][number], string>> = {
  play: 'the file that is played',
  cover: 'the cover',
  package: 'files for adaptive playback',
  avatar: 'the avatar',
  background: 'the background picture',
};
const refusals = {
  'no-files':
    'The storage holds no file at all, but rows name some. Look at STORAGE_URL, or whether the disk is mounted.',
  'no-rows': 'The database holds neither users nor videos, but there are files. Look at DATABASE_URL.',
} as const;

export function auditLines({ id, repair, state, position, report }: Audit): string[] {
  const { files, videos, users, orphanFiles, youngFiles, orphanRows, refused } = report;
  const repaired = repair && refused === null;
  const began = { waiting: 'waits for a server', running: `has come to ${position || 'its beginning'}` };
  const lines = [
    state === 'done'
      ? `Audit ${id}: ${count(videos, 'video')} and ${count(users, 'user')} were compared with ${count(files.count, 'file')} (${size(files.bytes)}).`
      : state === 'failed'
        ? `Audit ${id} was given up at ${position || 'its beginning'}; npm run jobs -- show ${id} tells why.`
        : `Audit ${id} ${began[state]}.`,
  ];
  if (state === 'waiting') return lines;
  if (refused !== null) lines.push(`Nothing was repaired. ${refusals[refused]}`);
  lines.push(
    `Files that no row names: ${orphanFiles.count} (${size(orphanFiles.bytes)})` +
      outcome(orphanFiles.count, orphanFiles.deleted, 'deleted', repaired),
    ...examples(orphanFiles.examples, orphanFiles.count, ({ key, bytes }) => `${key}  ${size(bytes)}`),
    `Rows that name files which are not there: ${orphanRows.count}` +
      outcome(orphanRows.count, orphanRows.repaired, 'repaired', repaired),
    ...examples(
      orphanRows.examples,
      orphanRows.count,
      (row) =>
        `${row.owner} ${row.id}: without ${row.missing.map((part) => parts[part]).join(', ')}; ${remedies[row.remedy]}`,
    ),
  );
  if (youngFiles.count > 0) {
    lines.push(
      `Files that no row names, not judged because they are young: ${youngFiles.count} (${size(youngFiles.bytes)}).`,
    );
  }
  if (state === 'done' && !repaired && leavesSomething(report)) {
    lines.push('npm run jobs -- audit --repair deletes the files, and does with the rows what is said behind each.');
  }
  return lines;
}

const outcome = (found: number, done: number, verb: string, repaired: boolean): string =>
  found === 0 || !repaired ? '.' : done === found ? `, all ${verb}.` : `, ${done} of them ${verb}.`;

function examples<T>(all: readonly T[], total: number, line: (one: T) => string): string[] {
  const shown = all.slice(0, shownExamples).map((one) => `  ${line(one)}`);
  return total > shown.length ? [...shown, `  and ${total - shown.length} more`] : shown;
}

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`;

const sizes = [
  [1024 ** 3, 'GiB'],
  [1024 ** 2, 'MiB'],
  [1024, 'KiB'],
] as const;

function size(bytes: number): string {
  const unit = sizes.find(([least]) => bytes >= least);
  return unit === undefined ? `${bytes} B` : `${(bytes / unit[0]).toFixed(1)} ${unit[1]}`;
}
