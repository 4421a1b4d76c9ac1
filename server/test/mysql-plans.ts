/**
 * How MySQL goes about a query: EXPLAIN of what a store sends, on tables with enough rows that the choice of a plan means
 * something.
 */
import { type CompiledQuery, Kysely } from 'kysely';
import mysql from 'mysql2/promise';
import type { Tables, Transaction } from '../src/db/index.ts';
import { flavours } from '../src/db/mysql-connection.ts';
import { driverOver, mysqlDialect, QueryingConnection } from '../src/db/mysql-dialect.ts';
import { openTemporaryMysql } from './temporary-mysql.ts';

export type MysqlPlan = {
  readonly sql: string;
  readonly table: string;
  /** How rows are found: `ALL` reads the whole table, `index` the whole index. */
  readonly type: string;
  readonly key: string;
  readonly extra: string;
};

export type MysqlPlans = {
  /** The plans of everything that `run` reads, changes or deletes; what it did is taken back. */
  of(run: (trx: Transaction) => Promise<unknown>): Promise<MysqlPlan[]>;
  close(): Promise<void>;
};

/** The numbers from 1 to `count`, at most 100,000; both servers end a recursion at 1,000. */
const numbers = (count: number): string => {
  const digit = (name: string) => `(select 0 as n union select 1 union select 2 union select 3 union select 4
    union select 5 union select 6 union select 7 union select 8 union select 9) as ${name}`;
  const all = `select 1 + a.n + 10 * b.n + 100 * c.n + 1000 * d.n + 10000 * e.n as n
    from ${['a', 'b', 'c', 'd', 'e'].map(digit).join(' cross join ')}`;
  return `(select n from (${all}) as every where n <= ${count}) as x`;
};

/** 2,000 users, of whom each follows 20 and speaks with 10; 20,000 videos; 20 likes and comments a user; jobs, most of them dead. */
const seeds = [
  `insert into users (id, name, name_key, password_hash, token_version, signature, created_at)
    select n, n, n, '', 1, '', n from ${numbers(2_000)}`,
  `insert into videos (id, author_id, title, state, published_at, play_key, duration_ms, width, height, size_bytes, sha256)
    select n, 1 + n % 2000, '', case n % 100 when 0 then 'deleted' when 1 then 'processing' else 'ready' end, n, '', 1, 1, 1, 1, '' from ${numbers(20_000)}`,
  `insert into likes (id, user_id, video_id)
    select n, 1 + n % 2000, 1 + (n * 7) % 20000 from ${numbers(40_000)} on duplicate key update likes.id = likes.id`,
  `insert into follows (id, follower_id, followee_id)
    select n, 1 + n % 2000, 1 + (n % 2000 + 1 + n div 2000) % 2000 from ${numbers(40_000)}`,
  // Everybody follows user 2000, who follows half of them.
  `insert into follows (id, follower_id, followee_id)
    select 50000 + n, n, 2000 from ${numbers(1_999)} on duplicate key update follows.id = follows.id`,
  `insert into follows (id, follower_id, followee_id)
    select 60000 + n, 2000, n * 2 from ${numbers(999)} on duplicate key update follows.id = follows.id`,
  `insert into comments (id, video_id, user_id, content, created_at)
    select n, 1 + n % 20000, 1 + n % 2000, '', n from ${numbers(40_000)}`,
  `insert into conversations (low_user_id, high_user_id, last_message_id, last_message_at)
    select 1 + n % 1000, 1001 + n div 1000, n, n from ${numbers(10_000)}`,
  `insert into messages (id, low_user_id, high_user_id, from_user_id, content, created_at)
    select n, 1 + n % 1000, 1001 + n div 10000, 1 + n % 1000, '', n from ${numbers(40_000)}`,
  `insert into outbox (id, name, payload, lane, state, run_at, attempts, created_at)
    select n, 'cache.delete', '{}', 'quick', if(n % 20 = 0, 'pending', 'dead'), n, 0, n from ${numbers(10_000)}`,
  `insert into meta (name, value) select concat('name', n), '' from ${numbers(100)}`,
];

class TakeBack extends Error {}

export async function openMysqlPlans(url: string): Promise<MysqlPlans> {
  const store = await openTemporaryMysql(url);
  for (const seed of seeds) await store.run(seed);
  await store.run('analyze table users, videos, likes, follows, comments, conversations, messages, outbox, meta');
  const { host, port, user, password, database } = store.options;
  const connection = await mysql.createConnection({ host, port, user, password, database, supportBigNumbers: true });
  const sent: CompiledQuery[] = [];
  const query = async (sql: string, values: readonly unknown[] = []) => {
    const [answer] = await connection.query(sql, [...values]);
    const affectedRows = 'affectedRows' in answer ? answer.affectedRows : undefined;
    return { rows: Array.isArray(answer) ? answer : [], affectedRows };
  };
  const querying = new QueryingConnection(async (compiled) => {
    sent.push(compiled);
    return await query(compiled.sql, compiled.parameters);
  });
  const [version] = await store.run('select version() as version');
  const flavour = flavours[JSON.stringify(version).includes('MariaDB') ? 'MariaDB' : 'MySQL'];
  const run = (sql: string) => async (): Promise<void> => {
    await query(sql);
  };
  const db = new Kysely<Tables>({
    dialect: mysqlDialect(flavour, {
      ...driverOver(querying),
      beginTransaction: run('start transaction'),
      commitTransaction: run('commit'),
      rollbackTransaction: run('rollback'),
    }),
  });
  return {
    of: async (use) => {
      sent.length = 0;
      await db
        .transaction()
        .execute(async (trx) => {
          await use(trx);
          throw new TakeBack();
        })
        .catch((error: unknown) => {
          if (!(error instanceof TakeBack)) throw error;
        });
      const plans: MysqlPlan[] = [];
      for (const { sql, parameters } of sent.filter(({ sql }) => /^(?:select|update|delete)/.test(sql))) {
        const { rows } = await query(`explain ${sql}`, parameters);
        for (const row of rows) plans.push(planOf(sql, row));
      }
      return plans;
    },
    close: async () => {
      await connection.end();
      await store.remove();
    },
  };
}

function planOf(sql: string, row: unknown): MysqlPlan {
  const columns = new Map<string, unknown>(typeof row === 'object' && row !== null ? Object.entries(row) : []);
  const text = (name: string): string => String(columns.get(name) ?? '');
  return { sql, table: text('table'), type: text('type'), key: text('key'), extra: text('Extra') };
}
