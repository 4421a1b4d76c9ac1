import { describe, expect, it } from 'vitest';
import { judgeReads } from './checker.ts';
import type { Operation } from './history.ts';
import { unansweredMaxMs } from './registers.ts';
import {
  chatOf,
  commentEffect,
  commentRegister,
  commentsOn,
  feedList,
  followEffect,
  followRegister,
  likedBy,
  likeEffect,
  likeRegister,
  messageEffect,
  messageRegister,
  publishEffect,
  userCount,
  videoCount,
  videoRegister,
} from './site.ts';
import { count, flag, list, lost, read, refused, write } from './test/histories.ts';

const video = { id: 9, authorId: 5 };
const likes = likeRegister(1, 9);
const on = likeEffect(1, video, true);
const off = likeEffect(1, video, false);
const favorites = videoCount('favorite_count', 9);

/** What is wrong with a history, in short. */
const rules = (...operations: Operation[]): string[] => judgeReads(operations).map(({ rule }) => rule);

describe('a flag', () => {
  it('is what was acknowledged before the read began, or what was under way meanwhile', () => {
    expect(rules(write(on, [0, 10]), read([20, 30], flag(likes, true)))).toEqual([]);
    for (const value of [true, false]) {
      expect(rules(write(on, [0, 25]), read([20, 30], flag(likes, value))), 'acknowledged meanwhile').toEqual([]);
      expect(rules(write(on, [25, 50]), read([20, 30], flag(likes, value))), 'begun meanwhile').toEqual([]);
    }
    expect(rules(read([20, 30], flag(likes, false)), write(on, [40, 50]))).toEqual([]);
  });

  it('is stale if it shows what was before, by the time since the acknowledgement', () => {
    const like = write(on, [0, 10]);
    const [finding] = judgeReads([like, read([17, 30], flag(likes, false))]);
    expect(finding).toMatchObject({ rule: 'stale', ageMs: 7, missed: like });
  });

  it('is stale by the first write that it does not show, not the last', () => {
    const first = write(on, [0, 10]);
    const operations = [first, write(on, [20, 30]), write(on, [40, 50]), read([60, 70], flag(likes, false))];
    expect(judgeReads(operations)[0]).toMatchObject({ rule: 'stale', ageMs: 50, missed: first });
  });

  it('must not come back: a value that was overwritten, from before a pause', () => {
    const operations = [write(on, [0, 10]), write(off, [20, 30])];
    expect(
      rules(...operations, read([1_000, 1_010], flag(likes, false)), read([2_000, 2_010], flag(likes, true))),
    ).toEqual(['stale']);
  });

  it('is impossible if nobody ever made it so, or only later', () => {
    expect(rules(read([0, 10], flag(likes, true)))).toEqual(['impossible']);
    expect(rules(read([0, 10], flag(likes, true)), write(on, [20, 30]))).toEqual(['impossible']);
  });

  it('may be either after writes that overlapped', () => {
    const overlapping = [write(on, [0, 20]), write(off, [10, 30])];
    for (const value of [true, false]) expect(rules(...overlapping, read([40, 50], flag(likes, value)))).toEqual([]);
  });

  it('may be either after a write that was not answered, until the next one that comes after its end', () => {
    const unsure = write(on, [0, 10], lost);
    const late = 10 + unansweredMaxMs;
    for (const value of [true, false]) {
      expect(rules(unsure, read([late + 50, late + 60], flag(likes, value)))).toEqual([]);
      expect(rules(unsure, write(off, [20, 30]), read([40, 50], flag(likes, value))), 'still on its way').toEqual([]);
    }
    expect(rules(unsure, write(off, [late + 1, late + 2]), read([late + 3, late + 4], flag(likes, true)))).toEqual([
      'stale',
    ]);
  });

  it('is not changed by what was refused, and may be by what failed', () => {
    expect(rules(write(on, [0, 10], refused(200, 110201)), read([20, 30], flag(likes, true)))).toEqual(['impossible']);
    for (const value of [true, false]) {
      expect(rules(write(on, [0, 10], refused(503, 100101)), read([20, 30], flag(likes, value)))).toEqual([]);
    }
  });
});

describe('a counter', () => {
  const others = [2, 3, 4].map((userId, i) => write(likeEffect(userId, video, true), [10 * i, 10 * i + 5]));

  it('counts what is on, within what is under way', () => {
    expect(rules(...others, read([100, 110], count(favorites, 3)))).toEqual([]);
    const withUnsure = [...others, write(on, [40, 50], lost), write(likeEffect(2, video, false), [105, 120])];
    for (const value of [2, 3, 4]) expect(rules(...withUnsure, read([100, 110], count(favorites, value)))).toEqual([]);
    expect(rules(...withUnsure, read([100, 110], count(favorites, 1)))).toEqual(['stale']);
    expect(rules(...withUnsure, read([100, 110], count(favorites, 5)))).toEqual(['impossible']);
  });

  it('is found when a like is lost: it shows one less than was acknowledged', () => {
    const [finding] = judgeReads([...others, read([1_000, 1_010], count(favorites, 2))]);
    expect(finding).toMatchObject({ rule: 'stale', ageMs: 1_000 - 25, missed: others[2] });
    expect(finding?.words).toContain('favorite_count of video 9: 2, and it has to be 3');
  });

  it('is found when a like counts twice, or a repeated one again', () => {
    const repeated = [write(on, [0, 10]), write(on, [20, 30])];
    expect(rules(...repeated, read([40, 50], count(favorites, 1)))).toEqual([]);
    expect(rules(...repeated, read([40, 50], count(favorites, 2)))).toEqual(['impossible']);
  });

  it('is that of every object that the write counts for', () => {
    const counters = [userCount('favorite_count', 1), userCount('total_favorited', 5)];
    for (const counter of counters) {
      expect(rules(write(on, [0, 10]), read([20, 30], count(counter, 1)))).toEqual([]);
      expect(rules(write(on, [0, 10]), read([20, 30], count(counter, 0)))).toEqual(['stale']);
    }
  });
});

describe('a list', () => {
  const add = (text: string, at: number): Operation => write(commentEffect(9, text, true), [at, at + 5]);
  const comments = commentsOn(9);

  it('shows what is there, once, and nothing else', () => {
    const operations = [add('a', 0), add('b', 10), write(commentEffect(9, 'a', false), [20, 25])];
    expect(rules(...operations, read([30, 40], list(comments, [commentRegister('b')])))).toEqual([]);
    expect(rules(...operations, read([30, 40], list(comments, [])))).toEqual(['stale']);
    const both = list(comments, [commentRegister('a'), commentRegister('b')]);
    expect(rules(...operations, read([30, 40], both)), 'a deleted comment').toEqual(['stale']);
    const doubled = list(comments, [commentRegister('b'), commentRegister('b')]);
    expect(rules(...operations, read([30, 40], doubled)), 'a doubled comment').toEqual(['twice']);
    const foreign = list(comments, [commentRegister('b'), commentRegister('c')]);
    expect(rules(...operations, read([30, 40], foreign)), 'one from nowhere').toEqual(['impossible']);
  });

  it('may leave out older ones where a page ends, but not newer ones than it shows', () => {
    const operations = ['a', 'b', 'c'].map((text, i) => add(text, 10 * i));
    const page = (...texts: string[]) =>
      read([90, 99], list(comments, texts.map(commentRegister), { complete: false }));
    expect(rules(...operations, page('b', 'c'))).toEqual([]);
    expect(rules(...operations, page('a', 'b'))).toEqual(['stale']);
  });

  it('is in the order of time where it says so', () => {
    const chat = chatOf(1, 2);
    const operations = [write(messageEffect(1, 2, 'x'), [0, 5]), write(messageEffect(2, 1, 'y'), [10, 15])];
    expect(rules(...operations, read([20, 30], list(chat, ['x', 'y'].map(messageRegister))))).toEqual([]);
    expect(rules(...operations, read([20, 30], list(chat, ['y', 'x'].map(messageRegister))))).toEqual(['unordered']);
    const overlapping = [write(messageEffect(1, 2, 'x'), [0, 12]), write(messageEffect(2, 1, 'y'), [10, 15])];
    expect(rules(...overlapping, read([20, 30], list(chat, ['y', 'x'].map(messageRegister))))).toEqual([]);
  });

  it('of likes and videos agrees with the same registers', () => {
    expect(rules(write(on, [0, 10]), read([20, 30], list(likedBy(1), [likes])))).toEqual([]);
    expect(rules(write(on, [0, 10]), read([20, 30], list(likedBy(1), [])))).toEqual(['stale']);
    const publish = write(publishEffect(5, 'v'), [0, 10]);
    expect(rules(publish, read([20, 30], list(feedList, [videoRegister('v')])))).toEqual([]);
    expect(rules(publish, read([20, 30], list(feedList, [])))).toEqual(['stale']);
  });
});

describe('friends and the latest message', () => {
  const mutual = [followRegister(1, 2), followRegister(2, 1)] as const;
  const follows = [write(followEffect(1, 2, true), [0, 5]), write(followEffect(2, 1, true), [10, 15])];

  it('are friends exactly if both follow', () => {
    expect(rules(...follows, read([20, 30], { is: 'both', registers: mutual, value: true }))).toEqual([]);
    expect(rules(...follows, read([20, 30], { is: 'both', registers: mutual, value: false }))).toEqual(['stale']);
    expect(rules(...follows.slice(1), read([20, 30], { is: 'both', registers: mutual, value: true }))).toEqual([
      'impossible',
    ]);
  });

  it('see the message that nothing came after', () => {
    const sent = [write(messageEffect(1, 2, 'x'), [0, 5]), write(messageEffect(2, 1, 'y'), [10, 15])];
    const latest = (member: string | undefined) =>
      read([20, 30], { is: 'latest', list: chatOf(1, 2), member: member && messageRegister(member) });
    expect(rules(...sent, latest('y'))).toEqual([]);
    expect(rules(...sent, latest('x'))).toEqual(['stale']);
    expect(rules(...sent, latest(undefined))).toEqual(['stale']);
    expect(rules(latest(undefined))).toEqual([]);
  });
});
