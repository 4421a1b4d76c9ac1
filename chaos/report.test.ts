import { expect, it } from 'vitest';
import { passed, progressLine, type Report, renderJson, renderMarkdown, type ScenarioOutcome } from './report.ts';
import type { Violation } from './verdict.ts';

const run = (name: string, violations: readonly Violation[]): ScenarioOutcome => ({
  kind: 'run',
  name,
  result: {
    name,
    durationMs: 6_543,
    figures: {
      operations: 1_000,
      acknowledged: 900,
      refused: 60,
      unanswered: 40,
      staleOutside: 0,
      staleInside: 2,
      largestStaleMs: 123.4,
      recoveryMs: 80,
      slowestMs: 1_234,
    },
    peakBytes: { 'api 1': 100 * 1024 ** 2, worker: 150 * 1024 ** 2 },
    windows: [{ fault: 'redis-kill', startS: 1.5, endS: 3.25 }],
    violations,
  },
});
const reportOf = (...scenarios: ScenarioOutcome[]): Report => ({
  date: '2030-01-01 00:00 UTC',
  mode: 'production',
  seed: 7,
  seconds: 61,
  conditions: { commit: 'abc' },
  scenarios,
});
const violation: Violation = { rule: 'stale', words: 'it shows what was', evidence: ['the write', 'the read'] };

it('says of each scenario what happened, in one row', () => {
  const markdown = renderMarkdown(reportOf(run('redis-kill', [])));
  expect(markdown).toContain(
    '| redis-kill | 6.5 | 1000 | 900 | 60 | 40 | 0 | 2 | 123 ms | 80 ms | 1234 ms | 150 MB | holds |',
  );
  expect(markdown).toContain('**Everything held**: 1 of 1 scenarios run, 0 violations');
  expect(markdown).toContain('production form, seed 7, 61 s');
});

it('shows the first violations of each rule with their evidence, and counts the rest', () => {
  const report = reportOf(
    run(
      'redis-kill',
      Array.from({ length: 9 }, () => violation),
    ),
  );
  const markdown = renderMarkdown(report);
  expect(passed(report)).toBe(false);
  expect(markdown).toContain('**9 violations**');
  expect(markdown).toContain('redis-kill from 1.500 to 3.250 s');
  expect(markdown).toContain('- stale: it shows what was\n  - the write\n  - the read\n');
  expect(markdown).toContain('- stale: and 6 more');
  expect(renderJson(report).length, 'not all of them').toBeLessThan(3_000);
});

it('fails where a scenario could not be run, and names what there was no time for', () => {
  expect(passed(reportOf(run('a', [])))).toBe(true);
  const late: ScenarioOutcome = { kind: 'not run', name: 'a + b', reason: 'the time was over' };
  expect(passed(reportOf(run('a', []), late))).toBe(true);
  expect(renderMarkdown(reportOf(run('a', []), late))).toContain('1 of 2 scenarios run');
  const broken: ScenarioOutcome = { kind: 'failed', name: 'a', reason: 'no engine' };
  expect(passed(reportOf(broken))).toBe(false);
  expect(progressLine(broken)).toBe('a: failed: no engine');
});
