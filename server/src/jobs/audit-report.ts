/** What a comparison of rows and files found, as it is kept and logged. */
import { type Static, Type } from 'typebox';
import { Compile } from 'typebox/schema';

/** Examples of each kind that are kept. */
export const maxExamples = 100;

const count = Type.Integer({ minimum: 0 });

/** What is done about a row whose files are gone, or would be. */
const remedy = Type.Enum(['prepare', 'received', 'failed', 'cover', 'cleared', 'left']);
export type Remedy = Static<typeof remedy>;

const foundRow = Type.Object({
  owner: Type.Enum(['video', 'user']),
  id: Type.Integer({ minimum: 1 }),
  missing: Type.Array(Type.Enum(['play', 'cover', 'package', 'avatar', 'background'])),
  remedy,
});
/** A row that names files which are not there. */
export type FoundRow = Static<typeof foundRow>;

const AuditReport = Type.Object({
  files: Type.Object({ count, bytes: count }),
  videos: count,
  users: count,
  /** Files that no row names. */
  orphanFiles: Type.Object({
    count,
    bytes: count,
    deleted: count,
    examples: Type.Array(Type.Object({ key: Type.String(), bytes: count })),
  }),
  /** Files that no row names, and that are too young to be judged. */
  youngFiles: Type.Object({ count, bytes: count }),
  orphanRows: Type.Object({ count, repaired: count, examples: Type.Array(foundRow) }),
  /** Why nothing was repaired though that was asked: one of the two sides is empty, so it is not the right one. */
  refused: Type.Union([Type.Enum(['no-files', 'no-rows']), Type.Null()]),
});
export type AuditReport = Static<typeof AuditReport>;

const compiled = Compile(AuditReport);

export const emptyReport = (): AuditReport => ({
  files: { count: 0, bytes: 0 },
  videos: 0,
  users: 0,
  orphanFiles: { count: 0, bytes: 0, deleted: 0, examples: [] },
  youngFiles: { count: 0, bytes: 0 },
  orphanRows: { count: 0, repaired: 0, examples: [] },
  refused: null,
});

/** Reads what a row holds; an empty report if that is nothing this version understands. */
export function readReport(text: string): AuditReport {
  try {
    const value: unknown = JSON.parse(text);
    return compiled.Check(value) ? value : emptyReport();
  } catch {
    return emptyReport();
  }
}

/** Whether it found something that is still as it was found. */
export const leavesSomething = ({ orphanFiles, orphanRows }: AuditReport): boolean =>
  orphanFiles.count > orphanFiles.deleted || orphanRows.count > orphanRows.repaired;
