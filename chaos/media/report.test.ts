import { expect, it } from 'vitest';
import { readRuns, renderJson, renderMarkdown, runOf } from './report.ts';
import type { MediaResult, PointOutcome } from './run.ts';

const point: PointOutcome = {
  number: 1,
  stage: 'renditions',
  victim: 'worker',
  clip: 'foreign',
  delayMs: 120,
  sentShare: 0.5,
  struck: 'worker, running renditions',
  upload: 'acknowledged',
  settledMs: 33_512,
  state: 'ready',
};
const result: MediaResult = {
  planned: 3,
  points: [
    point,
    { ...point, number: 2, stage: 'upload', struck: 'api 1', upload: 'unanswered', state: '', settledMs: 12 },
  ],
  reader: { looks: 10, files: 20, addresses: 5 },
  leftovers: { files: 14, received: 1, awaitingRemoval: 0, faults: [] },
  violations: [],
};
const about = { date: '2030-01-01 00:00 UTC', seed: 7, seconds: 61.4, conditions: { machine: 'a | b' } };

it('says what was killed, how every video ended, and how long that took', () => {
  const text = renderMarkdown({ production: runOf(result, about) });
  expect(text).toContain('**Everything held**: 2 of 3 points (seed 7, 2030-01-01 00:00 UTC, 61 s).');
  expect(text).toContain('1 videos ended `ready`, 0 `failed`, 1 were never acknowledged');
  expect(text).toContain('at most 33.5 s (60 s are allowed)');
  expect(text).toContain(
    '| 1 | renditions | after 120 ms | foreign | worker, running renditions | acknowledged | ready | 33.5 |',
  );
  expect(text).toContain('| 2 | upload | at 50 % | foreign | api 1 | unanswered | — | 0.0 |');
  expect(text).toContain('| machine | a \\| b |');
  expect(text).not.toContain('Embedded form');
});

it('says what did not hold, and at which points nobody was killed', () => {
  const missed = { ...point, struck: 'nothing: no tool ran any more' };
  const run = runOf({ ...result, points: [missed], violations: ['point 1: a file is gone'] }, about);
  const text = renderMarkdown({ embedded: run });
  expect(text).toContain('**1 violations**');
  expect(text).toContain('- point 1: a file is gone');
  expect(text).toContain('At 1 points nobody was left to be killed.');
});

it('keeps the last run of the other form, if it understands it', () => {
  const runs = { embedded: runOf(result, about), production: runOf(result, about) };
  expect(readRuns(renderJson(runs))).toEqual(runs);
  expect(readRuns('{"embedded": {"points": 3}}')).toEqual({});
});
