import { expect, it } from 'vitest';
import {
  type Audit,
  type AuditReport,
  auditLines,
  emptyReport,
  type FoundRow,
  leavesSomething,
  readReport,
} from './index.ts';

const of = (state: Audit['state'], report: Partial<AuditReport> = {}, repair = false): Audit => ({
  ...{ id: 7, repair, state, position: 'videos/12/a.mp4', ageMs: 0 },
  report: { ...emptyReport(), ...report },
});
const examples = Array.from({ length: 100 }, (_, index) => ({ key: `videos/1/${index}.mp4`, bytes: 3 * 1024 ** 2 }));

it('says how far it has come, or why it has come no further', () => {
  expect(auditLines(of('waiting'))).toEqual(['Audit 7 waits for a server.']);
  expect(auditLines(of('running'))[0]).toBe('Audit 7 has come to videos/12/a.mp4.');
  expect(auditLines(of('failed'))[0]).toContain('npm run jobs -- show 7');
  expect(auditLines(of('done', { refused: 'no-files' }, true))[1]).toContain('STORAGE_URL');
});

it('shows some examples, and how many there are beside them', () => {
  const orphanFiles = { count: 5_000, bytes: 15_000 * 1024 ** 2, deleted: 0, examples };
  const lines = auditLines(of('done', { orphanFiles }));
  expect(lines[1]).toBe('Files that no row names: 5000 (14.6 GiB).');
  expect(lines[2]).toBe('  videos/1/0.mp4  3.0 MiB');
  expect(lines.filter((line) => line.startsWith('  '))).toHaveLength(21);
  expect(lines).toContain('  and 4980 more');
  expect(lines.at(-1)).toContain('--repair');
  expect(auditLines(of('done', { orphanFiles: { ...orphanFiles, deleted: 5_000 } }, true)).join()).not.toContain(
    '--repair',
  );
});

it('keeps what it can read, within what a column holds, and knows what is left', () => {
  const longest = { key: 'k'.repeat(200), bytes: Number.MAX_SAFE_INTEGER };
  const row: FoundRow = {
    ...{ owner: 'video', id: Number.MAX_SAFE_INTEGER, remedy: 'prepare' },
    missing: ['play', 'package', 'cover'],
  };
  const report: AuditReport = {
    ...emptyReport(),
    orphanFiles: { count: 100, bytes: 1, deleted: 100, examples: Array.from({ length: 100 }, () => longest) },
    orphanRows: {
      count: 100,
      repaired: 99,
      examples: Array.from({ length: 100 }, () => row),
    },
  };
  // TEXT of MySQL.
  expect(JSON.stringify(report).length).toBeLessThan(65_535);
  expect(readReport(JSON.stringify(report))).toEqual(report);
  for (const text of ['', '{}', 'null']) expect(readReport(text)).toEqual(emptyReport());
  expect([leavesSomething(report), leavesSomething(emptyReport())]).toEqual([true, false]);
});
