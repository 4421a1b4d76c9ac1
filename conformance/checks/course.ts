/** The facts about the course's public black-box tests: the calls that they make, with parameters where they put them. */
import { type OperationName, operations } from '@tiktok-server/contract';
import { checksOf, lookAt, Unchecked } from '../check.ts';
import type { Values } from '../client.ts';
import { expect, expectOk, expectRefused, findById, idOf, listOf, rowIn, textIn } from '../expect.ts';
import { type Kit, newName } from '../kit.ts';

/** The same parameters in the query and in a form body, with GET as well. */
function both(kit: Kit, name: OperationName, parameters: Values) {
  const { method, path } = operations[name];
  return kit.api.call(method, path, { query: parameters, form: parameters });
}

export const courseChecks = checksOf('course', [
  {
    id: 'course.feed',
    title: 'the feed has at least one video, each with id, author, play_url and cover_url',
    why: 'The feed test runs before all others and expects a video in a feed that nothing was uploaded to.',
    fix: 'Publish one video before you run the tests, or at the first start.',
    run: async (kit) => {
      const reply = await kit.firstFeed();
      const videos = listOf(reply, 'video_list');
      if (videos.length === 0) {
        throw new Unchecked('the feed was empty: publish a video before you run the public tests, they expect one');
      }
      for (const row of videos) {
        expect(reply, idOf(row) > 0, '"id" of each video');
        expect(reply, idOf(rowIn({ ...reply, body: row }, 'author')) > 0, '"author" with an "id" in each video');
        for (const name of ['play_url', 'cover_url']) {
          expect(reply, textIn(reply, row, name) !== '', `"${name}" of each video not to be empty`);
        }
      }
    },
  },
  {
    id: 'course.user',
    title: 'register, register again, login and user/, with parameters in query and form at once',
    why: 'The tests register the same users on every run and then sign in.',
    fix: 'Refuse the second registration with HTTP 200 and a status_code, and let the login succeed.',
    run: async (kit) => {
      const account = { username: newName(), password: 'secret 123' };
      expectOk(await both(kit, 'register', account), 'to register');
      const again = await both(kit, 'register', account);
      expectRefused(again, 'the user exists');
      expect(again, again.status === 200, 'HTTP 200 for an existing user');
      const login = await both(kit, 'login', account);
      expectOk(login, 'to sign in');
      const [id, token] = [idOf(login.body, 'user_id'), textIn(login, login.body, 'token')];
      const user = await both(kit, 'user', { user_id: id, token });
      expect(user, idOf(rowIn(user, 'user')) === id, `user ${id}`);
    },
  },
  {
    id: 'course.publish',
    title: 'an upload as data, token, title is in publish/list/ immediately',
    why: 'The test reads the list right after the upload.',
    fix: 'Store the video before you answer; do not leave it to a queue.',
    run: async (kit) => {
      const { id, author } = await lookAt(kit.video());
      const reply = await both(kit, 'publishList', { user_id: author.id, token: author.token });
      expect(reply, findById(listOf(reply, 'video_list'), id) !== undefined, `video ${id}`);
    },
  },
  {
    id: 'course.interaction',
    title: 'like, favorite/list/, comment and its deletion, comment/list/',
    why: 'The test of interactions takes a video of the feed.',
    fix: 'Read these parameters from the query and the form, and answer the new comment with its id.',
    run: async (kit) => {
      const [video, { id, token }] = [await kit.video(), await kit.userFor('likes')];
      expectOk(await both(kit, 'like', { token, video_id: video.id, action_type: 1 }), 'the like');
      const likes = await both(kit, 'likeList', { token, user_id: id });
      expect(likes, findById(listOf(likes, 'video_list'), video.id) !== undefined, `video ${video.id} among the likes`);
      const added = await both(kit, 'comment', {
        token,
        video_id: video.id,
        action_type: 1,
        comment_text: '测试评论',
      });
      const comment = idOf(rowIn(added, 'comment'));
      expect(added, comment > 0, '"comment" with its "id"');
      const list = await both(kit, 'commentList', { token, video_id: video.id });
      expect(list, findById(listOf(list, 'comment_list'), comment) !== undefined, `comment ${comment} in the list`);
      const gone = await both(kit, 'comment', { token, video_id: video.id, action_type: 2, comment_id: comment });
      expectOk(gone, 'the deletion of the comment');
    },
  },
  {
    id: 'course.relation',
    title: 'a follow is in follow/list/ of one and in follower/list/ of the other',
    why: 'The test of relations looks into both lists.',
    fix: 'Store the follow before you answer, and filter both lists by user_id.',
    run: async (kit) => {
      const [one, other] = [await kit.userFor('follows'), await kit.userFor('follows')];
      expectOk(await both(kit, 'follow', { token: one.token, to_user_id: other.id, action_type: 1 }), 'the follow');
      const follows = await both(kit, 'followList', { token: one.token, user_id: one.id });
      expect(follows, findById(listOf(follows, 'user_list'), other.id) !== undefined, `user ${other.id}`);
      const followers = await both(kit, 'followerList', { token: other.token, user_id: other.id });
      expect(followers, findById(listOf(followers, 'user_list'), one.id) !== undefined, `user ${one.id}`);
      expectOk(await both(kit, 'friendList', { token: one.token, user_id: one.id }), 'the list of friends');
    },
  },
  {
    id: 'course.message',
    title: 'a message whose content comes twice in the query and not in the form is readable by both sides',
    why: 'The message test sends exactly this.',
    fix: 'Take the first value of content from the query, whatever the form has.',
    run: async (kit) => {
      const [one, other] = [await kit.userFor('messages'), await kit.userFor('messages')];
      const content = '测试消息';
      const form = { token: one.token, to_user_id: other.id, action_type: 1 };
      const query = { ...form, content: [content, content] };
      expectOk(await kit.api.call('POST', operations.sendMessage.path, { query, form }), 'the message');
      for (const [reader, partner] of [
        [one, other],
        [other, one],
      ] as const) {
        const reply = await both(kit, 'chat', { token: reader.token, to_user_id: partner.id });
        const found = listOf(reply, 'message_list').some((row) => row['content'] === content);
        expect(reply, found, `the message "${content}", once and not joined with itself`);
      }
    },
  },
]);
