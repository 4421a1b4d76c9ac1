import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { withEarlier } from './earlier-report.ts';
import { type Figure, renderJson, renderMarkdown } from './report.ts';

const figureOf = (name: string, value: number): Figure => ({
  ...{ name, title: `The ${name}`, method: 'By waiting.' },
  outcome: { kind: 'measured', measurements: [{ label: name, unit: 'ms', values: [value] }], notes: [] },
});
const conditions = { commit: 'abc123', machine: 'a small one' };
let folder: string;
let path: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tiktok-server-report-'));
  path = join(folder, 'report.json');
  const earlier = { date: '2026-01-02 03:04 UTC', mode: 'full', conditions } as const;
  writeFileSync(path, renderJson({ ...earlier, figures: [figureOf('start', 1), figureOf('feed', 2)] }));
});
afterAll(() => rmSync(folder, { recursive: true }));

it('keeps what was measured before, and says when and of what', () => {
  const figures = withEarlier(path, ['feed', 'delivery', 'start'], [figureOf('feed', 3)]);
  expect(figures.map(({ name }) => name)).toEqual(['feed', 'start']);
  expect(figures[0]).toEqual(figureOf('feed', 3));
  expect(figures[1]).toMatchObject({ since: '2026-01-02 03:04 UTC, commit abc123, a small one' });
  const markdown = renderMarkdown({ date: 'now', mode: 'full', conditions, figures });
  expect(markdown).toContain('Of an earlier run: 2026-01-02 03:04 UTC, commit abc123, a small one.');
});

it('has nothing to keep where there is no report, and refuses what is none', () => {
  expect(withEarlier(join(folder, 'none.json'), ['feed', 'start'], [figureOf('feed', 3)])).toEqual([
    figureOf('feed', 3),
  ]);
  writeFileSync(path, '{"figures":[{"name":1}]}');
  expect(() => withEarlier(path, ['start'], [])).toThrow();
});
