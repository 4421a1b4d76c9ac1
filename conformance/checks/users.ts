/** Section 3, user/: registering, signing in, profiles. */
import { checksOf } from '../check.ts';
import { expect, expectOk, expectRefused, idOf, rowIn, succeeded, textIn } from '../expect.ts';
import { type Kit, newName, randomText } from '../kit.ts';

const password = 'secret 123';
const register = (kit: Kit, username: string, secret = password) => kit.op('register', { username, password: secret });

/** The middle one of three durations, in milliseconds. */
async function usualMs(call: () => Promise<{ readonly tookMs: number }>): Promise<number> {
  const took = [(await call()).tookMs, (await call()).tookMs, (await call()).tookMs];
  return took.sort((a, b) => a - b)[1] ?? 0;
}
/** A hash of a password takes tens of milliseconds: a difference like this is one that was left out. */
const tellingRatio = 5;
const tellingDifferenceMs = 25;

export const userChecks = checksOf('operations', [
  {
    id: 'users.register',
    title: 'user/register/ makes a user: user_id and token',
    why: 'Nothing else works without a user.',
    fix: 'Answer user_id (a number above 0) and a token that later calls accept.',
    run: async (kit) => {
      const reply = await register(kit, newName());
      expectOk(reply, 'registering a new user');
      expect(reply, idOf(reply.body, 'user_id') > 0, '"user_id" to be a number above 0');
      const token = textIn(reply, reply.body, 'token');
      expect(reply, token !== '', '"token" not to be empty');
      const shown = await kit.op('user', { user_id: idOf(reply.body, 'user_id') }, token);
      expectOk(shown, 'the new token to be accepted');
    },
  },
  {
    id: 'users.name-limits',
    title: 'user names have 1 to 32 characters, of any script, without control characters',
    why: 'Names are shown everywhere; characters are what people count, not bytes.',
    fix: 'Count code points (Go: utf8.RuneCountInString), not bytes, and refuse control characters.',
    run: async (kit) => {
      for (const name of [
        '',
        undefined,
        'x'.repeat(33),
        '熊'.repeat(33),
        `a\u0000${randomText(8)}`,
        `a\n${randomText(8)}`,
      ]) {
        expectRefused(await kit.op('register', { username: name, password }), 'the user name breaks the rules');
      }
      for (const name of [`熊${randomText(8)}`.padEnd(32, '熊'), `${randomText(8)}${'🐻'.repeat(24)}`]) {
        const reply = await register(kit, name);
        expectOk(reply, 'a user name of 32 characters');
        const shown = await kit.op('user', { user_id: idOf(reply.body, 'user_id') });
        expect(shown, rowIn(shown, 'user')['name'] === name, `"name": "${name}", as registered`);
      }
    },
  },
  {
    id: 'users.password-limits',
    title: 'passwords have 6 to 32 characters',
    why: 'A shorter one is guessed; a longer one must not be cut in silence.',
    fix: 'Count code points and refuse. (bcrypt cuts at 72 bytes: 32 characters may be 128 bytes, so hash them first.)',
    run: async (kit) => {
      for (const secret of ['', '12345', 'x'.repeat(33)]) {
        expectRefused(await register(kit, newName(), secret), 'the password breaks the rules');
      }
      const [name, secret] = [newName(), `${'🐻'.repeat(31)}a`];
      expectOk(await register(kit, name, secret), 'a password of 32 characters');
      expectOk(await kit.op('login', { username: name, password: secret }), 'to sign in with it');
      const other = await kit.op('login', { username: name, password: `${'🐻'.repeat(31)}b` });
      expectRefused(other, 'the last character of the password differs');
    },
  },
  {
    id: 'users.name-unique',
    title: 'a user name is taken once, whatever its case and Unicode form',
    why: 'Otherwise somebody poses as somebody else.',
    fix: 'Put a unique index on a normalised column (NFC and lower case), and turn its violation into "user already exists".',
    run: async (kit) => {
      const tail = randomText(10);
      const composed = `Élan-${tail}`;
      expectOk(await register(kit, composed), 'registering a new user');
      for (const same of [composed, composed.toUpperCase(), composed.toLowerCase(), composed.normalize('NFD')]) {
        expectRefused(await register(kit, same), `the name is the same as "${composed}", which is taken`);
      }
    },
  },
  {
    id: 'users.name-race',
    title: 'of several registrations of one name at the same moment exactly one succeeds',
    why: 'Two users of one name cannot both sign in.',
    fix: 'Rely on a unique index of the database; "look first, then insert" lets two through.',
    run: async (kit) => {
      const name = newName();
      const replies = await Promise.all(Array.from({ length: 4 }, () => register(kit, name)));
      const count = replies.filter(succeeded).length;
      const [last] = replies;
      if (last !== undefined) expect(last, count === 1, 'one of 4 to succeed', `${count} of 4 succeeded`);
    },
  },
  {
    id: 'users.login',
    title: 'user/login/ answers the same user_id and a token',
    why: 'It is how people come back.',
    fix: 'Look the user up as it was registered and compare the password with the stored hash.',
    run: async (kit) => {
      const { id, name, password: secret } = await kit.alice();
      const reply = await kit.op('login', { username: name, password: secret });
      expectOk(reply, 'to sign in');
      expect(reply, idOf(reply.body, 'user_id') === id, `"user_id": ${id}, as registered`);
      const own = await kit.op('user', {}, textIn(reply, reply.body, 'token'));
      expect(own, idOf(rowIn(own, 'user')) === id, 'the token to belong to that user');
    },
  },
  {
    id: 'users.login-one-error',
    title: 'an unknown user and a wrong password get the same answer, and take as long',
    why: 'Otherwise anyone finds out who has an account.',
    fix: 'One error for both, and compare with a dummy hash when there is no such user.',
    run: async (kit) => {
      const { name } = await kit.alice();
      const wrong = await kit.op('login', { username: name, password: 'wrong password' });
      const unknown = await kit.op('login', { username: newName(), password: 'wrong password' });
      expectRefused(wrong, 'the password is wrong');
      expectRefused(unknown, 'there is no such user');
      const same = ['status_code', 'status_msg'].every((field) => wrong.body?.[field] === unknown.body?.[field]);
      expect(unknown, same, `the same answer as for a wrong password: ${wrong.received}`);
      const wrongMs = await usualMs(() => kit.op('login', { username: name, password: 'wrong password' }));
      const unknownMs = await usualMs(() => kit.op('login', { username: newName(), password: 'wrong password' }));
      const telling = wrongMs > unknownMs * tellingRatio && wrongMs - unknownMs > tellingDifferenceMs;
      const seen = `it took ${unknownMs.toFixed(0)} ms, a wrong password ${wrongMs.toFixed(0)} ms`;
      expect(unknown, !telling, 'the same time as for a wrong password', seen);
    },
  },
  {
    id: 'users.by-id',
    title: 'user/ shows any user by user_id; one that does not exist is refused',
    why: 'Profiles of others are opened from every video.',
    fix: 'Look the user up by user_id and not by the token; answer "user not found" if there is none.',
    run: async (kit) => {
      const [alice, bob] = [await kit.alice(), await kit.bob()];
      for (const token of [undefined, alice.token, bob.token]) {
        const reply = await kit.op('user', { user_id: bob.id }, token);
        const user = rowIn(reply, 'user');
        expect(reply, idOf(user) === bob.id && user['name'] === bob.name, `user ${bob.id}, "${bob.name}"`);
      }
      expectRefused(
        await kit.op('user', { user_id: Number.MAX_SAFE_INTEGER - 1 }, alice.token),
        'there is no such user',
      );
    },
  },
  {
    id: 'users.own-without-id',
    fault: 'user-id-demanded',
    title: 'user/ without user_id shows the user of the token',
    why: 'The app asks like this right after signing in.',
    fix: 'When user_id is missing or empty, take the user of the token.',
    run: async (kit) => {
      const { id, token } = await kit.alice();
      for (const given of [undefined, '']) {
        const reply = await kit.op('user', { user_id: given }, token);
        expect(reply, idOf(rowIn(reply, 'user')) === id, `the user of the token, ${id}`);
      }
    },
  },
]);
