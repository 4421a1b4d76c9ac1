/** Section 1: where parameters come from, and how integers are spelled. */
import { operations } from '@tiktok-server/contract';
import { checksOf } from '../check.ts';
import type { Call, Reply } from '../client.ts';
import { expect, expectOk, expectRefused, idOf, refused, succeeded } from '../expect.ts';
import { field, type Kit, newName } from '../kit.ts';

/** Go's spelling of a double, as JavaScript's but with two digits in the exponent. */
const goExponent = (value: number): string =>
  value.toExponential().replace(/e([+-])(\d)$/, (_all, sign: string, digit: string) => `e${sign}0${digit}`);

/** Registers a new user with `call` made of its parameters. */
async function registers(kit: Kit, callOf: (parameters: { username: string; password: string }) => Call) {
  const parameters = { username: newName(), password: 'secret 123' };
  const reply = await kit.api.call('POST', operations.register.path, callOf(parameters));
  return { reply, parameters };
}

async function userShown(kit: Kit, call: Call): Promise<{ reply: Reply; id: number }> {
  const reply = await kit.api.call('GET', operations.user.path, call);
  const user = expectOk(reply)['user'];
  return { reply, id: typeof user === 'object' && user !== null ? idOf({ ...user }) : Number.NaN };
}

export const parameterChecks = checksOf('calls', [
  {
    id: 'parameters.query',
    title: 'parameters in the query string of a POST are read',
    why: 'The app sends everything but uploads in the query string, also with POST.',
    fix: 'Read the query string of POST requests too (net/http: r.URL.Query(), gin: c.Query).',
    run: async (kit) => {
      const { reply } = await registers(kit, (query) => ({ query }));
      expectOk(reply, 'registering with parameters in the query string');
    },
  },
  {
    id: 'parameters.form',
    title: 'parameters in a form body are read',
    why: 'Test suites and web pages send application/x-www-form-urlencoded.',
    fix: 'Read query and form together (net/http: r.FormValue; gin: c.ShouldBind after c.ShouldBindQuery).',
    run: async (kit) => {
      const { reply } = await registers(kit, (form) => ({ form }));
      expectOk(reply, 'registering with parameters in a form body');
    },
  },
  {
    id: 'parameters.form-on-get',
    title: 'parameters in the form body of a GET are read',
    why: 'The course’s tests send a form with GET requests as well.',
    fix: 'net/http ignores the body of a GET in ParseForm: read it yourself and parse it with url.ParseQuery.',
    run: async (kit) => {
      const { id, token } = await kit.alice();
      const shown = await userShown(kit, { form: { user_id: id, token } });
      expect(shown.reply, shown.id === id, `user ${id}, who is named in the form body`);
    },
  },
  {
    id: 'parameters.json',
    title: 'parameters in a JSON body are read, numbers as numbers',
    why: 'API tools send JSON; both GET and POST may carry it.',
    fix: 'When the Content-Type is application/json, decode the body into the same parameters.',
    run: async (kit) => {
      const { reply } = await registers(kit, (json) => ({ json }));
      expectOk(reply, 'registering with a JSON body');
      const { id, token } = await kit.alice();
      const shown = await userShown(kit, { json: { user_id: id, token } });
      expect(shown.reply, shown.id === id, `user ${id}, who is named in the JSON body`);
    },
  },
  {
    id: 'parameters.multipart',
    title: 'parameters in a multipart body are read',
    why: 'Some clients send every form as multipart/form-data.',
    fix: 'Call ParseMultipartForm when the Content-Type says so, and read its values like any other form.',
    run: async (kit) => {
      const { reply } = await registers(kit, ({ username, password }) => ({
        parts: [field('username', username), field('password', password)],
      }));
      expectOk(reply, 'registering with a multipart body');
    },
  },
  {
    id: 'parameters.query-and-form',
    title: 'parameters in query and form at once are no error; the query counts',
    why: 'Test suites send each parameter both ways.',
    fix: 'Look a parameter up in the query first, then in the body; do not join the values.',
    run: async (kit) => {
      const { reply, parameters } = await registers(kit, (both) => ({
        query: both,
        form: { ...both, username: newName() },
      }));
      expectOk(reply, 'registering with parameters in query and form');
      const [named, other] = [await kit.alice(), await kit.bob()];
      const shown = await userShown(kit, { query: { user_id: named.id }, form: { user_id: other.id } });
      expect(shown.reply, shown.id === named.id, `user ${named.id} of the query, not user ${other.id} of the form`);
      const login = await kit.op('login', parameters);
      expect(login, succeeded(login), 'the user name of the query to be the one that was registered');
    },
  },
  {
    id: 'parameters.first-counts',
    title: 'a parameter that is given twice is no error; the first value counts',
    why: 'The course’s message test sends "content" twice.',
    fix: 'Take the first value of a list (Go: values.Get); do not refuse and do not join them.',
    run: async (kit) => {
      const [{ id }, other] = [await kit.alice(), await kit.bob()];
      for (const call of [{ query: { user_id: [id, other.id] } }, { form: { user_id: [id, other.id] } }]) {
        const shown = await userShown(kit, call);
        expect(shown.reply, shown.id === id, `user ${id}, who is named first`);
      }
    },
  },
  {
    id: 'integers.exponent',
    title: 'integers in exponent notation are understood, such as 1.234567e+06',
    why: 'Clients that decode JSON numbers to doubles send large ids back like this.',
    fix: 'When ParseInt fails, parse as a decimal, and accept it if it is a whole number below 2^53.',
    run: async (kit) => {
      const { id } = await kit.alice();
      for (const spelling of [id.toExponential(), goExponent(id), `${id}e0`, `${id}.0`]) {
        const shown = await userShown(kit, { query: { user_id: spelling } });
        expect(shown.reply, shown.id === id, `user ${id}: ${spelling} is a spelling of that number`);
      }
    },
  },
  {
    id: 'integers.junk',
    title: 'what is not an integer is refused, not cut or rounded',
    why: 'A cut or rounded id is another object: the wrong video gets the like.',
    fix: 'Check that the whole text is a number and that it is whole; do not use Sscanf, Atoi on a prefix or int(float).',
    run: async (kit) => {
      const [{ id: video }, { id, token }] = [await kit.video(), await kit.alice()];
      const junk = [`${video}.5`, `${video}abc`, `${video} 1`, 'NaN', '1e400', 'Infinity', `0x${video.toString(16)}`];
      for (const spelling of [...junk, ' ', '-1', '0', '99999999999999999999']) {
        const reply = await kit.op('like', { video_id: spelling, action_type: 1 }, token);
        expectRefused(reply, `"${spelling}" is not the id of a video`);
      }
      for (const spelling of [`${id}.5`, `${id}abc`, 'NaN', '1e400', `0x${id.toString(16)}`]) {
        expectRefused(await kit.op('user', { user_id: spelling }, token), `"${spelling}" is not the id of a user`);
      }
    },
  },
  {
    id: 'integers.action-type',
    title: 'an action_type that does not exist is refused',
    why: 'A third value must not count as the second: a typing error would delete something.',
    fix: 'Compare with 1 and 2, and refuse everything else.',
    run: async (kit) => {
      const [{ id: video }, { token }, bob] = [await kit.video(), await kit.alice(), await kit.bob()];
      for (const action of ['0', '3', '-1', '1.5', 'abc', '', undefined]) {
        for (const reply of [
          await kit.op('like', { video_id: video, action_type: action }, token),
          await kit.op('comment', { video_id: video, action_type: action, comment_text: 'x', comment_id: 1 }, token),
          await kit.op('follow', { to_user_id: bob.id, action_type: action }, token),
          await kit.op('sendMessage', { to_user_id: bob.id, action_type: action, content: 'x' }, token),
        ]) {
          expect(reply, refused(reply), `a refusal: action_type ${action ?? '(missing)'} does not exist`);
        }
      }
    },
  },
]);
