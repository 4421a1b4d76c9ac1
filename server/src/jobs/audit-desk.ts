/** Asks for a comparison of rows and files from beside the servers, and looks at what came of it. */
import type { BlobAuditRow, Database, Transaction } from '../db/index.ts';
import type { Clock } from '../ports/index.ts';
import { blobAuditStore, outboxStore } from '../store/index.ts';
import { type AuditReport, emptyReport, readReport } from './audit-report.ts';
import { type JobPayload, jobDefinitions } from './registry.ts';

/** Audits that are kept to be looked at. */
const keptAudits = 10;
/** Ids that servers make begin far above this one: they are times. */
const maxAuditId = 1_000_000_000;
const dedupeKey = 'blobs.audit';

export type Audit = {
  readonly id: number;
  readonly repair: boolean;
  readonly state: BlobAuditRow['state'];
  /** The last file that was compared. */
  readonly position: string;
  readonly ageMs: number;
  readonly report: AuditReport;
};

export interface AuditDesk {
  /** Has a server do one; or gives the one that waits or runs already, whatever that was told. */
  request(options: { readonly repair: boolean }): Promise<{ readonly audit: Audit; readonly isNew: boolean }>;
  /** The one of that id, or without it the latest. */
  find(id?: number): Promise<Audit | undefined>;
}

export function createAuditDesk({
  database,
  clock,
}: {
  readonly database: Database;
  readonly clock: Clock;
}): AuditDesk {
  const auditOf = (row: BlobAuditRow): Audit => ({
    id: row.id,
    repair: row.repair !== 0,
    state: row.state,
    position: row.position,
    ageMs: clock.now() - row.created_at,
    report: readReport(row.report),
  });

  async function findUnderWay(trx: Transaction): Promise<Audit | undefined> {
    const job = await outboxStore.findJobByDedupeKey(trx, dedupeKey);
    if (job?.state === 'pending') {
      const row = await blobAuditStore.findAudit(trx, job.id);
      if (row !== undefined && row.state !== 'done') return auditOf(row);
    }
    // One that was given up, that has just ended, or whose report somebody has removed, makes room.
    if (job !== undefined) await outboxStore.deleteJob(trx, job.id);
    return undefined;
  }

  return {
    request: ({ repair }) =>
      database.transaction(async (trx) => {
        const underWay = await findUnderWay(trx);
        if (underWay !== undefined) return { audit: underWay, isNew: false };
        const id = ((await blobAuditStore.findLastAudit(trx))?.id ?? 0) + 1;
        if (id > maxAuditId) throw new RangeError('there are no numbers for audits any more');
        const now = clock.now();
        const row: BlobAuditRow = {
          id,
          repair: repair ? 1 : 0,
          state: 'waiting',
          position: '',
          report: JSON.stringify(emptyReport()),
          created_at: now,
          updated_at: now,
        };
        await blobAuditStore.insertAudit(trx, row);
        await blobAuditStore.deleteAuditsUpTo(trx, id - keptAudits);
        const payload: JobPayload<'blobs.audit'> = { auditId: id, repair };
        // The job has the audit's own number: ids are made by servers, and this may be none.
        await outboxStore.insertJobs(trx, [
          {
            id,
            name: 'blobs.audit',
            payload: JSON.stringify(payload),
            lane: jobDefinitions['blobs.audit'].lane,
            dedupe_key: dedupeKey,
            state: 'pending',
            run_at: now,
            attempts: 0,
            lease_until: null,
            last_error: null,
            created_at: now,
          },
        ]);
        if ((await outboxStore.findJob(trx, id))?.name !== 'blobs.audit') {
          throw new Error(
            `another job has the number ${id}, or another audit was asked for in the same moment: try again`,
          );
        }
        return { audit: auditOf(row), isNew: true };
      }),
    find: async (id) => {
      const { reader } = database;
      const row =
        id === undefined ? await blobAuditStore.findLastAudit(reader) : await blobAuditStore.findAudit(reader, id);
      return row === undefined ? undefined : auditOf(row);
    },
  };
}
