/** Section 4: what an error tells, and, as this project's own, the codes of the table. */
import { type ErrorName, errors, operations } from '@tiktok-server/contract';
import { type Check, checksOf } from '../check.ts';
import type { Reply } from '../client.ts';
import { expect } from '../expect.ts';
import { bear, bearPart, field, type Kit, newName } from '../kit.ts';
import { upload } from './videos.ts';

const nobody = Number.MAX_SAFE_INTEGER - 1;

/** What belongs in a log and not in an answer: SQL, paths, stack traces, names of libraries. */
const leaks =
  /\b(?:select|insert into|update|delete from)\b[^"]{0,80}\b(?:from|values|set|where)\b|duplicate entry|gorm|sqlstate|syntax error at|panic:|goroutine|runtime error|\.go:\d|\.ts:\d|node_modules|stack trace|\/(?:home|root|usr|var|tmp)\/|dial tcp|record not found|strconv\./i;

/** Values that break servers that paste them into SQL, paths or formats. */
const hostile = [
  "' OR '1'='1",
  '"; DROP TABLE users; --',
  '\u0000',
  '%00',
  '../../etc/passwd',
  '{{7*7}}',
  '%n%s%x',
  '9'.repeat(400),
  '-9223372036854775809',
  '\ud7ff\ufffd😀',
  'x'.repeat(3_000),
];

async function hostileReplies(kit: Kit): Promise<Reply[]> {
  const { token } = await kit.alice();
  const replies: Reply[] = [];
  for (const value of hostile) {
    replies.push(
      await kit.op('login', { username: value, password: value }),
      await kit.op('register', { username: value.slice(0, 400), password: '12345' }),
      await kit.op('user', { user_id: value }, token),
      await kit.op('feed', { latest_time: value }, value),
      await kit.op('comment', { video_id: value, action_type: value, comment_text: value }, token),
      await kit.op('chat', { to_user_id: value, pre_msg_time: value }, token),
    );
  }
  const json = { headers: { 'content-type': 'application/json' } };
  for (const body of ['{', '[]', 'null', '{"username":{"a":1},"password":["x"]}', `${'['.repeat(2_000)}`]) {
    replies.push(await kit.api.call('POST', operations.login.path, { ...json, json: body }));
  }
  replies.push(
    await kit.api.call('GET', `${operations.user.path}?user_id=%`),
    await kit.api.call('GET', `${operations.user.path}?user_id=%ff%fe`),
    await kit.api.call('POST', operations.publish.path, { form: { token, title: 'x' } }),
    await kit.api.call('POST', operations.publish.path, {
      form: { a: 'no part in here' },
      headers: { 'content-type': 'multipart/form-data; boundary=never' },
    }),
  );
  return replies;
}

const contractChecks = checksOf('errors', [
  {
    id: 'errors.no-crash',
    title: 'bad input is refused, never an HTTP 500 or a hang',
    why: 'A 500 is a bug by definition; whoever finds one looks for the next.',
    fix: 'Check every parameter before it is used, and bind it as a parameter of SQL statements.',
    run: async (kit) => {
      for (const reply of await kit.once('hostile replies', hostileReplies)) {
        expect(reply, reply.status < 500, 'a refusal (HTTP 200 with a "status_code"), not a failure of the server');
        expect(reply, reply.body !== undefined, 'a JSON object, also for input that cannot be parsed');
      }
    },
  },
  {
    id: 'errors.no-leak',
    title: 'errors tell users what is wrong with their input, not SQL, paths or stack traces',
    why: 'They help attackers and nobody else; causes belong in the log.',
    fix: 'Map errors to a table of messages at the edge; never put err.Error() into status_msg.',
    run: async (kit) => {
      for (const reply of await kit.once('hostile replies', hostileReplies)) {
        const found = leaks.exec(String(reply.body?.['status_msg'] ?? reply.text));
        expect(reply, found === null, 'words for a user', `this belongs in the log: "${found?.[0] ?? ''}"`);
      }
    },
  },
]);

type Case = { readonly row: ErrorName; readonly when: string; readonly call: (kit: Kit) => Promise<Reply> };

const asAlice =
  (call: (kit: Kit, token: string) => Promise<Reply>): Case['call'] =>
  async (kit) =>
    await call(kit, (await kit.alice()).token);

const cases: readonly Case[] = [
  {
    row: 'ErrBind',
    when: 'a JSON body that is not JSON',
    call: (kit) => kit.api.call('POST', operations.login.path, { json: '{' }),
  },
  {
    row: 'ErrValidation',
    when: 'an id that is not a number',
    call: asAlice((kit, token) => kit.op('user', { user_id: 'abc' }, token)),
  },
  { row: 'ErrTokenInvalid', when: 'a required token that is missing', call: (kit) => kit.op('friendList') },
  { row: 'ErrPathNotFound', when: 'an unknown path', call: (kit) => kit.api.call('GET', '/douyin/nowhere/') },
  {
    row: 'ErrMethodNotAllowed',
    when: 'a wrong method',
    call: (kit) => kit.api.call('POST', operations.feed.path),
  },
  {
    row: 'ErrPasswordIncorrect',
    when: 'a wrong password',
    call: async (kit) => await kit.op('login', { username: (await kit.alice()).name, password: 'wrong password' }),
  },
  {
    row: 'ErrPermissionDenied',
    when: 'the friends of somebody else',
    call: async (kit) => await kit.op('friendList', { user_id: (await kit.bob()).id }, (await kit.alice()).token),
  },
  { row: 'ErrUserNotFound', when: 'an unknown user', call: (kit) => kit.op('user', { user_id: nobody }) },
  {
    row: 'ErrUserAlreadyExist',
    when: 'an existing user name',
    call: async (kit) => await kit.op('register', { username: (await kit.alice()).name, password: 'secret 123' }),
  },
  {
    row: 'ErrReachMaxCount',
    when: 'a user name of 33 characters',
    call: (kit) => kit.op('register', { username: 'x'.repeat(33), password: 'secret 123' }),
  },
  {
    row: 'ErrSecretEmpty',
    when: 'an empty password',
    call: (kit) => kit.op('register', { username: newName(), password: '' }),
  },
  {
    row: 'ErrVideoNotFound',
    when: 'a like of an unknown video',
    call: asAlice((kit, token) => kit.op('like', { video_id: nobody, action_type: 1 }, token)),
  },
  {
    row: 'ErrTitleTooLong',
    when: 'a title of 256 characters',
    call: asAlice((kit, token) => upload(kit, [field('token', token), field('title', 'x'.repeat(256)), bearPart])),
  },
  {
    row: 'ErrCommentNotFound',
    when: 'the deletion of an unknown comment',
    call: async (kit) => {
      const { id, author } = await kit.video();
      return await kit.op('comment', { video_id: id, action_type: 2, comment_id: nobody }, author.token);
    },
  },
  {
    row: 'ErrCommentEmpty',
    when: 'an empty comment',
    call: async (kit) => {
      const { id, author } = await kit.video();
      return await kit.op('comment', { video_id: id, action_type: 1, comment_text: '' }, author.token);
    },
  },
  {
    row: 'ErrCommentTooLong',
    when: 'a comment of 501 characters',
    call: async (kit) => {
      const { id, author } = await kit.video();
      return await kit.op('comment', { video_id: id, action_type: 1, comment_text: 'x'.repeat(501) }, author.token);
    },
  },
  {
    row: 'ErrFollowSelf',
    when: 'following oneself',
    call: async (kit) => {
      const { id, token } = await kit.alice();
      return await kit.op('follow', { to_user_id: id, action_type: 1 }, token);
    },
  },
  {
    row: 'ErrMessageEmpty',
    when: 'an empty message',
    call: async (kit) => await message(kit, await kit.bob(), ''),
  },
  {
    row: 'ErrMessageTooLong',
    when: 'a message of 1001 characters',
    call: async (kit) => await message(kit, await kit.bob(), 'x'.repeat(1001)),
  },
  {
    row: 'ErrMessageSelf',
    when: 'a message to oneself',
    call: async (kit) => await message(kit, await kit.alice(), 'x'),
  },
  {
    row: 'ErrFileMissing',
    when: 'an upload without a file',
    call: asAlice((kit, token) => upload(kit, [field('token', token), field('title', 'x')])),
  },
  {
    row: 'ErrNotVideo',
    when: 'an upload that is no video',
    call: asAlice((kit, token) =>
      upload(kit, [
        field('token', token),
        { name: 'data', content: bear.subarray(5_000, 9_000), fileName: 'bear.mp4' },
      ]),
    ),
  },
];

async function message(kit: Kit, to: { readonly id: number }, content: string): Promise<Reply> {
  const { token } = await kit.alice();
  return await kit.op('sendMessage', { to_user_id: to.id, action_type: 1, content }, token);
}

const codeChecks = checksOf(
  'errors',
  cases.map(({ row, when, call }) => {
    const { code, message: words } = errors[row];
    return {
      id: `errors.${code}`,
      title: `${code} ${row} for ${when}, in English and Chinese`,
      why: 'Clients of this project tell errors apart by their code, and show the message.',
      fix: `Answer "status_code": ${code}; the message in the language of Accept-Language.`,
      run: async (kit) => {
        const reply = await call(kit);
        const wanted = `"status_code": ${code} and "status_msg": "${words.en}…"`;
        const text = String(reply.body?.['status_msg']);
        expect(reply, reply.body?.['status_code'] === code && text.startsWith(words.en), wanted);
        const chinese = await call(speakingChinese(kit));
        const translated = String(chinese.body?.['status_msg']);
        expect(chinese, translated.startsWith(words.zh), `"status_msg": "${words.zh}…" for Accept-Language: zh-CN`);
      },
    };
  }),
  'ours',
);

/** The same calls with a header that asks for Chinese. */
function speakingChinese(kit: Kit): Kit {
  const { api } = kit;
  return kit.through({
    ...api,
    call: (method, path, call = {}) =>
      api.call(method, path, { ...call, headers: { ...call.headers, 'accept-language': 'zh-CN,zh;q=0.9' } }),
  });
}

export const errorChecks: readonly Check[] = [...contractChecks, ...codeChecks];
