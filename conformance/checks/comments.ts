/** Section 3, comment/. */
import { checksOf } from '../check.ts';
import { isRow, type Reply } from '../client.ts';
import { expect, expectOk, expectRefused, findById, idOf, idsOf, kindOf, listOf, numberIn, rowIn } from '../expect.ts';
import { type Kit, randomText, type TestUser, type TestVideo } from '../kit.ts';

/** The text in a form body: long ones do not fit into every server's request line. */
const add = (kit: Kit, video: TestVideo, { token }: TestUser, text: string | undefined): Promise<Reply> =>
  kit.op('comment', { video_id: video.id, action_type: 1 }, token, { form: { comment_text: text } });
const remove = (kit: Kit, video: TestVideo, { token }: TestUser, id: number): Promise<Reply> =>
  kit.op('comment', { video_id: video.id, action_type: 2, comment_id: id }, token);

async function comments(kit: Kit, video: TestVideo) {
  const reply = await kit.op('commentList', { video_id: video.id }, video.author.token);
  return { reply, rows: listOf(reply, 'comment_list') };
}

/** A comment that is there, found in the list: whether the answer of adding it carries it is another check's affair. */
async function addedId(kit: Kit, video: TestVideo, user: TestUser): Promise<number> {
  const text = `to be deleted ${randomText(8)}`;
  await kit.step('comment', { video_id: video.id, action_type: 1, comment_text: text }, user.token);
  const { reply, rows } = await comments(kit, video);
  const row = rows.find((one) => one['content'] === text);
  expect(reply, row !== undefined, `the comment "${text}" in the list`);
  return idOf(row);
}

async function countOf(kit: Kit, video: TestVideo) {
  const reply = await kit.op('publishList', { user_id: video.author.id }, video.author.token);
  return { reply, count: numberIn(reply, findById(listOf(reply, 'video_list'), video.id), 'comment_count') };
}

export const commentChecks = checksOf('operations', [
  {
    id: 'comments.add',
    fault: 'no-comment',
    title: 'adding a comment answers with the new "comment"',
    why: 'The app draws the new comment from the answer; without it, it crashes or shows nothing.',
    fix: 'Answer "comment" with id, user, content and create_date of what was just stored.',
    run: async (kit) => {
      const [video, bob] = [await kit.video(), await kit.bob()];
      const text = `很好 👍\nline two ${randomText(6)}`;
      const reply = await add(kit, video, bob, text);
      expectOk(reply, 'adding a comment');
      const comment = rowIn(reply, 'comment');
      expect(reply, idOf(comment) > 0, '"comment" with its "id"');
      expect(reply, comment['content'] === text, '"content" as sent');
      const user = comment['user'];
      expect(reply, isRow(user) && idOf(user) === bob.id, `"user" to be the author, ${bob.id}`);
      const { reply: list, rows } = await comments(kit, video);
      expect(list, findById(rows, idOf(comment)) !== undefined, `comment ${idOf(comment)} in the list`);
    },
  },
  {
    id: 'comments.list',
    title: 'comment/list/ shows everyone’s comments to everyone, newest first',
    why: 'It is a conversation.',
    fix: 'Filter by video_id only, order by time (and id) downwards, and let guests read.',
    run: async (kit) => {
      const [video, bob, other] = [await kit.video(), await kit.bob(), await kit.carol()];
      const ids = [];
      for (const user of [bob, other, bob]) ids.unshift(await addedId(kit, video, user));
      for (const token of [undefined, bob.token]) {
        const reply = await kit.op('commentList', { video_id: video.id }, token);
        const holds = JSON.stringify(idsOf(listOf(reply, 'comment_list')).slice(0, 3)) === JSON.stringify(ids);
        expect(reply, holds, `comments ${ids.join(', ')} first: newest first`);
      }
      expectRefused(await kit.op('commentList', { video_id: Number.MAX_SAFE_INTEGER - 1 }), 'there is no such video');
      expectRefused(await kit.op('commentList', {}), 'video_id is missing');
    },
  },
  {
    id: 'comments.count',
    fault: 'drift',
    title: 'comment_count follows exactly, also when a comment is deleted twice',
    why: 'Counters that drift never become right again.',
    fix: 'Change the counter in the transaction of the row, and only if a row was really deleted.',
    run: async (kit) => {
      const [video, bob] = [await kit.video(), await kit.bob()];
      const { count } = await countOf(kit, video);
      const ids = [await addedId(kit, video, bob), await addedId(kit, video, bob)];
      const more = await countOf(kit, video);
      expect(more.reply, more.count === count + 2, `"comment_count": ${count + 2} after two comments`);
      for (const id of [...ids, ...ids]) await remove(kit, video, bob, id);
      const end = await countOf(kit, video);
      expect(end.reply, end.count === count, `"comment_count": ${count} after both were deleted, twice each`);
    },
  },
  {
    id: 'comments.delete',
    title: 'the author of a comment, and the author of the video, may delete it; "comment" is null then',
    why: 'People take their words back, and keep their own videos clean.',
    fix: 'Allow it if the token’s user wrote the comment or published the video.',
    run: async (kit) => {
      const [video, bob] = [await kit.video(), await kit.bob()];
      for (const who of [bob, video.author]) {
        const id = await addedId(kit, video, bob);
        const reply = await remove(kit, video, who, id);
        const by = who === bob ? 'its author' : 'the author of the video';
        const body = expectOk(reply, `the comment to be deleted by ${by}`);
        const value = body['comment'];
        expect(reply, value === null || value === undefined, '"comment": null on delete', `it is ${kindOf(value)}`);
        const { reply: list, rows } = await comments(kit, video);
        expect(list, findById(rows, id) === undefined, `no comment ${id}: it was deleted`);
      }
    },
  },
  {
    id: 'comments.rights',
    fault: 'anyone-deletes',
    title: 'nobody else may delete a comment',
    why: 'Anyone could wipe out what others said.',
    fix: 'Compare the token’s user with the authors of comment and video before you delete.',
    run: async (kit) => {
      const [video, bob, stranger] = [await kit.video(), await kit.bob(), await kit.carol()];
      const id = await addedId(kit, video, bob);
      const reply = await remove(kit, video, stranger, id);
      const { reply: list, rows } = await comments(kit, video);
      expect(list, findById(rows, id) !== undefined, `comment ${id} still there: a stranger tried to delete it`);
      expectRefused(reply, 'the caller wrote neither the comment nor the video');
    },
  },
  {
    id: 'comments.other-video',
    title: 'a comment is deleted only through its own video',
    why: 'Otherwise the author of any video may delete the comments of every other one.',
    fix: 'Look for the comment by id and video_id together.',
    run: async (kit) => {
      const [video, [, other], bob] = [await kit.video(), await kit.twins(), await kit.carol()];
      const id = await addedId(kit, video, bob);
      const reply = await kit.op('comment', { video_id: other.id, action_type: 2, comment_id: id }, other.author.token);
      const { reply: list, rows } = await comments(kit, video);
      expect(list, findById(rows, id) !== undefined, `comment ${id} still there: it belongs to another video`);
      expectRefused(reply, 'the comment belongs to another video');
    },
  },
  {
    id: 'comments.limits',
    title: 'comments have 1 to 500 characters; a missing comment or video is refused',
    why: 'Characters are what people count, not bytes.',
    fix: 'Count code points (Go: utf8.RuneCountInString), refuse blank text, and look the objects up.',
    run: async (kit) => {
      const [video, bob] = [await kit.video(), await kit.bob()];
      for (const text of [undefined, '', '   ', '熊'.repeat(501)]) {
        expectRefused(await add(kit, video, bob, text), 'the comment is empty or too long');
      }
      const full = '🐻'.repeat(500);
      const reply = await add(kit, video, bob, full);
      expectOk(reply, 'a comment of 500 characters');
      const { reply: list, rows } = await comments(kit, video);
      expect(
        list,
        rows.some((row) => row['content'] === full),
        'the comment of 500 characters, whole',
      );
      expectRefused(await remove(kit, video, bob, Number.MAX_SAFE_INTEGER - 1), 'there is no such comment');
      expectRefused(
        await kit.op(
          'comment',
          { video_id: Number.MAX_SAFE_INTEGER - 1, action_type: 1, comment_text: 'x' },
          bob.token,
        ),
        'there is no such video',
      );
    },
  },
]);
