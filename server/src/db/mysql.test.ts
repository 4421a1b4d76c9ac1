import { inspect } from 'node:util';
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { describeEngine } from '../../test/engines.ts';
import { openTemporaryMysql, type TemporaryMysql } from '../../test/temporary-mysql.ts';
import { userStore } from '../store/index.ts';
import { databaseConformance } from './database.conformance.ts';
import { MysqlError } from './mysql.ts';

const user = (id: number) => ({ id, name: `${id}`, nameKey: `${id}`, passwordHash: 'x', createdAt: 1 });
const zeros = { follow_count: 0, follower_count: 0, total_favorited: 0, work_count: 0, favorite_count: 0 };

describeEngine('mysql', (url) => {
  let store: TemporaryMysql;
  beforeAll(async () => {
    store = await openTemporaryMysql(url);
  });
  afterAll(() => store.remove());
  beforeEach(() => store.empty());

  describe('as a database', () => {
    databaseConformance(async () => ({
      database: store.database,
      reopen: store.reopen,
      dispose: async () => {
        await store.reopen();
      },
    }));
  });

  const valuesOf = async (query: string): Promise<unknown[]> => {
    const { rows } = await sql.raw(query).execute(store.database.reader);
    return rows.flatMap((row) => (typeof row === 'object' && row !== null ? Object.values(row) : []));
  };

  it('leaves nothing of its session to how the server is set', async () => {
    const [isolation] = (
      await valuesOf("show variables where variable_name in ('tx_isolation', 'transaction_isolation')")
    ).filter((value) => /READ/.test(String(value)));
    expect(isolation).toBe('READ-COMMITTED');
    const [mode, ...others] = await valuesOf(
      'select @@sql_mode, @@autocommit, @@innodb_lock_wait_timeout, @@character_set_client, @@character_set_results',
    );
    expect(String(mode).split(',')).toContain('STRICT_TRANS_TABLES');
    expect(mode).not.toContain('NO_BACKSLASH_ESCAPES');
    expect(others).toEqual([1, 1, 'utf8mb4', 'utf8mb4']);
  });

  it('gives counts, sums and largest values as numbers', async () => {
    await store.database.transaction(async (trx) => {
      for (const id of [1, 2, Number.MAX_SAFE_INTEGER - 3]) await userStore.insertUser(trx, user(id));
    });
    expect(await valuesOf('select count(*), sum(id), max(id), sum(follow_count) from users')).toEqual([
      3,
      Number.MAX_SAFE_INTEGER,
      Number.MAX_SAFE_INTEGER - 3,
      0,
    ]);
  });

  it('refuses to write where nothing takes it back', async () => {
    const write = store.database.reader.insertInto('meta').values({ name: 'demo', value: 'x' }).execute();
    await expect(write).rejects.toThrow('what writes needs a transaction');
  });

  it('says nothing of the values of a statement that failed', async () => {
    await store.database.transaction((trx) => userStore.insertUser(trx, user(1)));
    const values = { ...user(1), name_key: 'other', password_hash: 'a hash', token_version: 1, signature: 'secret' };
    const { nameKey: _key, passwordHash: _hash, createdAt: created_at, ...row } = values;
    const writing = store.database.transaction((trx) =>
      trx
        .insertInto('users')
        .values({ ...row, ...zeros, created_at })
        .execute(),
    );
    const error: unknown = await writing.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(MysqlError);
    expect(store.database.failureOf(error)).toBeUndefined();
    expect(inspect(error, { depth: 9 })).toContain('Duplicate entry');
    expect(inspect(error, { depth: 9 })).not.toMatch(/a hash|secret/);
  });
});
