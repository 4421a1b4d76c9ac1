/** Section 1: tokens and guests. */
import { type OperationName, operations } from '@tiktok-server/contract';
import { checksOf } from '../check.ts';
import { isRow, type Values } from '../client.ts';
import { expect, expectOk, expectRefused, findById, idOf, listOf, rowIn, succeeded } from '../expect.ts';
import { bearPart, field, type Kit } from '../kit.ts';
import { courseOperations } from './envelope.ts';

const optional = courseOperations.filter((name) => operations[name].access === 'optional');
const required = courseOperations.filter((name) => operations[name].access === 'required' && name !== 'publish');

/** Parameters with which every operation has something to say. */
async function parametersOf(kit: Kit): Promise<(name: OperationName) => Values> {
  const [alice, bob, video] = [await kit.alice(), await kit.bob(), await kit.video()];
  return (name) => {
    if (name === 'feed') return {};
    if (name === 'like' || name === 'commentList') return { video_id: video.id, action_type: 1 };
    if (name === 'comment') return { video_id: video.id, action_type: 1, comment_text: 'not to be seen' };
    if (name === 'follow' || name === 'chat') return { to_user_id: bob.id, action_type: 1 };
    if (name === 'sendMessage') return { to_user_id: bob.id, action_type: 1, content: 'not to be seen' };
    return { user_id: alice.id };
  };
}

const base64url = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Tokens that nobody was given: of no form, changed in the signature, and without one that names a real user. */
export function forgedTokens(token: string, userId: number): string[] {
  const last = token.at(-10) ?? '';
  const changed = `${token.slice(0, -10)}${last === 'A' ? 'B' : 'A'}${token.slice(-9)}`;
  const forged = ['not-a-token', changed];
  const [, payload] = token.split('.');
  if (payload !== undefined) {
    forged.push(`${base64url({ alg: 'none', typ: 'JWT' })}.${payload}.`);
    forged.push(
      `${base64url({ alg: 'none', typ: 'JWT' })}.${base64url({ sub: String(userId), id: userId, user_id: userId })}.`,
    );
  }
  return forged;
}

export const tokenChecks = checksOf('calls', [
  {
    id: 'tokens.guest',
    title: 'where the token is optional, no token means guest',
    why: 'The app shows the feed, profiles and comments before anyone has signed in.',
    fix: 'Do not put these routes behind the middleware that demands a token: feed, user, publish/list, favorite/list, comment/list, follow/list, follower/list.',
    run: async (kit) => {
      const parameters = await parametersOf(kit);
      for (const name of optional) {
        expectOk(await kit.op(name, parameters(name)), `${operations[name].path} to answer a guest`);
      }
    },
  },
  {
    id: 'tokens.bad-is-guest',
    title: 'where the token is optional, a bad one means guest as well',
    why: 'The app keeps an old token for ever; with an error here, it would show nothing at all after it expired.',
    fix: 'When the token cannot be verified on these routes, go on without a user instead of refusing.',
    run: async (kit) => {
      const [parameters, { token, id }] = [await parametersOf(kit), await kit.alice()];
      for (const name of optional) {
        for (const bad of ['', ...forgedTokens(token, id)]) {
          expectOk(
            await kit.op(name, parameters(name), bad),
            `${operations[name].path} to treat a bad token as a guest`,
          );
        }
      }
    },
  },
  {
    id: 'tokens.guest-flags',
    title: 'is_follow and is_favorite are false for a guest and for a forged token',
    why: 'They are relative to the caller; a forged token must not open another user’s view.',
    fix: 'Verify the signature with the algorithm fixed in the code (never "none"), and default both flags to false.',
    run: async (kit) => {
      const [user, { id }, video] = [await kit.userFor('follows', 'likes'), await kit.alice(), await kit.video()];
      await kit.step('follow', { to_user_id: id, action_type: 1 }, user.token);
      await kit.step('like', { video_id: video.id, action_type: 1 }, user.token);
      for (const bad of [undefined, ...forgedTokens(user.token, user.id)]) {
        const shown = await kit.op('user', { user_id: id }, bad);
        expect(
          shown,
          rowIn(shown, 'user')['is_follow'] === false,
          '"is_follow": false for a caller without a valid token',
        );
        const list = await kit.op('publishList', { user_id: id }, bad);
        const row = findById(listOf(list, 'video_list'), video.id);
        expect(list, row?.['is_favorite'] === false, `"is_favorite": false for video ${video.id}`);
      }
    },
  },
  {
    id: 'tokens.required',
    title: 'where the token is required, none and a forged one are refused',
    why: 'Anyone could act in the name of others.',
    fix: 'Verify the token before anything else in every */action/, friend/list and message/chat, and refuse if that fails.',
    run: async (kit) => {
      const [parameters, { token, id }] = [await parametersOf(kit), await kit.alice()];
      for (const name of required) {
        for (const bad of [undefined, '', ...forgedTokens(token, id)]) {
          expectRefused(await kit.op(name, parameters(name), bad), 'there is no valid token');
        }
      }
    },
  },
  {
    id: 'tokens.upload-required',
    title: 'an upload without a valid token is refused',
    why: 'Anyone could publish in the name of others, or fill the disk.',
    fix: 'Verify the token of publish/action, which is a part of the multipart body, before the video is stored for good.',
    run: async (kit) => {
      const { token, id } = await kit.alice();
      for (const bad of [undefined, ...forgedTokens(token, id).slice(1)]) {
        const parts = [bearPart, ...(bad === undefined ? [] : [field('token', bad)]), field('title', 'not to be seen')];
        const reply = await kit.api.call('POST', operations.publish.path, { parts });
        expectRefused(reply, 'there is no valid token');
      }
      const list = await kit.op('publishList', { user_id: id }, token);
      const seen = listOf(list, 'video_list').some((row) => row['title'] === 'not to be seen');
      expect(list, !seen, 'no video of an upload without a valid token');
    },
  },
  {
    id: 'tokens.bearer',
    title: 'the token is also taken from "Authorization: Bearer"',
    why: 'Web clients and API tools send it there.',
    fix: 'When there is no token parameter, read the Authorization header.',
    run: async (kit) => {
      const { id, token } = await kit.alice();
      const reply = await kit.op('user', {}, undefined, { headers: { authorization: `Bearer ${token}` } });
      expect(reply, succeeded(reply) && idOf(rowIn(reply, 'user')) === id, `the user of the token, ${id}`);
    },
  },
  {
    id: 'tokens.in-form',
    title: 'the token is taken from a form body too',
    why: 'Test suites send it in query and form.',
    fix: 'Look for the token wherever parameters are looked for.',
    run: async (kit) => {
      const { id, token } = await kit.alice();
      const reply = await kit.api.call('GET', operations.user.path, { form: { token } });
      const user = expectOk(reply)['user'];
      expect(reply, isRow(user) && idOf(user) === id, `the user of the token, ${id}`);
    },
  },
]);
