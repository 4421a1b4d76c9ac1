/** Faults of tokens, media, uploads and errors, each with the checks that have to find it. */
import { operations } from '@tiktok-server/contract';
import { answerOf } from './faulty-proxy.ts';
import { asks, eachObject, type FaultCase, files, json, refusal, success } from './tampering.ts';

const { chat, feed, follow, login, publish, publishList, sendMessage } = operations;

export const otherFaults: readonly FaultCase[] = [
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
      files(({ headers }, whole) => {
        delete headers['range'];
        return whole();
      }),
  },
  {
    name: 'the address of a file leads in a circle',
    says: 'HTTP 302',
    checks: ['media.play', 'media.cover'],
    make: () => files(async ({ path }) => ({ status: 302, headers: { location: path }, body: Buffer.alloc(0) })),
  },
  {
    name: 'the address of a file leads nowhere',
    says: 'HTTP 302',
    checks: ['media.play', 'media.cover'],
    make: () => files(async () => ({ status: 302, headers: { location: 'http://' }, body: Buffer.alloc(0) })),
  },
  {
    name: 'media addresses are relative',
    says: 'absolute http or https addresses',
    checks: ['media.absolute'],
    make: () =>
      eachObject((row) => {
        if (typeof row['play_url'] === 'string') row['play_url'] = new URL(row['play_url']).pathname;
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
    make: () => asks(({ path }) => (path === follow.path ? success() : undefined)),
  },
  {
    name: 'errors carry the words of the database',
    says: 'this belongs in the log: "Duplicate entry"',
    checks: ['errors.no-leak'],
    make: () =>
      json((body) => {
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
      // The check asks for somebody who exists first.
      let existing: string | null | undefined;
      return asks(({ path, query }) => {
        if (path !== login.path) return undefined;
        existing ??= query.get('username');
        if (query.get('username') === existing) return undefined;
        return answerOf({ status_code: 2, status_msg: 'no such user', user_id: 0, token: '' });
      });
    },
  },
  {
    name: 'an upload is judged by its MIME type',
    says: 'notes.txt',
    checks: ['videos.part-order'],
    make: () =>
      asks(({ path, body }) => (path === publish.path && body.includes('text/plain') ? refusal() : undefined)),
  },
  {
    name: 'the reader of a chat is taken from a parameter',
    says: 'the caller has no part in it',
    checks: ['messages.private'],
    make: () => {
      let sender = '';
      return asks(({ path, query }) => {
        if (path === sendMessage.path) sender = query.get('token') ?? '';
        if (path === chat.path && query.has('from_user_id')) query.set('token', sender);
        return undefined;
      });
    },
  },
  {
    name: 'videos of the feed have no cover',
    says: '"cover_url" of each video not to be empty',
    checks: ['course.feed'],
    make: () =>
      eachObject((row) => {
        if ('cover_url' in row) row['cover_url'] = '';
      }, feed.path),
  },
];
