/** What this project adds to the course's API. Another server need not have any of it. */
import { crc32, deflateSync } from 'node:zlib';
import { checksOf } from '../check.ts';
import { expect, expectOk, expectRefused, findById, idsOf, listOf, numberIn, rowIn, textIn } from '../expect.ts';
import { bearPart, field, randomText } from '../kit.ts';

/** A small PNG picture, made here so that nobody has seen it before. */
function pngPicture(sidePixels: number): Buffer {
  const row = Buffer.concat([Buffer.from([0]), Buffer.alloc(sidePixels * 3, 0x66)]);
  const pixels = deflateSync(Buffer.concat(Array.from({ length: sidePixels }, () => row)));
  const header = Buffer.alloc(13);
  header.writeUInt32BE(sidePixels, 0);
  header.writeUInt32BE(sidePixels, 4);
  header.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', header),
    chunk('IDAT', pixels),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(type: string, content: Buffer): Buffer {
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  const body = Buffer.concat([Buffer.from(type, 'latin1'), content]);
  length.writeUInt32BE(content.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}

const why = 'Our web client uses it.';
const fix = 'See the API documentation of this project (/openapi.json) for parameters and answer.';

export const extraChecks = checksOf(
  'extras',
  [
    {
      id: 'extras.cursors',
      title: 'long lists carry has_more and next_cursor, and take cursor',
      why: 'Without a way to go on, a list ends at its first page.',
      fix: 'Answer has_more and next_cursor; with cursor, go on after that row. A bad cursor is refused.',
      run: async (kit) => {
        const [video, user] = [await kit.video(), await kit.alice()];
        for (const reply of [
          await kit.op('publishList', { user_id: user.id }),
          await kit.op('likeList', { user_id: user.id }),
          await kit.op('commentList', { video_id: video.id }),
          await kit.op('followList', { user_id: user.id }),
          await kit.op('followerList', { user_id: user.id }),
          await kit.op('friendList', {}, user.token),
          await kit.op('chat', { to_user_id: (await kit.bob()).id }, user.token),
        ]) {
          const body = expectOk(reply);
          expect(reply, typeof body['has_more'] === 'boolean', '"has_more": true or false');
          expect(reply, typeof body['next_cursor'] === 'string', '"next_cursor" to be text');
        }
        const bad = await kit.op('publishList', { user_id: user.id, cursor: 'not a cursor' });
        expectRefused(bad, 'the cursor is not one that a list returned');
      },
    },
    {
      id: 'extras.video',
      title: 'video/ shows one video; Video has publish_time, size, duration and state',
      why,
      fix,
      run: async (kit) => {
        const { id } = await kit.video();
        const reply = await kit.op('video', { video_id: id });
        const row = rowIn(reply, 'video');
        expect(reply, row['id'] === id && row['state'] === 'ready', `video ${id} with "state": "ready"`);
        const holds =
          row['width'] === 320 && row['height'] === 240 && Math.abs(Number(row['duration_ms']) - 12_600) < 200;
        expect(reply, holds, '"width": 320, "height": 240 and "duration_ms" of about 12600');
        const before = await kit.op('feed', { latest_time: numberIn(reply, row, 'publish_time') });
        expect(before, findById(listOf(before, 'video_list'), id) === undefined, 'only videos older than publish_time');
        const after = await kit.op('feed', { latest_time: numberIn(reply, row, 'publish_time') + 1 });
        expect(after, findById(listOf(after, 'video_list'), id) !== undefined, `video ${id} one millisecond later`);
      },
    },
    {
      id: 'extras.delete-video',
      title: 'publish/delete/ removes a video from every list, and its files; only its author may',
      why,
      fix,
      run: async (kit) => {
        const [author, other] = [await kit.userFor('videos'), await kit.bob()];
        const title = `to be deleted ${randomText(8)}`;
        const video = await kit.publish(author, title, [field('token', author.token), field('title', title), bearPart]);
        const reply = await kit.op('like', { video_id: video.id, action_type: 1 }, other.token);
        expectOk(reply, 'the like');
        expectRefused(await kit.op('deleteVideo', { video_id: video.id }, other.token), 'it is not their video');
        expectOk(await kit.op('deleteVideo', { video_id: video.id }, author.token), 'the deletion');
        for (const list of [
          await kit.op('feed'),
          await kit.op('publishList', { user_id: author.id }, author.token),
          await kit.op('likeList', { user_id: other.id }, other.token),
        ]) {
          expect(list, !idsOf(listOf(list, 'video_list')).includes(video.id), `no video ${video.id}: it was deleted`);
        }
      },
    },
    {
      id: 'extras.following-feed',
      title: 'feed/following/ holds the videos of those whom the caller follows',
      why,
      fix,
      run: async (kit) => {
        const [user, video, [, other]] = [await kit.userFor('follows'), await kit.video(), await kit.twins()];
        expectOk(await kit.op('follow', { to_user_id: video.author.id, action_type: 1 }, user.token), 'the follow');
        const reply = await kit.op('followingFeed', {}, user.token);
        const ids = idsOf(listOf(reply, 'video_list'));
        const holds = ids.includes(video.id) && !ids.includes(other.id);
        expect(reply, holds, `video ${video.id}, and no video ${other.id} of a user who is not followed`);
      },
    },
    {
      id: 'extras.password',
      title: 'user/password/ changes the password, ends all sessions and answers a new token',
      why: 'Whoever has stolen a token must lose it with the old password.',
      fix: 'Keep a number per user that is part of each token, and raise it with the password.',
      run: async (kit) => {
        const { name, password, token } = await kit.newUser();
        const fresh = `new ${randomText(10)}`;
        const wrong = await kit.op('changePassword', { old_password: 'wrong one', new_password: fresh }, token);
        expectRefused(wrong, 'the old password is wrong');
        const reply = await kit.op('changePassword', { old_password: password, new_password: fresh }, token);
        expectOk(reply, 'the change of the password');
        expectRefused(await kit.op('friendList', {}, token), 'the token is older than the password');
        expectOk(await kit.op('friendList', {}, textIn(reply, reply.body, 'token')), 'the new token to be accepted');
        expectRefused(await kit.op('login', { username: name, password }), 'it is the old password');
        expectOk(await kit.op('login', { username: name, password: fresh }), 'to sign in with the new password');
      },
    },
    {
      id: 'extras.profile',
      title: 'user/profile/ changes signature and pictures, which are re-encoded',
      why: 'A picture is served to everyone: its bytes must be the server’s own.',
      fix: 'Decode the picture and encode it again; never serve what was received.',
      run: async (kit) => {
        const { id, token } = await kit.newUser();
        const [signature, picture] = [`熊 ${randomText(8)}`, pngPicture(64)];
        const reply = await kit.op('editProfile', {}, undefined, {
          parts: [
            { name: 'avatar', content: picture, fileName: 'me.png' },
            field('token', token),
            field('signature', signature),
          ],
        });
        expectOk(reply, 'the change of the profile');
        const user = await kit.op('user', { user_id: id });
        const row = rowIn(user, 'user');
        expect(user, row['signature'] === signature, `"signature": "${signature}"`);
        const file = await kit.file(textIn(user, row, 'avatar'));
        expect(file, file.status === 200 && String(file.headers['content-type']).startsWith('image/'), 'a picture');
        expect(file, !file.bytes.equals(picture), 'a picture that was encoded again, not the bytes that were sent');
        const bad = await kit.op('editProfile', {}, undefined, {
          parts: [{ name: 'avatar', content: 'no picture', fileName: 'me.png' }, field('token', token)],
        });
        expectRefused(bad, 'the file is no picture');
      },
    },
    {
      id: 'extras.delete-account',
      title: 'user/delete/ ends an account: no login, no profile, no token',
      why: 'People may leave, and take what is theirs with them.',
      fix,
      run: async (kit) => {
        const { id, name, password, token } = await kit.newUser();
        expectRefused(await kit.op('deleteAccount', { password: 'wrong one' }, token), 'the password is wrong');
        expectOk(await kit.op('deleteAccount', { password }, token), 'the deletion of the account');
        expectRefused(await kit.op('user', { user_id: id }), 'the account is deleted');
        expectRefused(await kit.op('login', { username: name, password }), 'the account is deleted');
        expectRefused(await kit.op('friendList', {}, token), 'the account of the token is deleted');
      },
    },
    {
      id: 'extras.media-caching',
      title: 'media files carry an ETag and may be kept by caches for ever',
      why: 'A video is loaded once and not at every view.',
      fix: 'Name files by content or id, never change them, and send ETag and Cache-Control: immutable.',
      run: async (kit) => {
        const { id, author } = await kit.video();
        const list = await kit.op('publishList', { user_id: author.id }, author.token);
        const url = textIn(list, findById(listOf(list, 'video_list'), id), 'play_url');
        const file = await kit.file(url);
        const [etag = '', caching = ''] = [file.headers['etag'], file.headers['cache-control']];
        expect(
          file,
          etag !== '' && caching.includes('immutable'),
          'ETag and Cache-Control: … immutable',
          `"${caching}"`,
        );
        const again = await kit.file(url, { 'if-none-match': etag });
        expect(again, again.status === 304, 'HTTP 304 for a file that has not changed');
      },
    },
    {
      id: 'extras.openapi',
      title: '/openapi.json describes the API',
      why: 'Postman and others import it.',
      fix: 'Generate it from the same source as the routes.',
      run: async (kit) => {
        const reply = await kit.api.call('GET', '/openapi.json');
        expect(reply, String(reply.body?.['openapi']).startsWith('3.1'), '"openapi": "3.1…"');
      },
    },
  ],
  'ours',
);
