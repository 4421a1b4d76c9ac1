import { expect, it } from 'vitest';
import { disagreements, type Rows, rowsAsRead } from './agreement.ts';
import { judgeReads } from './checker.ts';
import type { Operation } from './history.ts';
import { commentEffect, commentRegister, commentsOn, likedBy, likeEffect, likeRegister, videoCount } from './site.ts';
import { count, flag, list, lost, read, write } from './test/histories.ts';

const video = { id: 9, authorId: 5 };
const like = (userId: number): string => likeRegister(userId, 9);
/** Users 1 and 2 like the video; nobody knows of user 3. */
const history: Operation[] = [
  write(likeEffect(1, video, true), [0, 10]),
  write(likeEffect(2, video, true), [0, 10]),
  write(likeEffect(3, video, true), [0, 10], lost),
  write(commentEffect(9, 'a', true), [0, 10]),
];
const favorites = (value: number) => ({ is: 'count', counter: videoCount('favorite_count', 9), value }) as const;
const rowsOf = (registers: readonly string[], ...counters: Rows['counters']): Rows => ({ registers, counters });
const inTables = (rows: Rows): string[] =>
  judgeReads([...history, rowsAsRead(rows, history, 100)]).map(({ rule }) => rule);
const good = [like(1), like(2), commentRegister('a')];

it('finds rows that are lost, doubled or from nowhere', () => {
  expect(inTables(rowsOf(good))).toEqual([]);
  expect(inTables(rowsOf([...good, like(3)])), 'what was not answered may have happened').toEqual([]);
  expect(inTables(rowsOf([like(1), commentRegister('a')])), 'a lost like').toEqual(['stale']);
  expect(inTables(rowsOf([...good, commentRegister('a')])), 'a doubled comment').toEqual(['twice']);
  expect(inTables(rowsOf([...good, commentRegister('b')])), 'from nowhere').toEqual(['impossible']);
});

it('finds a counter that is not the number of its rows, though the history would allow it', () => {
  expect(disagreements(rowsOf(good, favorites(2)), history, [], 0)).toEqual([]);
  const [violation] = disagreements(rowsOf(good, favorites(3)), history, [], 0);
  expect(violation?.words).toBe('the database counts favorite_count of video 9: 3, and has 2 rows');
});

it('finds a process that shows something else than the rows, though the history would allow it', () => {
  const wordsOf = (...seen: Parameters<typeof read>[1][]): string[] =>
    disagreements(rowsOf(good), history, [read([50, 60], ...seen)], 0).map(({ words }) => words);
  expect(wordsOf(flag(like(3), false), count(favorites(0).counter, 2), list(likedBy(1), [like(1)]))).toEqual([]);
  expect(wordsOf(flag(like(3), true))).toEqual(['shows user 3 likes video 9: yes']);
  expect(wordsOf(count(favorites(0).counter, 3))).toEqual(['shows favorite_count of video 9: 3, and there are 2 rows']);
  expect(wordsOf(list(likedBy(3), [like(3)]))).toHaveLength(1);
  expect(wordsOf(list(commentsOn(9), []))).toHaveLength(1);
  expect(wordsOf({ is: 'both', registers: [like(1), like(3)], value: true })).toHaveLength(1);
});
