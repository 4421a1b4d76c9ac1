/** The tables of a site, read from beside its processes: rows and counters in the words of the history. */

import { DatabaseSync } from 'node:sqlite';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import type { Rows } from './agreement.ts';
import { isRow, type Row } from './client.ts';
import {
  commentRegister,
  followRegister,
  likeRegister,
  messageRegister,
  userCount,
  userCounters,
  videoCount,
  videoCounters,
  videoRegister,
} from './site.ts';

/** Jobs that are due later than this are planned (the end of replaced files); a retry comes earlier. */
const soonMs = 15 * 60_000;

export interface TableReader {
  /** Rows of a query that changes nothing. */
  readonly query: Query;
  /** What belongs to these users. */
  rowsOf(userIds: readonly number[]): Promise<Rows>;
  /** Jobs that are still to be done soon, and those that were given up. */
  jobs(): Promise<{ readonly due: number; readonly dead: number; readonly names: readonly string[] }>;
}

export type Query = (sql: string) => Promise<readonly Row[]>;

export function sqliteTables(path: string): TableReader {
  const query: Query = async (sql) => {
    // Opened for each look, so that a server that starts or is killed meanwhile is not in the way.
    const database = new DatabaseSync(path, { readOnly: true });
    try {
      return database.prepare(sql).all();
    } finally {
      database.close();
    }
  };
  return tablesBy(query);
}

export function mysqlTables(url: string): TableReader {
  const query: Query = async (sql) => {
    const connection = await createConnection({ uri: url, supportBigNumbers: true });
    try {
      const [rows] = await connection.query<RowDataPacket[]>(sql);
      return rows.filter(isRow);
    } finally {
      await connection.end();
    }
  };
  return tablesBy(query);
}

const numberOf = (row: Row, name: string): number => Number(row[name]);
const textOf = (row: Row, name: string): string => String(row[name]);

function tablesBy(query: Query): TableReader {
  return {
    query,
    rowsOf: async (userIds) => {
      const users = userIds.map(Number).join(', ');
      const counted = await query(`select id, ${userCounters.join(', ')} from users where id in (${users})`);
      const videos = await query(
        `select id, title, ${videoCounters.join(', ')} from videos where author_id in (${users}) and state = 'ready'`,
      );
      const likes = await query(`select user_id, video_id from likes where user_id in (${users})`);
      const follows = await query(`select follower_id, followee_id from follows where follower_id in (${users})`);
      const comments = await query(`select content from comments where user_id in (${users})`);
      const messages = await query(`select content from messages where from_user_id in (${users})`);
      return {
        registers: [
          ...videos.map((row) => videoRegister(textOf(row, 'title'))),
          ...likes.map((row) => likeRegister(numberOf(row, 'user_id'), numberOf(row, 'video_id'))),
          ...follows.map((row) => followRegister(numberOf(row, 'follower_id'), numberOf(row, 'followee_id'))),
          ...comments.map((row) => commentRegister(textOf(row, 'content'))),
          ...messages.map((row) => messageRegister(textOf(row, 'content'))),
        ],
        counters: [
          ...counted.flatMap((row) =>
            userCounters.map((counter) => ({
              is: 'count' as const,
              counter: userCount(counter, numberOf(row, 'id')),
              value: numberOf(row, counter),
            })),
          ),
          ...videos.flatMap((row) =>
            videoCounters.map((counter) => ({
              is: 'count' as const,
              counter: videoCount(counter, numberOf(row, 'id')),
              value: numberOf(row, counter),
            })),
          ),
        ],
      };
    },
    jobs: async () => {
      const soon = Date.now() + soonMs;
      const rows = await query(
        `select name, state, last_error from outbox where state = 'dead' or run_at <= ${soon} limit 1000`,
      );
      const dead = rows.filter(({ state }) => state === 'dead');
      return {
        due: rows.length - dead.length,
        dead: dead.length,
        names: rows.map((row) => `${textOf(row, 'name')} (${textOf(row, 'last_error')})`),
      };
    },
  };
}
