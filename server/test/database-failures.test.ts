import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { listOf, startTestServer, type TestServer, type TestUser } from './server.ts';

/** What a caller sees of a database that cannot do now what it is asked, and that it goes on when it can again. */
let server: TestServer;
let user: TestUser;
let videoId: number;
beforeAll(async () => {
  server = await startTestServer();
  user = await server.user();
  videoId = await server.publish(user);
  await server.context.jobs.processAll();
});
afterAll(() => server.close());

const pages = (count: number): Promise<unknown> =>
  server.context.database.transaction((trx) => sql`pragma max_page_count = ${sql.lit(count)}`.execute(trx));
const comment = () =>
  server.call('comment', { video_id: videoId, action_type: 1, comment_text: 'x'.repeat(500) }, { token: user.token });

it('says that the storage is full, and loses nothing that it took', async () => {
  await pages(1);
  let taken = 0;
  let answer = await comment();
  for (; answer.status_code === 0; answer = await comment()) taken += 1;
  expect(answer).toEqual({ status_code: 110_605, status_msg: 'The storage is full', comment: null });
  expect(listOf(await server.call('commentList', { video_id: videoId }), 'comment_list')).toHaveLength(taken);
  await pages(1_000_000);
  expect((await comment()).status_code).toBe(0);
});

it('says that it is the database, and when to try again, while somebody else holds it', async () => {
  const other = new Sqlite(join(server.dataDir, 'tiktok.sqlite'));
  other.exec('begin immediate');
  const refused = await server.context.app.inject({
    method: 'POST',
    url: `/douyin/comment/action/?token=${user.token}&video_id=${videoId}&action_type=1&comment_text=x`,
  });
  other.exec('rollback');
  other.close();
  expect([refused.statusCode, refused.headers['retry-after']]).toEqual([503, '1']);
  expect(refused.json()).toEqual({
    status_code: 100_101,
    status_msg: 'Database error, please try again',
    comment: null,
  });
  expect((await comment()).status_code).toBe(0);
});
