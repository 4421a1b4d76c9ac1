import { errors } from '@tiktok-server/contract';
import { describe, expect, it } from 'vitest';
import type { Operation } from './history.ts';
import { commentEffect, commentRegister, likeEffect, likeRegister, videoCount } from './site.ts';
import { count, flag, lost, read, refused, write } from './test/histories.ts';
import { availableAgainMs, freshAgainMs, judge, type Tolerance, type Window } from './verdict.ts';

const video = { id: 9, authorId: 5 };
const on = likeEffect(1, video, true);
const strict: Tolerance = {
  refused: () => false,
  unanswered: () => false,
  refusalMaxMs: () => 0,
  staleMaxMs: 0,
  delaysJobs: false,
};
const window = (startMs: number, endMs: number, tolerance: Partial<Tolerance> = {}): Window => ({
  fault: 'a fault',
  startMs,
  endMs,
  tolerance: { ...strict, ...tolerance },
});
const rules = (operations: readonly Operation[], ...windows: Window[]): string[] =>
  judge(operations, windows, 0).violations.map(({ rule }) => rule);

describe('stale reads', () => {
  const like = write(on, [0, 10]);
  const staleAt = (startMs: number): Operation => read([startMs, startMs + 5], flag(likeRegister(1, 9), false));

  it('are a violation while no fault is on', () => {
    const { figures, violations } = judge([like, staleAt(20)], [], 0);
    expect(figures).toMatchObject({ staleOutside: 1, staleInside: 0 });
    expect(violations).toHaveLength(1);
    expect(violations[0]?.evidence, 'the write and the read').toHaveLength(2);
  });

  it('are measured while one is on, and bounded by what is stated for it', () => {
    const { figures, violations } = judge([like, staleAt(910)], [window(500, 1_000, { staleMaxMs: 1_000 })], 0);
    expect(figures).toMatchObject({ staleOutside: 0, staleInside: 1, largestStaleMs: 900 });
    expect(violations).toEqual([]);
    expect(rules([like, staleAt(910)], window(500, 1_000, { staleMaxMs: 800 }))).toEqual(['stale']);
    expect(rules([like, staleAt(910)], window(500, 1_000))).toEqual(['stale']);
  });

  it('are over within the stated time after its end', () => {
    const tolerant = window(500, 1_000, { staleMaxMs: 10_000 });
    expect(rules([like, staleAt(1_000 + freshAgainMs)], tolerant)).toEqual([]);
    expect(rules([like, staleAt(1_001 + freshAgainMs)], tolerant)).toEqual(['stale']);
  });

  it('may last until jobs go on, where another fault keeps those from being done', () => {
    const tolerant = window(500, 1_000, { staleMaxMs: 10_000 });
    const late = staleAt(2_500);
    expect(rules([like, late], tolerant, window(900, 2_000))).toEqual(['stale']);
    expect(rules([like, late], tolerant, window(900, 2_000, { delaysJobs: true }))).toEqual([]);
    expect(rules([like, late], tolerant, window(1_001, 2_000, { delaysJobs: true })), 'begun later').toEqual(['stale']);
  });
});

describe('operations that fail', () => {
  it('fail only as the fault that is on allows', () => {
    const silent = write(on, [600, 700], lost);
    expect(rules([silent])).toEqual(['unavailable']);
    expect(rules([silent], window(500, 1_000))).toEqual(['unavailable']);
    expect(rules([silent], window(500, 1_000, { unanswered: () => true }))).toEqual([]);
    expect(rules([silent], window(500, 1_000, { unanswered: ({ api }) => api === 'api 2' }))).toEqual(['unavailable']);
  });

  it('are refused with 503, soon, and with a time to try again', () => {
    const tolerant = window(500, 1_000, { refused: () => true, refusalMaxMs: () => 2_000 });
    const at = (tookMs: number, outcome = refused(503, 100101)): Operation => write(on, [600, 600 + tookMs], outcome);
    expect(rules([at(100)], tolerant)).toEqual([]);
    expect(rules([at(2_001)], tolerant)).toEqual(['refused late']);
    expect(rules([at(100, refused(503, 100101, false))], tolerant)).toEqual(['no Retry-After']);
    expect(rules([at(100, refused(500, 100002))], tolerant)).toEqual(['unavailable']);
    expect(rules([at(100, refused(200, 110201))], tolerant)).toEqual(['unavailable']);
  });

  it('work again within the stated time after the end of the fault', () => {
    const tolerant = window(500, 1_000, { refused: () => true, refusalMaxMs: () => 2_000 });
    const late = 1_001 + availableAgainMs;
    const { figures } = judge([write(on, [1_200, 1_450], refused(503, 100101))], [tolerant], 0);
    expect(figures.recoveryMs).toBe(450);
    expect(rules([write(on, [late, late + 5], refused(503, 100101))], tolerant)).toEqual(['unavailable']);
  });

  it('may find a comment gone that somebody else may have deleted, and no other', () => {
    const excuse = { code: errors.ErrCommentNotFound.code, register: commentRegister('a'), value: false };
    const gone: Operation = {
      ...write(commentEffect(9, 'a', false), [20, 30], refused(200, errors.ErrCommentNotFound.code)),
      excuses: [excuse],
    };
    const added = write(commentEffect(9, 'a', true), [0, 10]);
    expect(rules([added, gone])).toEqual(['unavailable']);
    expect(rules([added, write(commentEffect(9, 'a', false), [15, 25]), gone])).toEqual([]);
  });
});

it('lets no request take longer than the limit, and none that shows what never was', () => {
  expect(rules([read([0, 5_001])])).toEqual(['slow']);
  expect(rules([read([0, 10], count(videoCount('favorite_count', 9), 1))], window(0, 10, { staleMaxMs: 1e9 }))).toEqual(
    ['impossible'],
  );
});
