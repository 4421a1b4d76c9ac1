/** Faults of the wire format: envelope, paths, objects, parameters; each with the checks that have to find it. */
import { operations } from '@tiktok-server/contract';
import { answerOf } from './faulty-proxy.ts';
import { asks, eachObject, type FaultCase, json, refusal } from './tampering.ts';

const { friendList } = operations;
const shortId = (value: string): string => String(Number.parseInt(value, 10));

export const wireFaults: readonly FaultCase[] = [
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
      json((body) => {
        if (body['status_code'] === 0) body['status_msg'] = 'success';
        return undefined;
      }),
  },
  {
    name: 'empty lists are null',
    says: 'is null',
    checks: ['envelope.empty-lists', 'envelope.empty-fields'],
    make: () =>
      json((body) => {
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
      json(({ status_code, status_msg }) => (status_code === 0 ? undefined : answerOf({ status_code, status_msg }))),
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
      eachObject((row) => {
        if (typeof row['id'] === 'number') row['id'] = String(row['id']);
      }),
  },
  {
    name: 'create_date has a year',
    says: 'to look like',
    checks: ['objects.comment'],
    make: () =>
      eachObject((row) => {
        if ('create_date' in row) row['create_date'] = `2024-${row['create_date']}`;
      }),
  },
  {
    name: 'msgType is the other way round',
    says: '"msgType":',
    checks: ['follows.friends'],
    make: () =>
      eachObject((row) => {
        if ('msgType' in row) row['msgType'] = 1 - Number(row['msgType']);
      }, friendList.path),
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
];
