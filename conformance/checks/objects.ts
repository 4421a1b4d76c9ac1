/** Section 2: the fields of objects and their types, taken from the contract's schemas without this project's additions. */
import { Comment, FriendUser, Message, User, Video } from '@tiktok-server/contract';
import { checksOf } from '../check.ts';
import { isRow, type Reply, type Row } from '../client.ts';
import { expect, findById, kindOf, listOf, rowIn } from '../expect.ts';
import { type Kit, randomText } from '../kit.ts';

type Field = {
  readonly name: string;
  readonly kind: 'number' | 'text' | 'boolean' | 'user';
  readonly notEmpty: boolean;
  readonly pattern: RegExp | undefined;
};

const kinds: Readonly<Record<string, Field['kind']>> = {
  integer: 'number',
  string: 'text',
  boolean: 'boolean',
  object: 'user',
};

/** The fields that every server has; those that the contract marks "Ours" are left out. */
export function fieldsOf(schema: { readonly properties: object }): Field[] {
  const fields: Field[] = [];
  for (const [name, property] of Object.entries(schema.properties)) {
    const words: Row = isRow(property) ? property : {};
    const kind = kinds[String(words['type'])];
    if (kind === undefined || String(words['description'] ?? '').startsWith('Ours')) continue;
    const pattern = typeof words['pattern'] === 'string' ? new RegExp(words['pattern']) : undefined;
    fields.push({ name, kind, notEmpty: words['minLength'] === 1, pattern });
  }
  return fields;
}

const wantedKinds = {
  number: 'a whole number from 0 to 2^53 − 1, without quotes',
  text: 'text',
  boolean: 'true or false',
  user: 'an object (a User)',
} as const;

const isOfKind: Readonly<Record<Field['kind'], (value: unknown) => boolean>> = {
  number: (value) => Number.isSafeInteger(value) && Number(value) >= 0,
  text: (value) => typeof value === 'string',
  boolean: (value) => typeof value === 'boolean',
  user: isRow,
};

function expectShape(reply: Reply, row: Row, schema: { readonly properties: object }, where: string): void {
  for (const { name, kind, notEmpty, pattern } of fieldsOf(schema)) {
    const value = row[name];
    const label = `"${name}" of ${where}`;
    expect(reply, isOfKind[kind](value), `${label} to be ${wantedKinds[kind]}`, `${label} is ${kindOf(value)}`);
    if (notEmpty) expect(reply, value !== '', `${label} not to be empty`);
    if (pattern !== undefined) {
      expect(reply, pattern.test(String(value)), `${label} to look like ${pattern.source}`, `it is ${kindOf(value)}`);
    }
    if (kind === 'user' && isRow(value)) expectShape(reply, value, User, `"${name}" of ${where}`);
  }
}

async function friends(kit: Kit) {
  const [one, other] = [await kit.userFor('follows', 'messages'), await kit.userFor('follows', 'messages')];
  await kit.step('follow', { to_user_id: other.id, action_type: 1 }, one.token);
  await kit.step('follow', { to_user_id: one.id, action_type: 1 }, other.token);
  await kit.step('sendMessage', { to_user_id: other.id, action_type: 1, content: `hi ${randomText(4)}` }, one.token);
  return { one, other };
}

const typesFix =
  'Compare names and types with section 2 of the contract: ids and counters are JSON numbers, flags are booleans, and no `omitempty` anywhere.';

export const objectChecks = checksOf('objects', [
  {
    id: 'objects.user',
    title: `User has its ${fieldsOf(User).length} fields in their types`,
    why: 'The app decodes strictly: one wrong type and the whole screen stays empty.',
    fix: typesFix,
    run: async (kit) => {
      const { id, name, token } = await kit.alice();
      for (const caller of [token, undefined]) {
        const reply = await kit.op('user', { user_id: id }, caller);
        const user = rowIn(reply, 'user');
        expectShape(reply, user, User, 'user');
        expect(reply, user['name'] === name, `"name": "${name}", as registered`);
        for (const picture of ['avatar', 'background_image']) {
          const url = String(user[picture]);
          expect(reply, url === '' || /^https?:\/\//.test(url), `"${picture}" to be "" or an absolute address`);
        }
      }
    },
  },
  {
    id: 'objects.video',
    title: `Video has its ${fieldsOf(Video).length} fields in their types, author included`,
    why: 'The app decodes strictly: one wrong type and the feed stays empty.',
    fix: typesFix,
    run: async (kit) => {
      const video = await kit.video();
      for (const reply of [
        await kit.op('publishList', { user_id: video.author.id }, video.author.token),
        await kit.op('feed', {}, video.author.token),
      ]) {
        for (const row of listOf(reply, 'video_list').slice(0, 5)) expectShape(reply, row, Video, 'video');
      }
    },
  },
  {
    id: 'objects.comment',
    title: `Comment has its ${fieldsOf(Comment).length} fields in their types; create_date is MM-dd`,
    why: 'The app shows create_date as it comes.',
    fix: `${typesFix} Format the date as two digits, a dash, two digits (Go: "01-02").`,
    run: async (kit) => {
      const [video, bob] = [await kit.video(), await kit.bob()];
      await kit.step('comment', { video_id: video.id, action_type: 1, comment_text: 'shape' }, bob.token);
      const reply = await kit.op('commentList', { video_id: video.id }, bob.token);
      const rows = listOf(reply, 'comment_list');
      expect(reply, rows.length > 0, 'the comment that was added just before');
      for (const row of rows.slice(0, 5)) expectShape(reply, row, Comment, 'comment');
    },
  },
  {
    id: 'objects.message',
    fault: 'time-as-text',
    title: 'Message has its five fields in their types; create_time is a number of milliseconds',
    why: 'The app computes with create_time; text there makes the chat stay empty.',
    fix: 'Send create_time as a JSON number: milliseconds since 1970 (Go: t.UnixMilli()), not seconds and not a formatted date.',
    run: async (kit) => {
      const { one, other } = await friends(kit);
      const reply = await kit.op('chat', { to_user_id: other.id }, one.token);
      const [row] = listOf(reply, 'message_list');
      expect(reply, row !== undefined, 'the message that was sent just before');
      expectShape(reply, row, Message, 'message');
      const holds = Math.abs(Number(row['create_time']) - Date.now()) < 24 * 3_600_000;
      expect(reply, holds, `"create_time" in milliseconds, near ${Date.now()}`, `it is ${kindOf(row['create_time'])}`);
      const ends = row['from_user_id'] === one.id && row['to_user_id'] === other.id;
      expect(reply, ends, `"from_user_id": ${one.id} and "to_user_id": ${other.id}`);
    },
  },
  {
    id: 'objects.friend',
    title: 'FriendUser is a User with "message" and "msgType" (a number, 0 or 1)',
    why: 'The list of conversations shows the latest message and who sent it.',
    fix: 'Add both fields to the users of friend/list, spelled exactly so; message is "" if there is none.',
    run: async (kit) => {
      const { one, other } = await friends(kit);
      const reply = await kit.op('friendList', { user_id: one.id }, one.token);
      const row = findById(listOf(reply, 'user_list'), other.id);
      expect(reply, row !== undefined, `user ${other.id}, who follows and is followed, in the list of friends`);
      expectShape(reply, row, FriendUser, 'friend');
      expect(reply, row['msgType'] === 0 || row['msgType'] === 1, '"msgType" to be 0 or 1');
    },
  },
  {
    id: 'objects.ids',
    title: 'ids are numbers that a double holds exactly (at most 2^53 − 1)',
    why: 'JavaScript, and Go’s decoder into interface{}, round larger ones: they then name another object.',
    fix: 'Make ids of at most 53 bits: a snowflake with fewer node bits, or a counter.',
    run: async (kit) => {
      const video = await kit.video();
      for (const reply of [
        await kit.op('publishList', { user_id: video.author.id }, video.author.token),
        await kit.op('login', { username: video.author.name, password: video.author.password }),
      ]) {
        for (const [, digits = ''] of reply.text.matchAll(/"(?:user_)?id"\s*:\s*"?(\d+)/g)) {
          expect(
            reply,
            BigInt(digits) <= BigInt(Number.MAX_SAFE_INTEGER),
            'ids up to 9007199254740991',
            `id ${digits}`,
          );
        }
        const quoted = /"(?:user_)?id"\s*:\s*"/.test(reply.text);
        expect(reply, !quoted, 'ids as JSON numbers, without quotes');
      }
    },
  },
]);
