/**
 * Compares all rows with all files, in the order of the folders, a batch at a time. Files were listed before the rows are
 * read, so that one which no row names was named by none either when it was listed: keys are never used again. A row whose
 * files seem to be missing is looked at once more by itself, since they may have come after the listing had passed.
 */
import type { Database } from '../db/index.ts';
import type { BlobStore, Clock, ListedBlob } from '../ports/index.ts';
import { blobAuditStore, fileOwnerStore } from '../store/index.ts';
import { type AuditReport, type FoundRow, maxExamples, readReport } from './audit-report.ts';
import type { BlobOwner } from './blob-owner.ts';
import { idRanges } from './id-ranges.ts';
import { filesOfUser, filesOfVideo, type OwnedFiles } from './owned-files.ts';
import type { JobHandler } from './registry.ts';

/**
 * A file that no row names is left alone for this long: received files are kept for a day after they were replaced, and
 * files of a promotion are there before their row.
 */
export const orphanGraceMs = 25 * 60 * 60_000;
/** Files compared at once, behind which its progress is committed. */
const batchFiles = 1_000;
/** Rows read at once. */
const batchRows = 500;
const usualBatches = { files: batchFiles, rows: batchRows };

/**
 * Looks at one row by itself and repairs it if told to. Undefined if nothing is missing, or the row changed meanwhile and
 * is for the next audit.
 */
export type Examine = (id: number, options: { readonly repair: boolean }) => Promise<FoundRow | undefined>;

type Kind = {
  readonly folder: 'videos' | 'users';
  readonly find: (ids: readonly number[]) => Promise<OwnedFiles[]>;
  readonly list: (from: number, to: number, limit: number) => Promise<OwnedFiles[]>;
  readonly examine: Examine;
};

export type AuditDeps = {
  readonly database: Database;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly log: { readonly info: (fields: object, message: string) => void };
  readonly examine: Readonly<Record<BlobOwner['owner'], Examine>>;
};

export function auditHandler(deps: AuditDeps, batch = usualBatches): JobHandler<'blobs.audit'> {
  const { database, blobs, clock } = deps;
  const { reader } = database;
  const kinds: readonly Kind[] = [
    {
      folder: 'videos',
      find: async (ids) => (await fileOwnerStore.findVideoFiles(reader, ids)).map(filesOfVideo),
      list: async (...range) => (await fileOwnerStore.listVideoFiles(reader, ...range)).map(filesOfVideo),
      examine: deps.examine.video,
    },
    {
      folder: 'users',
      find: async (ids) => (await fileOwnerStore.findUserFiles(reader, ids)).map(filesOfUser),
      list: async (...range) => (await fileOwnerStore.listUserFiles(reader, ...range)).map(filesOfUser),
      examine: deps.examine.user,
    },
  ];

  /** Where one of the two sides is empty it is a wrong setting, or a disk that is not mounted, and nothing to repair. */
  async function refusal(): Promise<AuditReport['refused']> {
    let [files, rows] = [false, false];
    for (const { folder, list } of kinds) {
      for await (const _ of blobs.list(folder)) {
        files = true;
        break;
      }
      rows ||= (await list(1, Number.MAX_SAFE_INTEGER, 1)).length > 0;
    }
    if (files && !rows) return 'no-rows';
    return rows && !files ? 'no-files' : null;
  }

  async function judgeFiles(kind: Kind, files: readonly ListedBlob[], report: AuditReport, repair: boolean) {
    const ids = [...new Set(files.flatMap(({ key }) => idIn(key) ?? []))];
    const owners = new Map((await kind.find(ids)).map((owner) => [owner.id, owner]));
    const tooYoung = clock.now() - orphanGraceMs;
    const orphans: ListedBlob[] = [];
    for (const file of files) {
      report.files.count += 1;
      report.files.bytes += file.sizeBytes;
      const owner = owners.get(idIn(file.key) ?? 0);
      if (owner?.names(file.key) === true || owner?.kept === file.key) continue;
      if (Math.max(file.modifiedAtMs, owner?.replacedAtMs ?? 0) > tooYoung) {
        report.youngFiles.count += 1;
        report.youngFiles.bytes += file.sizeBytes;
      } else orphans.push(file);
    }
    if (repair) await blobs.delete(orphans.map(({ key }) => key));
    const found = report.orphanFiles;
    found.count += orphans.length;
    found.bytes += orphans.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    if (repair) found.deleted += orphans.length;
    const room = maxExamples - found.examples.length;
    found.examples.push(...orphans.slice(0, room).map(({ key, sizeBytes }) => ({ key, bytes: sizeBytes })));
  }

  async function judgeRow(kind: Kind, id: number, report: AuditReport, repair: boolean): Promise<void> {
    const found = await kind.examine(id, { repair });
    if (found === undefined) return;
    const { orphanRows } = report;
    orphanRows.count += 1;
    if (repair && found.remedy !== 'left') orphanRows.repaired += 1;
    if (orphanRows.examples.length < maxExamples) orphanRows.examples.push(found);
  }

  /** Rows whose folders come behind `after`, up to `upTo`: `there` has all files that were listed of them. */
  async function judgeRows(
    kind: Kind,
    [after, upTo]: readonly [string, string | undefined],
    there: ReadonlySet<string>,
    report: AuditReport,
    { repair, signal }: { readonly repair: boolean; readonly signal: AbortSignal },
  ): Promise<void> {
    for (const { from, to } of idRanges(after, upTo)) {
      for (let next = from; next <= to; ) {
        const rows = await kind.list(next, to, batch.rows);
        for (const row of rows) {
          signal.throwIfAborted();
          report[kind.folder] += 1;
          if (row.needed.some((key) => !there.has(key))) await judgeRow(kind, row.id, report, repair);
        }
        if (rows.length < batch.rows) break;
        next = (rows.at(-1)?.id ?? to) + 1;
      }
    }
  }

  const save = (id: number, change: Omit<Parameters<typeof blobAuditStore.updateAudit>[2], 'updated_at'>) =>
    database.transaction((trx) => blobAuditStore.updateAudit(trx, id, { ...change, updated_at: clock.now() }));

  return {
    run: async ({ auditId, repair: asked }, { signal }) => {
      const audit = await blobAuditStore.findAudit(reader, auditId);
      // Nobody is there to read what it finds.
      if (audit === undefined || audit.state === 'done') return;
      const report = readReport(audit.report);
      if (asked && audit.position === '') report.refused = await refusal();
      const repair = asked && report.refused === null;
      await save(auditId, { state: 'running' });
      let { position } = audit;
      for (const [index, kind] of kinds.entries()) {
        // A run before this one has been through it.
        if (kinds.slice(index + 1).some(({ folder }) => position.startsWith(`${folder}/`))) continue;
        const after = position === '' ? `${kind.folder}/` : position;
        let passed = folderIn(after);
        for await (const { files, last } of batchesOf(blobs.list(kind.folder, { after }), batch.files)) {
          signal.throwIfAborted();
          await judgeFiles(kind, files, report, repair);
          const upTo = last ? undefined : folderIn(files.at(-1)?.key ?? after);
          const there = new Set(files.map(({ key }) => key));
          if (upTo === undefined || upTo > passed)
            await judgeRows(kind, [passed, upTo], there, report, { repair, signal });
          passed = upTo ?? passed;
          position = last ? `${kinds[index + 1]?.folder ?? ''}/` : (files.at(-1)?.key ?? position);
          const end = last && index === kinds.length - 1;
          await save(auditId, { position, report: JSON.stringify(report), ...(end && { state: 'done' }) });
        }
      }
      deps.log.info({ auditId, repair, ...report }, 'rows and files were compared');
    },
    gaveUp: async ({ auditId }) => {
      await save(auditId, { state: 'failed' });
    },
  };
}

/** The folder of the owner of a file, with a slash, below that of all: by what listings are ordered. */
const folderIn = (key: string): string => {
  const [, folder = ''] = key.split('/');
  return folder === '' ? '' : `${folder}/`;
};

/** The id that a folder is named by; undefined if it is named by none. */
function idIn(key: string): number | undefined {
  const [, folder = '', ...rest] = key.split('/');
  const id = /^[1-9][0-9]{0,15}$/.test(folder) && rest.length > 0 ? Number(folder) : undefined;
  return id !== undefined && Number.isSafeInteger(id) ? id : undefined;
}

/** All files in batches; the last one is marked, and may be empty. */
async function* batchesOf(
  files: AsyncIterable<ListedBlob>,
  size: number,
): AsyncGenerator<{ files: ListedBlob[]; last: boolean }> {
  let batch: ListedBlob[] = [];
  for await (const file of files) {
    if (batch.length === size) {
      yield { files: batch, last: false };
      batch = [];
    }
    batch.push(file);
  }
  yield { files: batch, last: true };
}
