import { limits } from '@tiktok-server/contract';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { seedSettings, seedUser, seedUsers } from '../../../test/seed.ts';
import { listOf, numberOf, startTestServer, type TestServer, type TestUser, textOf } from '../../../test/server.ts';
import { leavesNothing } from '../../../test/stored.ts';
import { messageStore } from '../../store/index.ts';

let now = Date.now();
let server: TestServer;
let [ada, bob]: readonly TestUser[] = [];
beforeAll(async () => {
  server = await startTestServer(seedSettings, { clock: { now: () => now } });
});
afterAll(() => server.close());
beforeEach(async () => {
  [ada, bob] = await seedUsers(server, 2);
});

const send = (from: TestUser | undefined, to: TestUser | undefined, content: string) =>
  server.call('sendMessage', { to_user_id: to?.id, action_type: 1, content }, { token: from?.token ?? '' });
const chat = (by: TestUser | undefined, other: TestUser | undefined, more: Record<string, string | number> = {}) =>
  server.call('chat', { to_user_id: other?.id, ...more }, { token: by?.token ?? '' });
const textsOf = (answer: Record<string, unknown>): string[] =>
  listOf(answer, 'message_list').map((message) => textOf(message, 'content'));
const timesOf = (answer: Record<string, unknown>): number[] =>
  listOf(answer, 'message_list').map((message) => numberOf(message, 'create_time'));

describe('sending', () => {
  it('reaches both sides at once, oldest first, with the moment as a number of milliseconds', async () => {
    expect(await send(ada, bob, 'hi Bob')).toEqual({ status_code: 0, status_msg: '' });
    now += 5;
    expect(await send(bob, ada, 'hi Ada')).toMatchObject({ status_code: 0 });
    const expected = [
      { id: expect.any(Number), from_user_id: ada?.id, to_user_id: bob?.id, content: 'hi Bob', create_time: now - 5 },
      { id: expect.any(Number), from_user_id: bob?.id, to_user_id: ada?.id, content: 'hi Ada', create_time: now },
    ];
    expect(listOf(await chat(ada, bob), 'message_list')).toEqual(expected);
    expect(listOf(await chat(bob, ada), 'message_list')).toEqual(expected);
  });

  it('takes more than one message from the same to the same, also equal ones in the same millisecond', async () => {
    for (let i = 0; i < 3; i += 1) await send(ada, bob, 'again');
    const answer = await chat(bob, ada);
    expect(textsOf(answer)).toEqual(['again', 'again', 'again']);
    expect(new Set(timesOf(answer)).size).toBe(3);
  });

  it('keeps conversations apart', async () => {
    const cyd = await seedUser(server);
    await send(ada, bob, 'for Bob');
    await send(ada, cyd, 'for Cyd');
    expect(textsOf(await chat(ada, bob))).toEqual(['for Bob']);
    expect(textsOf(await chat(cyd, ada))).toEqual(['for Cyd']);
    expect(textsOf(await chat(cyd, bob))).toEqual([]);
  });

  it('counts code points and keeps line breaks', async () => {
    const longest = `${'🐻'.repeat(limits.messageMaxCodePoints - 2)}\n!`;
    expect(await send(ada, bob, longest)).toMatchObject({ status_code: 0 });
    expect(textsOf(await chat(bob, ada))).toEqual([longest]);
    expect(await leavesNothing(server, () => send(ada, bob, `${longest}!`))).toEqual({
      status_code: 110502,
      status_msg: 'The message is too long: content must be at most 1000 characters long',
    });
  });

  it('refuses what is empty, to oneself, to nobody, or of another action, and stores nothing', async () => {
    const cases = [
      [{ content: '' }, 110501, 'content is required'],
      [{ content: ' \n' }, 110501, 'content is required'],
      [{ content: undefined }, 110501, 'content is required'],
      [{ content: 'a\u0007' }, 100004, 'content must not contain control characters'],
      [{ to_user_id: ada?.id }, 110503, 'to yourself'],
      [{ to_user_id: 1 }, 110001, 'User not found'],
      [{ to_user_id: undefined }, 100004, 'to_user_id is required'],
      [{ action_type: 2 }, 100004, 'action_type must be one of 1'],
      [{ action_type: undefined }, 100004, 'action_type is required'],
    ] as const;
    for (const [change, code, message] of cases) {
      const parameters = { to_user_id: bob?.id, action_type: 1, content: 'x', ...change };
      const answer = await leavesNothing(server, () =>
        server.call('sendMessage', parameters, { token: ada?.token ?? '' }),
      );
      expect(answer).toEqual({ status_code: code, status_msg: expect.stringContaining(message) });
    }
    expect(await server.call('sendMessage', { to_user_id: bob?.id, action_type: 1, content: 'x' })).toMatchObject({
      status_code: 100005,
    });
  });

  it('takes content that is given twice once, from the query', async () => {
    const fields = new URLSearchParams({ token: bob?.token ?? '', to_user_id: String(ada?.id), action_type: '1' });
    fields.append('content', 'first');
    fields.append('content', 'second');
    await server.context.app.inject({
      method: 'POST',
      url: `/douyin/message/action?${fields}`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      payload: 'content=third',
    });
    expect(textsOf(await chat(ada, bob))).toEqual(['first']);
  });
});

describe('polling with pre_msg_time', () => {
  it('gives only what is strictly newer and addressed to the caller: the app has drawn its own already', async () => {
    now = Math.ceil(now / 1000) * 1000 + 1_000;
    const start = now;
    for (const [from, to, text] of [
      [ada, bob, 'a1'],
      [bob, ada, 'b1'],
      [ada, bob, 'a2'],
      [bob, ada, 'b2'],
    ] as const) {
      await send(from, to, text);
      now += 1_000;
    }
    const [, b1 = 0, , b2 = 0] = timesOf(await chat(ada, bob));
    expect(textsOf(await chat(ada, bob, { pre_msg_time: start - 1 }))).toEqual(['b1', 'b2']);
    expect(textsOf(await chat(ada, bob, { pre_msg_time: b1 - 1 }))).toEqual(['b1', 'b2']);
    expect(textsOf(await chat(ada, bob, { pre_msg_time: b1 }))).toEqual(['b2']);
    expect(textsOf(await chat(ada, bob, { pre_msg_time: b2 }))).toEqual([]);
    expect(textsOf(await chat(bob, ada, { pre_msg_time: b1 }))).toEqual(['a2']);
    // In seconds, and as a double is spelled.
    expect(textsOf(await chat(ada, bob, { pre_msg_time: b1 / 1000 }))).toEqual(['b2']);
    expect(textsOf(await chat(ada, bob, { pre_msg_time: b1 / 1000 - 1 }))).toEqual(['b1', 'b2']);
    expect(textsOf(await chat(ada, bob, { pre_msg_time: b1.toExponential() }))).toEqual(['b2']);
    expect(textsOf(await chat(ada, bob, { pre_msg_time: now + 86_400_000 }))).toEqual([]);
  });

  it('draws each message once in a chat that is polled as the app does it', async () => {
    const drawn: string[] = [];
    let latest = 0;
    const poll = async (): Promise<void> => {
      const answer = await chat(ada, bob, { pre_msg_time: latest });
      drawn.push(...textsOf(answer));
      latest = Math.max(latest, ...timesOf(answer));
    };
    await send(bob, ada, '1');
    await poll();
    for (let turn = 2; turn < 8; turn += 2) {
      // The clock stands still: moments of a conversation are unique all the same.
      await send(ada, bob, String(turn));
      drawn.push(String(turn));
      await send(bob, ada, String(turn + 1));
      await poll();
      await poll();
    }
    expect(drawn).toEqual(['1', '2', '3', '4', '5', '6', '7']);
  });

  it.each(['', '0', '-1', 'abc', '1.5', 'NaN', '1e400', '99999999999999999999'])(
    'reads %j as not given: the history, both directions',
    async (moment) => {
      await send(ada, bob, 'mine');
      await send(bob, ada, 'theirs');
      expect(textsOf(await chat(ada, bob, { pre_msg_time: moment }))).toEqual(['mine', 'theirs']);
    },
  );
});

describe('the history', () => {
  it('begins with the latest page and goes back in time with the cursor', async () => {
    const size = limits.messagePageMessages;
    const texts = Array.from({ length: size * 2 + 7 }, (_, i) => `m${i}`);
    const { ids } = server.context.publishing;
    await server.context.database.transaction(async (trx) => {
      for (const [i, content] of texts.entries()) {
        const [fromUserId = 0, toUserId = 0] = i % 3 === 0 ? [ada?.id, bob?.id] : [bob?.id, ada?.id];
        await messageStore.insertMessage(trx, { id: ids.next(), fromUserId, toUserId, content, now });
      }
    });
    const pages: string[][] = [];
    let cursor = '';
    for (let i = 0; i < 3; i += 1) {
      const answer = await chat(ada, bob, { cursor });
      pages.unshift(textsOf(answer));
      cursor = textOf(answer, 'next_cursor');
      expect(answer['has_more']).toBe(i < 2);
      if (i === 0) await send(bob, ada, 'newer than the cursor');
    }
    expect(cursor).toBe('');
    expect(pages.map((page) => page.length)).toEqual([7, size, size]);
    expect(pages.flat()).toEqual(texts);
  });

  it('of newer messages is a page at a time as well', async () => {
    const size = limits.messagePageMessages;
    const { ids } = server.context.publishing;
    await server.context.database.transaction(async (trx) => {
      for (let i = 0; i < size + 3; i += 1) {
        const message = { fromUserId: bob?.id ?? 0, toUserId: ada?.id ?? 0, content: `m${i}`, now };
        await messageStore.insertMessage(trx, { id: ids.next(), ...message });
      }
    });
    const first = await chat(ada, bob, { pre_msg_time: now - 1 });
    expect(first).toMatchObject({ has_more: true, next_cursor: '' });
    expect(textsOf(first)[0]).toBe('m0');
    const second = await chat(ada, bob, { pre_msg_time: timesOf(first).at(-1) ?? 0 });
    expect(textsOf(second)).toEqual([`m${size}`, `m${size + 1}`, `m${size + 2}`]);
    expect(second).toMatchObject({ has_more: false });
  });

  it('is for the two of them: not for a guest, not with nobody', async () => {
    const empty = { message_list: [], has_more: false, next_cursor: '' };
    expect(await server.call('chat', { to_user_id: bob?.id })).toMatchObject({ status_code: 100005, ...empty });
    expect(await chat(ada, undefined)).toMatchObject({ status_code: 100004, ...empty });
    expect(await server.call('chat', { to_user_id: 1 }, { token: ada?.token ?? '' })).toEqual({
      status_code: 110001,
      status_msg: 'User not found',
      ...empty,
    });
  });
});

it('loses and repeats nothing when both write at once', async () => {
  const texts = Array.from({ length: 50 }, (_, i) => `m${i}`);
  await Promise.all(
    texts.map(async (text, i) => {
      const [from, to] = i % 2 === 0 ? [ada, bob] : [bob, ada];
      await send(from, to, text);
      expect(textsOf(await chat(to, from))).toContain(text);
    }),
  );
  const answer = await chat(ada, bob);
  expect(textsOf(answer).sort()).toEqual([...texts].sort());
  const times = timesOf(answer);
  expect(new Set(times).size).toBe(50);
  expect(times).toEqual([...times].sort((a, b) => a - b));
});
