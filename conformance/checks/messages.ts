/** Section 3, message/. */
import { checksOf } from '../check.ts';
import type { Row } from '../client.ts';
import { expect, expectOk, expectRefused, idOf, listOf, numberIn } from '../expect.ts';
import type { Kit, TestUser } from '../kit.ts';

/** The text in a form body: long ones do not fit into every server's request line. */
const send = (kit: Kit, from: TestUser, to: { readonly id: number }, content: string | undefined) =>
  kit.op('sendMessage', { to_user_id: to.id, action_type: 1 }, from.token, { form: { content } });

async function chat(kit: Kit, reader: TestUser, other: TestUser, preMsgTime?: string | number) {
  const reply = await kit.op('chat', { to_user_id: other.id, pre_msg_time: preMsgTime }, reader.token);
  return { reply, rows: listOf(reply, 'message_list') };
}

const textsOf = (rows: readonly Row[]): string[] => rows.map((row) => String(row['content']));
const same = (rows: readonly Row[], texts: readonly string[]): boolean =>
  JSON.stringify(textsOf(rows)) === JSON.stringify(texts);
const shown = (texts: readonly string[]): string =>
  `exactly: ${texts.map((text) => `"${text}"`).join(', ') || 'nothing'}`;

/** A conversation: what was said in turn, the first one beginning. */
async function conversation(kit: Kit, texts: readonly string[]) {
  const [one, other] = [await kit.userFor('messages'), await kit.userFor('messages')];
  for (const [index, content] of texts.entries()) {
    const [from, to] = index % 2 === 0 ? [one, other] : [other, one];
    await kit.step('sendMessage', { to_user_id: to.id, action_type: 1, content }, from.token);
  }
  return { one, other };
}

export const messageChecks = checksOf('operations', [
  {
    id: 'messages.send',
    fault: 'one-message-ever',
    title: 'messages are stored, as many as are sent; both read the history, oldest first',
    why: 'A chat that keeps one message per pair is no chat.',
    fix: 'No unique index on (from, to); select both directions, ORDER BY create_time and id upwards.',
    run: async (kit) => {
      const [one, other] = [await kit.userFor('messages'), await kit.userFor('messages')];
      const texts = ['one', 'two', 'three', '四 👍', 'one'];
      for (const [index, text] of texts.entries()) {
        const [from, to] = index % 2 === 0 ? [one, other] : [other, one];
        expectOk(await send(kit, from, to, text), 'a message to be taken, no friendship needed');
      }
      for (const [reader, partner] of [
        [one, other],
        [other, one],
      ] as const) {
        const { reply, rows } = await chat(kit, reader, partner);
        expect(reply, same(rows, texts), shown(texts));
        const sides = rows.every((row, index) => {
          const [from, to] = index % 2 === 0 ? [one, other] : [other, one];
          return idOf(row, 'from_user_id') === from.id && idOf(row, 'to_user_id') === to.id;
        });
        expect(reply, sides, '"from_user_id" the sender and "to_user_id" the receiver of each message');
      }
    },
  },
  {
    id: 'messages.private',
    title: 'nobody else reads a conversation',
    why: 'It is between two people.',
    fix: 'Select by the token’s user and to_user_id; never take the reader’s id from a parameter.',
    run: async (kit) => {
      const { one, other } = await conversation(kit, ['between us', 'yes']);
      const stranger = await kit.carol();
      for (const side of [one, other]) {
        const reply = await kit.op(
          'chat',
          { to_user_id: side.id, from_user_id: one.id, user_id: one.id },
          stranger.token,
        );
        expect(reply, listOf(reply, 'message_list').length === 0, 'an empty list: the caller has no part in it');
      }
    },
  },
  {
    id: 'messages.poll',
    fault: 'pre-msg-time-ignored',
    title: 'with pre_msg_time only newer messages come, and only those addressed to the caller',
    why: 'The app polls every second and has drawn its own messages already: it would show all of them again.',
    fix: 'WHERE create_time > pre_msg_time AND to_user_id = the token’s user, in milliseconds.',
    run: async (kit) => {
      const { one, other } = await conversation(kit, ['a1', 'b1', 'a2', 'b2']);
      const { reply, rows } = await chat(kit, one, other);
      const times = rows.map((row) => numberIn(reply, row, 'create_time'));
      const [first, second, third, last] = times;
      expect(reply, last !== undefined && rows.length === 4, 'the four messages of the conversation');
      for (const [time, mine, theirs] of [
        [first, ['b1', 'b2'], ['a2']],
        [second, ['b2'], ['a2']],
        [third, ['b2'], []],
        [last, [], []],
      ] as const) {
        const own = await chat(kit, one, other, time);
        expect(own.reply, same(own.rows, mine), `${shown(mine)} (newer, and addressed to user ${one.id})`);
        const partner = await chat(kit, other, one, time?.toExponential());
        expect(
          partner.reply,
          same(partner.rows, theirs),
          `${shown(theirs)} (newer, and addressed to user ${other.id})`,
        );
      }
      await kit.step('sendMessage', { to_user_id: one.id, action_type: 1, content: 'b3' }, other.token);
      const polled = await chat(kit, one, other, last);
      expect(polled.reply, same(polled.rows, ['b3']), shown(['b3']));
    },
  },
  {
    id: 'messages.same-instant',
    level: 'ours',
    title: 'polling misses no message, also when several are sent in the same millisecond',
    why: 'A message with the same time as the last one seen is never "strictly newer".',
    fix: 'Make create_time unique within a conversation: now, or one more than that of its latest message.',
    run: async (kit) => {
      const { one, other } = await conversation(kit, []);
      const texts = Array.from({ length: 8 }, (_, index) => `at once ${index}`);
      await Promise.all(
        texts.map(async (text) => expectOk(await send(kit, other, one, text), 'a message to be taken')),
      );
      const { reply, rows } = await chat(kit, one, other);
      expect(reply, rows.length === texts.length, `${texts.length} messages`);
      const times = rows.map((row) => numberIn(reply, row, 'create_time'));
      const rising = times.every((time, index) => index === 0 || time > (times[index - 1] ?? time));
      expect(reply, rising, '"create_time" rising from message to message', `times: ${times.join(', ')}`);
    },
  },
  {
    id: 'messages.pre-msg-time-junk',
    title: 'pre_msg_time that is missing, empty, junk or ≤ 0 means the whole history',
    why: 'The app sends 0 when it opens a chat.',
    fix: 'Parse it leniently: on any error and on ≤ 0, answer the history of both directions.',
    run: async (kit) => {
      const { one, other } = await conversation(kit, ['a', 'b', 'c']);
      for (const junk of [undefined, '', '0', '-1', 'abc', '1.5', 'NaN']) {
        const { reply, rows } = await chat(kit, one, other, junk);
        expect(reply, same(rows, ['a', 'b', 'c']), shown(['a', 'b', 'c']));
      }
    },
  },
  {
    id: 'messages.pre-msg-time-seconds',
    title: 'pre_msg_time < 1e11 is seconds',
    why: 'Old versions of the app send seconds.',
    fix: 'Multiply by 1000 what is smaller than 100000000000.',
    run: async (kit) => {
      const { one, other } = await conversation(kit, ['a', 'b']);
      const { reply, rows } = await chat(kit, one, other);
      const [first] = rows;
      const seconds = Math.floor(numberIn(reply, first, 'create_time') / 1000);
      const before = await chat(kit, one, other, seconds - 10);
      expect(before.reply, same(before.rows, ['b']), shown(['b']));
      const after = await chat(kit, one, other, seconds + 60);
      expect(after.reply, same(after.rows, []), shown([]));
    },
  },
  {
    id: 'messages.limits',
    title: 'messages have 1 to 1000 characters; not to oneself, not to nobody; action_type is 1',
    why: 'Characters are what people count, not bytes.',
    fix: 'Count code points (Go: utf8.RuneCountInString), refuse blank text, and look the receiver up.',
    run: async (kit) => {
      const { one, other } = await conversation(kit, []);
      for (const text of [undefined, '', '  ', '熊'.repeat(1001)]) {
        expectRefused(await send(kit, one, other, text), 'the message is empty or too long');
      }
      expectRefused(await send(kit, one, one, 'to me'), 'nobody writes to themselves');
      expectRefused(await send(kit, one, { id: Number.MAX_SAFE_INTEGER - 1 }, 'to nobody'), 'there is no such user');
      const full = '🐻'.repeat(1000);
      expectOk(await send(kit, one, other, full), 'a message of 1000 characters');
      const { reply, rows } = await chat(kit, other, one);
      expect(reply, same(rows, [full]), 'exactly the message of 1000 characters, whole');
    },
  },
]);
