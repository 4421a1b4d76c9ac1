/** Random sequences of likes, follows and comments against a model: counters equal rows, and rows equal the model. */
import { DomainError } from '@tiktok-server/contract';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { seedUsers, seedVideos } from '../../test/seed.ts';
import { startTestServer, type TestServer } from '../../test/server.ts';
import { expectCountersToEqualRows } from '../../test/stored.ts';
import { addComment, removeComment } from '../features/comment/comment.service.ts';
import { setFollow } from '../features/follow/follow.service.ts';
import { setLike } from '../features/like/like.service.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ JWT_SECRET: 'a secret of at least 32 characters, for counters' });
});
afterAll(() => server.close());

const anyActor = fc.nat({ max: 2 });
const anyStep = fc.oneof(
  fc.record({ kind: fc.constant('like' as const), by: anyActor, of: anyActor, on: fc.boolean() }),
  fc.record({ kind: fc.constant('follow' as const), by: anyActor, of: anyActor, on: fc.boolean() }),
  fc.record({ kind: fc.constant('comment' as const), by: anyActor, of: anyActor }),
  fc.record({ kind: fc.constant('uncomment' as const), by: anyActor, pick: fc.nat() }),
);

it('keeps counters equal to the rows that they count, also when steps come at once', async () => {
  const { database } = server.context;
  const { writer, ids, clock } = server.context.publishing;
  const deps = { database, writer, ids, clock };
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(anyStep, { maxLength: 6 }), { maxLength: 6 }), async (rounds) => {
      const users = await seedUsers(server, 3);
      const videos = (await Promise.all(users.map((user) => seedVideos(server, user, 1)))).flat();
      const userOf = (position: number): number => users[position]?.id ?? 0;
      const videoOf = (position: number): number => videos[position]?.id ?? 0;
      const [likes, follows] = [new Set<string>(), new Set<string>()];
      const comments: { readonly id: number; readonly videoId: number; readonly by: number }[] = [];

      const doStep = async (step: (typeof rounds)[number][number]): Promise<void> => {
        const by = userOf(step.by);
        if (step.kind === 'like') {
          await setLike(deps, by, videoOf(step.of), step.on);
          likes[step.on ? 'add' : 'delete'](`${by} ${videoOf(step.of)}`);
        } else if (step.kind === 'follow') {
          if (step.by === step.of) return;
          await setFollow(deps, by, userOf(step.of), step.on);
          follows[step.on ? 'add' : 'delete'](`${by} ${userOf(step.of)}`);
        } else if (step.kind === 'comment') {
          const { id } = await addComment(deps, by, videoOf(step.of), 'text');
          comments.push({ id, videoId: videoOf(step.of), by });
        } else {
          const [gone] = comments.splice(step.pick % (comments.length || 1), 1);
          if (gone === undefined) return;
          const author = videos.findIndex((video) => video.id === gone.videoId);
          const allowed = gone.by === by || userOf(author) === by;
          const removing = removeComment(deps, by, gone.videoId, gone.id);
          if (allowed) return await removing;
          await expect(removing).rejects.toBeInstanceOf(DomainError);
          comments.push(gone);
        }
      };
      // The writer runs one transaction after the other in the order of the calls, so the model follows the same order.
      for (const round of rounds) await Promise.all(round.map(doStep));

      await expectCountersToEqualRows(server);
      const own = new Set(users.map((user) => user.id));
      const rows = {
        likes: await database.reader.selectFrom('likes').selectAll().execute(),
        follows: await database.reader.selectFrom('follows').selectAll().execute(),
        comments: await database.reader.selectFrom('comments').selectAll().execute(),
      };
      const mine = <T extends { user_id: number }>(list: readonly T[]): T[] =>
        list.filter((row) => own.has(row.user_id));
      expect(new Set(mine(rows.likes).map((row) => `${row.user_id} ${row.video_id}`))).toEqual(likes);
      const followed = rows.follows.filter((row) => own.has(row.follower_id));
      expect(new Set(followed.map((row) => `${row.follower_id} ${row.followee_id}`))).toEqual(follows);
      const left = new Set(mine(rows.comments).map((row) => row.id));
      expect(left).toEqual(new Set(comments.map((comment) => comment.id)));
    }),
    { numRuns: 20 },
  );
});
