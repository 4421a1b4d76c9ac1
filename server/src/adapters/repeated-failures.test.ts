import { expect, it } from 'vitest';
import { MysqlError } from '../db/mysql-errors.ts';
import { BlobStoreUnavailableError } from '../ports/index.ts';
import { RedisAwayError } from './redis-link.ts';
import { createRepeats, isAbsence } from './repeated-failures.ts';

it('are those of engines that are away, not those of this program', () => {
  const absences = [new MysqlError('timeout', ''), new RedisAwayError(''), new BlobStoreUnavailableError('')];
  expect(absences.map((error) => isAbsence(error))).toEqual([true, true, true]);
  expect(isAbsence(new Error('wrapped', { cause: new RedisAwayError('') }))).toBe(true);
  expect([new MysqlError('refused', ''), new Error('MysqlError')].map((error) => isAbsence(error))).toEqual([
    false,
    false,
  ]);
});

it('are said once for each kind, and again after a while with the number of those between', () => {
  const repeats = createRepeats();
  const error = new RedisAwayError('');
  expect([0, 1, 29_999].map((nowMs) => repeats('job failed', error, nowMs))).toEqual([
    { leftOut: 0 },
    undefined,
    undefined,
  ]);
  expect(repeats('request failed', error, 1)).toEqual({ leftOut: 0 });
  expect(repeats('job failed', new MysqlError('lost', ''), 1)).toEqual({ leftOut: 0 });
  expect(repeats('job failed', error, 30_000)).toEqual({ leftOut: 2 });
  expect(repeats('job failed', error, 60_000)).toEqual({ leftOut: 0 });
});
