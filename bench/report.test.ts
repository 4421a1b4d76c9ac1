import { describe, expect, it } from 'vitest';
import { type Figure, goalHolds, numberText, type Report, renderJson, renderMarkdown } from './report.ts';

const figure: Figure = {
  name: 'start',
  title: 'Start',
  method: 'By waiting.',
  outcome: {
    kind: 'measured',
    measurements: [
      { label: 'Fast', unit: 'ms', values: [900, 700, 800], goal: { relation: 'below', value: 5_000 } },
      { label: 'Slow', unit: '', values: [0.5, 0.7], goal: { relation: 'at least', value: 0.8 } },
      { label: 'Beside', unit: 'MB', values: [12.345] },
    ],
    notes: ['A note.'],
  },
};

const reportOf = (...figures: Figure[]): Report => ({
  date: '2026-01-02 03:04 UTC',
  mode: 'full',
  conditions: { commit: 'abc123', machine: 'a | b' },
  figures,
});

const rowOf = (markdown: string, label: string): string | undefined =>
  markdown.split('\n').find((line) => line.startsWith(`| ${label} |`));

describe('the report', () => {
  it('says of each goal whether the median holds it', () => {
    const markdown = renderMarkdown(reportOf(figure));
    expect(rowOf(markdown, 'Fast')).toBe('| Fast | 800 ms | 700 – 900 ms | 3 | below 5000 ms | yes |');
    expect(rowOf(markdown, 'Slow')).toBe('| Slow | 0.6 | 0.5 – 0.7 | 2 | at least 0.8 | **no** |');
  });

  it('shows each run, and what has no goal only in its section', () => {
    const markdown = renderMarkdown(reportOf(figure));
    expect(rowOf(markdown, 'Beside')).toBe('| Beside | 12.3 MB | 12.3 – 12.3 MB | 1 | 12.3 |');
    expect(markdown).toContain('| Fast | 800 ms | 700 – 900 ms | 3 | 900 · 700 · 800 |');
    expect(markdown).toContain('- A note.');
  });

  it('invents nothing for what was not measured', () => {
    const unavailable: Figure = {
      ...figure,
      title: 'Memory',
      outcome: { kind: 'unavailable', reason: 'has no /proc' },
    };
    const failed: Figure = { ...figure, title: 'Upload', outcome: { kind: 'failed', reason: 'no ffmpeg' } };
    const markdown = renderMarkdown(reportOf(unavailable, failed));
    expect(rowOf(markdown, 'Memory')).toBe('| Memory | not measured (unavailable) |  |  |  |  |');
    expect(rowOf(markdown, 'Upload')).toBe('| Upload | not measured (failed) |  |  |  |  |');
    expect(markdown).toContain('Not measured: this machine has no /proc.');
    expect(markdown).toContain('**The measurement failed**: no ffmpeg');
  });

  it('keeps a table a table, whatever the machine is called', () => {
    expect(rowOf(renderMarkdown(reportOf()), 'machine')).toBe('| machine | a \\| b |');
  });

  it('is there as data as well, with the same verdicts', () => {
    const data: unknown = JSON.parse(renderJson(reportOf(figure)));
    expect(data).toMatchObject({
      conditions: { commit: 'abc123' },
      figures: [
        {
          outcome: {
            measurements: [
              { label: 'Fast', summary: { median: 800, runs: 3 }, holds: true },
              { label: 'Slow', holds: false },
              { label: 'Beside', values: [12.345] },
            ],
          },
        },
      ],
    });
  });

  it('takes goals at their word at the border', () => {
    expect(goalHolds({ relation: 'below', value: 5 }, 5)).toBe(false);
    expect(goalHolds({ relation: 'at least', value: 0.8 }, 0.8)).toBe(true);
  });

  it('shows three digits that count', () => {
    expect([1234.5, 99.96, 0.80449, 0, 12].map(numberText)).toEqual(['1235', '100', '0.804', '0', '12']);
  });
});
