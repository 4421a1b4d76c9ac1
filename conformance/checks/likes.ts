/** Section 3, favorite/. */
import { checksOf } from '../check.ts';
import { expect, expectOk, expectRefused, findById, idsOf, listOf, numberIn, rowIn } from '../expect.ts';
import type { Kit, TestUser, TestVideo } from '../kit.ts';

const like = (kit: Kit, video: TestVideo, { token }: TestUser, action: 1 | 2 = 1) =>
  kit.op('like', { video_id: video.id, action_type: action }, token);

/** The video as `viewer` sees it, in the list of its author. */
async function seen(kit: Kit, video: TestVideo, viewer: TestUser) {
  const reply = await kit.op('publishList', { user_id: video.author.id }, viewer.token);
  const row = findById(listOf(reply, 'video_list'), video.id);
  expect(reply, row !== undefined, `video ${video.id} in the list of its author`);
  return { reply, likes: numberIn(reply, row, 'favorite_count'), liked: row['is_favorite'] };
}

async function counter(kit: Kit, user: TestUser, name: string): Promise<number> {
  const reply = await kit.op('user', { user_id: user.id }, user.token);
  return numberIn(reply, rowIn(reply, 'user'), name);
}

export const likeChecks = checksOf('operations', [
  {
    id: 'likes.like',
    title: 'a like and its end show in is_favorite, the counters and favorite/list/',
    why: 'The heart turns red only if the next answer says so.',
    fix: 'Insert or delete the row and change the counters in one transaction; compute is_favorite for the token’s user.',
    run: async (kit) => {
      const [video, user] = [await kit.video(), await kit.userFor('likes')];
      const before = await seen(kit, video, user);
      expect(before.reply, before.liked === false, '"is_favorite": false before the like');
      expectOk(await like(kit, video, user), 'to like a video');
      const after = await seen(kit, video, user);
      expect(after.reply, after.liked === true, '"is_favorite": true for the user who likes it');
      const other = await seen(kit, video, await kit.carol());
      expect(other.reply, other.liked === false, '"is_favorite": false for another user');
      const list = await kit.op('likeList', { user_id: user.id }, user.token);
      const row = findById(listOf(list, 'video_list'), video.id);
      expect(list, row?.['is_favorite'] === true, `video ${video.id} with "is_favorite": true`);
      expectOk(await like(kit, video, user, 2), 'to take the like back');
      const end = await seen(kit, video, user);
      expect(end.reply, end.liked === false, '"is_favorite": false after the like was taken back');
      const empty = await kit.op('likeList', { user_id: user.id }, user.token);
      expect(empty, listOf(empty, 'video_list').length === 0, 'an empty list after the like was taken back');
    },
  },
  {
    id: 'likes.idempotent',
    fault: 'twice-is-an-error',
    title: 'liking twice, and unliking twice, is no error and counts once',
    why: 'The app repeats a call that got no answer.',
    fix: 'A unique index on (user, video); change the counter only if a row was really inserted or deleted.',
    run: async (kit) => {
      const [video, user] = [await kit.video(), await kit.userFor('likes')];
      const { likes } = await seen(kit, video, user);
      for (const [action, count] of [
        [1, likes + 1],
        [1, likes + 1],
        [2, likes],
        [2, likes],
      ] as const) {
        const reply = await like(kit, video, user, action);
        expectOk(reply, `${action === 1 ? 'a like' : 'an unlike'} to succeed, the second one too`);
        const now = await seen(kit, video, user);
        expect(now.reply, now.likes === count, `"favorite_count": ${count} after ${reply.sent}`);
      }
    },
  },
  {
    id: 'likes.counters',
    fault: 'drift',
    title: 'favorite_count, total_favorited and the liker’s favorite_count are exact, also under concurrent likes',
    why: 'Counters that drift never become right again.',
    fix: 'Change counters with "SET n = n + 1" in the transaction that inserts the row, not by read, add and write.',
    run: async (kit) => {
      const video = await kit.video();
      const users = [await kit.userFor('likes'), await kit.userFor('likes'), await kit.userFor('likes')];
      const state = async () => ({
        video: (await seen(kit, video, video.author)).likes,
        author: await counter(kit, video.author, 'total_favorited'),
      });
      const before = await state();
      const expectBy = async (more: number, own: number, when: string): Promise<void> => {
        const { reply, likes } = await seen(kit, video, video.author);
        expect(
          reply,
          likes === before.video + more,
          `"favorite_count": ${before.video + more} of video ${video.id} ${when}`,
        );
        const author = await kit.op('user', { user_id: video.author.id }, video.author.token);
        const total = numberIn(author, rowIn(author, 'user'), 'total_favorited');
        expect(author, total === before.author + more, `"total_favorited": ${before.author + more} ${when}`);
        for (const { id, token } of users) {
          const shown = await kit.op('user', { user_id: id }, token);
          const count = numberIn(shown, rowIn(shown, 'user'), 'favorite_count');
          expect(shown, count === own, `"favorite_count": ${own} of user ${id} ${when}`);
        }
      };
      // Each user twice and all at once: 3 likes are to be left.
      await Promise.all([...users, ...users].map(async (user) => expectOk(await like(kit, video, user), 'a like')));
      await expectBy(users.length, 1, `after ${users.length} users liked it twice each, all at once`);
      await Promise.all(
        [...users, ...users].map(async (user) => expectOk(await like(kit, video, user, 2), 'an unlike')),
      );
      await expectBy(0, 0, 'after all likes were taken back');
    },
  },
  {
    id: 'likes.order',
    fault: 'reordered',
    title: 'like, unlike, like, unlike … ends as the last call says, at once and a moment later',
    why: 'With a queue behind the answer, an older like may be stored after a newer unlike.',
    fix: 'Write before you answer, or give the messages of one user and video one queue and an order.',
    run: async (kit) => {
      const [video, user] = [await kit.video(), await kit.userFor('likes')];
      const { likes } = await seen(kit, video, user);
      for (let round = 0; round < 4; round += 1) {
        await kit.step('like', { video_id: video.id, action_type: 1 }, user.token);
        await kit.step('like', { video_id: video.id, action_type: 2 }, user.token);
      }
      for (const waitMs of [0, 300]) {
        await new Promise((resolve) => setTimeout(resolve, waitMs));
        const { reply, liked, likes: now } = await seen(kit, video, user);
        const holds = liked === false && now === likes;
        expect(reply, holds, `"is_favorite": false and "favorite_count": ${likes}: the last call was an unlike`);
      }
    },
  },
  {
    id: 'likes.list-of-user',
    fault: 'oneself-only',
    title: 'favorite/list/ is of user_id and not of the token; latest like first',
    why: 'The app shows it on the profiles of others.',
    fix: 'Filter by user_id and order by the time of the like, latest first; is_favorite stays relative to the token.',
    run: async (kit) => {
      const [liker, viewer] = [await kit.userFor('likes'), await kit.userFor('likes')];
      const [video, [first]] = [await kit.video(), await kit.twins()];
      // The newer video is liked first: the order of likes differs from the order of videos.
      for (const { id } of [first, video]) await kit.step('like', { video_id: id, action_type: 1 }, liker.token);
      for (const token of [liker.token, viewer.token, undefined]) {
        const reply = await kit.op('likeList', { user_id: liker.id }, token);
        const rows = listOf(reply, 'video_list');
        const wanted = [video.id, first.id];
        const holds = JSON.stringify(idsOf(rows)) === JSON.stringify(wanted);
        expect(reply, holds, `videos ${wanted.join(', ')}: what user ${liker.id} likes, latest like first`);
        const flag = token === liker.token;
        const flags = rows.every((row) => row['is_favorite'] === flag);
        expect(reply, flags, `"is_favorite": ${flag}: it is about who asks`);
      }
      const own = await kit.op('likeList', { user_id: viewer.id }, liker.token);
      expect(own, listOf(own, 'video_list').length === 0, `an empty list: user ${viewer.id} likes nothing`);
    },
  },
  {
    id: 'likes.unknown-video',
    title: 'a video that does not exist cannot be liked',
    why: 'A like without its video makes lists fail later.',
    fix: 'Look the video up in the same transaction and refuse.',
    run: async (kit) => {
      const { token } = await kit.alice();
      const id = Number.MAX_SAFE_INTEGER - 1;
      expectRefused(await kit.op('like', { video_id: id, action_type: 1 }, token), 'there is no such video');
      expectRefused(await kit.op('like', { action_type: 1 }, token), 'video_id is missing');
    },
  },
]);
