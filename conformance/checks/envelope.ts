/** Section 1: the envelope, the HTTP status, both spellings of a path. */
import { type Operation, operationNames, operations } from '@tiktok-server/contract';
import { checksOf } from '../check.ts';
import type { Reply } from '../client.ts';
import { expect, expectRefused, kindOf, refused, succeeded } from '../expect.ts';
import { type Kit, newName } from '../kit.ts';

/** The operations of the course, those that this project adds left out. */
export const courseOperations = operationNames.filter((name) => operations[name].origin === 'course');

/** One answer of success per way of calling: a guest's read, a write that makes something, one that only says "done". */
async function successes(kit: Kit): Promise<Reply[]> {
  const [{ token, id }, bob, video] = [await kit.alice(), await kit.bob(), await kit.video()];
  const replies = [
    await kit.op('feed'),
    await kit.op('user', { user_id: id }, token),
    await kit.op('login', { username: bob.name, password: bob.password }),
    await kit.op('publishList', { user_id: id }, token),
    await kit.op('like', { video_id: video.id, action_type: 1 }, bob.token),
    await kit.op('like', { video_id: video.id, action_type: 2 }, bob.token),
    await kit.op('followerList', { user_id: id }),
  ];
  return replies.filter(succeeded);
}

/** Calls that every server understands and says no to. */
async function refusals(kit: Kit): Promise<(readonly [what: string, reply: Reply])[]> {
  const { name, token, id } = await kit.alice();
  const nobody = Number.MAX_SAFE_INTEGER - 1;
  return [
    ['an existing user', await kit.op('register', { username: name, password: 'secret 123' })],
    ['a wrong password', await kit.op('login', { username: name, password: 'wrong password' })],
    ['a missing parameter', await kit.op('register', { username: newName() })],
    ['a user that does not exist', await kit.op('user', { user_id: nobody }, token)],
    ['a parameter that is not a number', await kit.op('like', { video_id: 'abc', action_type: 1 }, token)],
    ['a bad token', await kit.op('sendMessage', { to_user_id: id, action_type: 1, content: 'x' }, 'not-a-token')],
    ['a missing token', await kit.op('friendList', { user_id: id })],
    ['a video that does not exist', await kit.op('like', { video_id: nobody, action_type: 1 }, token)],
  ];
}

const jsonType = /^application\/json\s*;\s*charset="?utf-8"?$/i;

export const envelopeChecks = checksOf('calls', [
  {
    id: 'envelope.json',
    title: 'every answer is a JSON object, sent as application/json; charset=utf-8',
    why: 'The app parses every answer as a JSON object; a list, HTML or an empty body ends in "network error".',
    fix: 'Write all answers, errors too, through one function that encodes an object and sets the Content-Type.',
    run: async (kit) => {
      const replies = [...(await successes(kit)), ...(await refusals(kit)).map(([, reply]) => reply)];
      for (const reply of replies) {
        const type = reply.headers['content-type'] ?? 'missing';
        expect(reply, reply.body !== undefined, 'a JSON object as the body');
        expect(reply, jsonType.test(type), 'Content-Type: application/json; charset=utf-8', `Content-Type is ${type}`);
      }
    },
  },
  {
    id: 'envelope.status-code',
    fault: 'status-code-left-out',
    title: '"status_code" is a number and always there, 0 on success',
    why: 'The app reads status_code in every answer; without it, it cannot tell success from failure.',
    fix: 'Take `omitempty` off the JSON tag of status_code (protobuf: EmitUnpopulated), so that 0 is written.',
    run: async (kit) => {
      for (const reply of await successes(kit)) {
        const code = reply.body?.['status_code'];
        expect(reply, code === 0, '"status_code": 0 in an answer of success', `"status_code" is ${kindOf(code)}`);
      }
      for (const [what, reply] of await refusals(kit)) {
        const code = reply.body?.['status_code'];
        const holds = typeof code === 'number' && code !== 0;
        expect(reply, holds, `"status_code" to be a number that is not 0 for ${what}`);
      }
    },
  },
  {
    id: 'envelope.status-msg',
    title: '"status_msg" is text and always there: words on failure',
    why: 'The app shows it to the user when something goes wrong.',
    fix: 'Always write status_msg; null and a missing field break clients that decode into a string.',
    run: async (kit) => {
      for (const reply of await successes(kit)) {
        const text = reply.body?.['status_msg'];
        expect(reply, typeof text === 'string', '"status_msg" to be text', `"status_msg" is ${kindOf(text)}`);
      }
      for (const [what, reply] of await refusals(kit)) {
        const text = reply.body?.['status_msg'];
        const holds = typeof text === 'string' && text !== '';
        expect(reply, holds, `"status_msg" to say why, for ${what}`, `"status_msg" is ${kindOf(text)}`);
      }
    },
  },
  {
    id: 'envelope.status-msg-empty',
    title: '"status_msg" is "" on success',
    why: 'Some clients show whatever is in it, so a success would pop up as a message.',
    fix: 'Leave status_msg empty in answers of success, instead of "success" or "ok".',
    run: async (kit) => {
      for (const reply of await successes(kit)) {
        const text = reply.body?.['status_msg'] ?? '';
        expect(reply, text === '', '"status_msg": "" on success', `"status_msg" is ${kindOf(text)}`);
      }
    },
  },
  {
    id: 'envelope.http-200',
    fault: 'http-400',
    title: 'whatever the API understood is HTTP 200, refusals too',
    why: 'The app shows "network error" for any other HTTP status and never reads the message in the body.',
    fix: 'Send HTTP 200 and say what is wrong in status_code and status_msg: bad parameters, bad token, not found, conflict.',
    run: async (kit) => {
      for (const [what, reply] of await refusals(kit)) {
        expect(reply, reply.status === 200, `HTTP 200 for ${what}, with a "status_code" that is not 0`);
      }
    },
  },
  {
    id: 'envelope.refusals',
    title: 'what cannot be done is refused, not answered with success',
    why: 'A user who is told "done" does not know that nothing was done.',
    fix: 'Check parameters, token and whether the object exists before answering, and return early with an error.',
    run: async (kit) => {
      for (const [what, reply] of await refusals(kit)) expectRefused(reply, `the call has ${what}`);
    },
  },
  {
    id: 'envelope.empty-fields',
    title: 'a refusal still carries the fields of the operation, in their empty form',
    why: 'Clients decode the whole answer before they look at status_code; a null list crashes them.',
    fix: 'Fill the answer with user_id 0, token "" and empty lists ([] and not null; in Go: make([]T, 0)) before returning.',
    run: async (kit) => {
      const { name, token } = await kit.alice();
      const nobody = Number.MAX_SAFE_INTEGER - 1;
      for (const reply of [
        await kit.op('register', { username: name, password: 'secret 123' }),
        await kit.op('login', { username: name, password: 'wrong password' }),
      ]) {
        const holds = reply.body?.['user_id'] === 0 && reply.body['token'] === '';
        expect(reply, !refused(reply) || holds, '"user_id": 0 and "token": "" beside the error');
      }
      for (const [list, reply] of [
        ['video_list', await kit.op('publishList', { user_id: nobody }, token)],
        ['comment_list', await kit.op('commentList', { video_id: nobody }, token)],
        ['user_list', await kit.op('followList', { user_id: nobody }, token)],
        ['message_list', await kit.op('chat', { to_user_id: 1 }, 'not-a-token')],
      ] as const) {
        const value = reply.body?.[list];
        const holds = Array.isArray(value) && value.length === 0;
        expect(reply, holds, `"${list}": [] beside the error`, `"${list}" is ${kindOf(value)}`);
      }
    },
  },
  {
    id: 'envelope.empty-lists',
    title: 'an empty list is [], not null and not left out',
    why: 'Clients loop over it without looking: null crashes the Android app.',
    fix: 'In Go, a nil slice is encoded as null: start with make([]T, 0), and take `omitempty` off.',
    run: async (kit) => {
      const user = await kit.newUser();
      for (const [list, reply] of [
        ['video_list', await kit.op('publishList', { user_id: user.id }, user.token)],
        ['video_list', await kit.op('likeList', { user_id: user.id }, user.token)],
        ['user_list', await kit.op('followList', { user_id: user.id }, user.token)],
        ['user_list', await kit.op('followerList', { user_id: user.id }, user.token)],
        ['user_list', await kit.op('friendList', { user_id: user.id }, user.token)],
        ['message_list', await kit.op('chat', { to_user_id: (await kit.alice()).id }, user.token)],
      ] as const) {
        const value = reply.body?.[list];
        const holds = Array.isArray(value) && value.length === 0;
        expect(reply, holds, `"${list}": [] for a new user`, `"${list}" is ${kindOf(value)}`);
      }
    },
  },
  {
    id: 'paths.unknown-404',
    title: 'an unknown path is HTTP 404, in the same envelope',
    why: 'A wrong address should be found at once, and clients should be able to read the answer.',
    fix: 'Set the "no route" handler of the router (gin: NoRoute) to one that writes the envelope.',
    run: async (kit) => {
      const reply = await kit.api.call('GET', '/douyin/no/such/address/');
      const { status, body } = reply;
      const holds = status === 404 && typeof body?.['status_code'] === 'number' && body['status_code'] !== 0;
      expect(reply, holds, 'HTTP 404 with a JSON object whose "status_code" is not 0');
    },
  },
  {
    id: 'paths.method-405',
    title: 'a wrong method is HTTP 405, in the same envelope',
    why: 'A client that sends POST instead of GET should be told so, and a write must not be done by a GET.',
    fix: 'Let the router answer 405 (gin: HandleMethodNotAllowed = true and NoMethod) with the envelope.',
    run: async (kit) => {
      for (const [method, path] of [
        ['GET', operations.register.path],
        ['POST', operations.feed.path],
        ['DELETE', operations.like.path],
      ] as const) {
        const reply = await kit.api.call(method, path);
        const { status, body } = reply;
        const holds = status === 405 && typeof body?.['status_code'] === 'number' && body['status_code'] !== 0;
        expect(reply, holds, 'HTTP 405 with a JSON object whose "status_code" is not 0');
      }
    },
  },
  {
    id: 'paths.slashes',
    title: 'paths are served with and without the slash at the end, without a redirect',
    why: 'A redirect turns a POST into a GET and loses its body; the app and test suites spell paths both ways.',
    fix: 'Register both spellings (gin: turn off RedirectTrailingSlash and add the other route).',
    run: async (kit) => {
      const { token } = await kit.alice();
      for (const name of courseOperations) {
        const { method, path }: Operation = operations[name];
        for (const spelling of [path, path.slice(0, -1)]) {
          const reply = await kit.api.call(method, spelling, {
            query: { token: method === 'GET' ? token : undefined },
          });
          const isThere = reply.body !== undefined && reply.status !== 404 && reply.status !== 405;
          const seen = reply.status >= 300 && reply.status < 400 ? 'this is a redirect' : undefined;
          expect(reply, isThere, `an answer of the operation itself at ${spelling}`, seen);
        }
      }
    },
  },
]);
