/** Faults beside those of section 5 of the contract, each with the checks that have to find it. */
import { operations } from '@tiktok-server/contract';
import { isRow, type Row } from '../client.ts';
import type { FaultCase } from './faults.ts';
import { type Answer, answerOf, type Fault, type Request, rowOf } from './faulty-proxy.ts';

const { feed, follow, friendList, login, publish, publishList, user } = operations;
const refusal = (words = 'no'): Answer => answerOf({ status_code: 1, status_msg: words });
const asks = (change: (request: Request) => Answer | undefined): Fault => ({ request: change });
const alter = (change: (body: Row, answer: Answer, request: Request) => Answer | undefined): Fault => ({
  answer: (answer, request) => {
    const body = rowOf(answer);
    if (body === undefined) return answer;
    return change(body, answer, request) ?? { ...answer, body: Buffer.from(JSON.stringify(body)) };
  },
});

function eachRow(value: unknown, change: (row: Row) => void): void {
  if (Array.isArray(value)) for (const one of value) eachRow(one, change);
  if (!isRow(value)) return;
  for (const inner of Object.values(value)) eachRow(inner, change);
  change(value);
}

const shortId = (value: string): string => String(Number.parseInt(value, 10));

export const moreFaults: readonly FaultCase[] = [
  {
    name: 'answers are sent as text/html',
    says: 'Content-Type is text/html',
    checks: ['envelope.json'],
    make: () => ({ answer: (answer) => ({ ...answer, headers: { ...answer.headers, 'content-type': 'text/html' } }) }),
  },
  {
    name: 'status_msg is "success" on success',
    says: 'the text "success"',
    checks: ['envelope.status-msg-empty'],
    make: () =>
      alter((body) => {
        if (body['status_code'] === 0) body['status_msg'] = 'success';
        return undefined;
      }),
  },
  {
    name: 'empty lists are null',
    says: 'is null',
    checks: ['envelope.empty-lists', 'envelope.empty-fields'],
    make: () =>
      alter((body) => {
        for (const [name, value] of Object.entries(body)) {
          if (Array.isArray(value) && value.length === 0) body[name] = null;
        }
        return undefined;
      }),
  },
  {
    name: 'refusals carry the envelope alone',
    says: '"user_id": 0 and "token": ""',
    checks: ['envelope.empty-fields'],
    make: () =>
      alter(({ status_code, status_msg }) => (status_code === 0 ? undefined : answerOf({ status_code, status_msg }))),
  },
  {
    name: 'an unknown path is a web page, a wrong method is served',
    says: /HTTP 40[45] with a JSON object/,
    checks: ['paths.unknown-404', 'paths.method-405'],
    make: () => ({
      answer: (answer) => {
        if (answer.status === 404)
          return { status: 404, headers: { 'content-type': 'text/html' }, body: Buffer.from('<h1>') };
        return answer.status === 405 ? { ...answer, status: 404 } : answer;
      },
    }),
  },
  {
    name: 'a path without its slash is redirected',
    says: 'this is a redirect',
    checks: ['paths.slashes'],
    make: () =>
      asks(({ path }) =>
        path.endsWith('/') ? undefined : { status: 301, headers: { location: `${path}/` }, body: Buffer.alloc(0) },
      ),
  },
  {
    name: 'ids are text',
    says: /is the text "\d+"|without quotes/,
    checks: ['objects.user', 'objects.video', 'objects.ids'],
    make: () =>
      alter((body) => {
        eachRow(body, (row) => {
          if (typeof row['id'] === 'number') row['id'] = String(row['id']);
        });
        return undefined;
      }),
  },
  {
    name: 'create_date has a year',
    says: 'to look like',
    checks: ['objects.comment'],
    make: () =>
      alter((body) => {
        eachRow(body, (row) => {
          if ('create_date' in row) row['create_date'] = `2024-${row['create_date']}`;
        });
        return undefined;
      }),
  },
  {
    name: 'msgType is the other way round',
    says: '"msgType":',
    checks: ['follows.friends'],
    make: () =>
      alter((body, _answer, { path }) => {
        if (path === friendList.path) {
          eachRow(body, (row) => {
            if ('msgType' in row) row['msgType'] = 1 - Number(row['msgType']);
          });
        }
        return undefined;
      }),
  },
  {
    name: 'exponent notation is refused',
    says: 'e+',
    checks: ['integers.exponent'],
    make: () => asks(({ query }) => (/e[+]/.test(query.get('user_id') ?? '') ? refusal() : undefined)),
  },
  {
    name: 'an id is read as far as it is a number',
    says: 'is not the id of',
    checks: ['integers.junk'],
    make: () =>
      asks(({ query }) => {
        for (const name of ['video_id', 'user_id'])
          if (query.has(name)) query.set(name, shortId(query.get(name) ?? ''));
        return undefined;
      }),
  },
  {
    name: 'the body of a GET is not read',
    says: 'form body: user_id=',
    checks: ['parameters.form-on-get', 'tokens.in-form'],
    make: () =>
      asks((request) => {
        if (request.method === 'GET') request.body = Buffer.alloc(0);
        return undefined;
      }),
  },
  {
    name: 'the last of two values counts',
    says: 'who is named first',
    checks: ['parameters.first-counts'],
    make: () =>
      asks((request) => {
        request.query = new URLSearchParams([...request.query].reverse());
        return undefined;
      }),
  },
  {
    name: 'two values are joined',
    says: 'not joined with itself',
    checks: ['course.message'],
    make: () =>
      asks(({ query }) => {
        const values = query.getAll('content');
        if (values.length > 1) query.set('content', values.join(','));
        return undefined;
      }),
  },
  {
    name: 'the feed demands a token',
    says: 'to answer a guest',
    checks: ['tokens.guest'],
    make: () => asks(({ path, query }) => (path === feed.path && !query.has('token') ? refusal() : undefined)),
  },
  {
    name: 'a bad token is an error in the feed',
    says: 'to treat a bad token as a guest',
    checks: ['tokens.bad-is-guest'],
    make: () =>
      asks(({ path, query }) => (path === feed.path && query.get('token') === 'not-a-token' ? refusal() : undefined)),
  },
  {
    name: 'signatures of tokens are not verified',
    says: /valid token|relative|"is_follow": false/,
    checks: ['tokens.required', 'tokens.guest-flags', 'tokens.upload-required'],
    make: (validTokens) => {
      // Valid tokens by what they say about the user: a token with the same claims is taken for it.
      const claims = (token: string): string => token.split('.')[1] ?? '';
      const valid = new Map(validTokens.map((token) => [claims(token), token]));
      return {
        request: (request) => {
          const token = request.query.get('token') ?? '';
          if (token.split('.').length === 3 && claims(token) !== '') {
            if (!token.endsWith('.') && !valid.has(claims(token))) valid.set(claims(token), token);
            request.query.set('token', valid.get(claims(token)) ?? token);
          }
          const body = request.body.toString('latin1');
          const sent = /\r\n\r\n(ey[\w-]+\.[\w-]+\.[\w-]*)\r\n/.exec(body)?.[1];
          if (sent !== undefined) {
            request.body = Buffer.from(body.replace(sent, valid.get(claims(sent)) ?? sent), 'latin1');
          }
          return undefined;
        },
      };
    },
  },
  {
    name: 'an empty latest_time is an error',
    says: 'status_code',
    checks: ['feed.latest-time-junk'],
    make: () =>
      asks(({ path, query }) => (path === feed.path && query.get('latest_time') === '' ? refusal() : undefined)),
  },
  {
    name: 'seconds are read as milliseconds',
    says: 'it was published in second',
    checks: ['feed.latest-time-seconds'],
    make: () =>
      asks(({ path, query }) => {
        const time = Number(query.get('latest_time') ?? 0);
        if (path === feed.path && time > 0 && time < 1e11) query.set('latest_time', '1');
        return undefined;
      }),
  },
  {
    name: 'Range is ignored',
    says: 'HTTP 206',
    checks: ['media.range'],
    make: () =>
      asks(({ headers }) => {
        delete headers['range'];
        return undefined;
      }),
  },
  {
    name: 'media addresses are those of localhost',
    says: 'not reachable from 192.0.2.1',
    checks: ['media.host'],
    make: () =>
      asks(({ headers }) => {
        headers['host'] = 'localhost:8080';
        return undefined;
      }),
  },
  {
    name: 'X-Forwarded-Host is believed',
    says: 'elsewhere.example',
    checks: ['media.forwarded-host'],
    make: () =>
      asks(({ headers }) => {
        headers['host'] = headers['x-forwarded-host'] ?? headers['host'] ?? '';
        return undefined;
      }),
  },
  {
    name: 'following oneself succeeds',
    says: 'nobody follows themselves',
    checks: ['follows.oneself'],
    make: () => asks(({ path }) => (path === follow.path ? answerOf({ status_code: 0, status_msg: '' }) : undefined)),
  },
  {
    name: 'errors carry the words of the database',
    says: 'this belongs in the log: "Duplicate entry"',
    checks: ['errors.no-leak'],
    make: () =>
      alter((body) => {
        if (body['status_code'] !== 0) body['status_msg'] = "Error 1062: Duplicate entry 'x' for key 'name'";
        return undefined;
      }),
  },
  {
    name: 'a quote in a parameter is HTTP 500',
    says: 'not a failure of the server',
    checks: ['errors.no-crash'],
    make: () =>
      asks(({ path, query }) =>
        path === login.path && query.get('username')?.includes("'") ? answerOf({}, 500) : undefined,
      ),
  },
  {
    name: 'a video is listed a little later',
    says: 'in the list of its author at once',
    checks: ['videos.publish'],
    make: () => ({
      answer: (answer, { path }) =>
        path === publishList.path ? answerOf({ status_code: 0, status_msg: '', video_list: [] }) : answer,
    }),
  },
  {
    name: 'an upload needs its token before the file',
    says: 'multipart body, in this order: data',
    checks: ['videos.publish'],
    make: () =>
      asks(({ path, body }) =>
        path === publish.path && body.indexOf('name="data"') < body.indexOf('name="token"') ? refusal() : undefined,
      ),
  },
  {
    name: 'unknown users are told apart from wrong passwords',
    says: 'the same answer as for a wrong password',
    checks: ['users.login-one-error'],
    make: () => {
      const known = new Set<string>();
      return {
        request: ({ path, query }) => {
          if (path === user.path) known.add('');
          const name = query.get('username') ?? '';
          if (path !== login.path || known.has(name) || query.get('password') !== 'wrong password') return undefined;
          known.add(name);
          return known.size > 1
            ? answerOf({ status_code: 2, status_msg: 'no such user', user_id: 0, token: '' })
            : undefined;
        },
      };
    },
  },
];
