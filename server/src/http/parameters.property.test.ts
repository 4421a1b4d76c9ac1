import {
  type ErrorName,
  emptyAnswer,
  errors,
  type Operation,
  type OperationName,
  operationNames,
  operations,
} from '@tiktok-server/contract';
import * as fc from 'fast-check';
import { Value } from 'typebox/value';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readEvents } from '../../test/events.ts';
import {
  brokenBodies,
  brokenQueries,
  type HostileRequest,
  hostileRequests,
  type TokenKind,
} from '../../test/hostile-requests.ts';
import { forgedTokenFor, seedSettings, seedUser, seedUsers, seedVideos, tokenFor } from '../../test/seed.ts';
import {
  multipart,
  numberOf,
  parseAnswer,
  rowOf,
  startTestServer,
  type TestServer,
  type TestUser,
} from '../../test/server.ts';
import { watchStored } from '../../test/stored.ts';
import { updateVideoRow } from '../../test/video-rows.ts';

/**
 * Whatever comes in, what goes out is an answer of the contract. What it must be is foretold by a model of the rules:
 * which source counts, which token, which parameter is refused first and with which words.
 */
let server: TestServer;
let actor: TestUser;
let tokens: Readonly<Record<TokenKind, string>>;
const picture = Buffer.from('R0lGODlhAQABAIAAAP///wAAACH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==', 'base64');

beforeAll(async () => {
  server = await startTestServer(seedSettings);
  actor = await server.user('alice');
  const gone = await server.user('gone');
  await server.call('deleteAccount', { password: gone.password }, { token: gone.token });
  tokens = {
    none: '',
    valid: actor.token,
    forged: await forgedTokenFor(server, actor.id),
    expired: await tokenFor(server, actor.id, { expiresInMs: -60_000 }),
    closed: gone.token,
    junk: 'a.b.c',
  };
});
afterAll(() => server.close());

async function realIds() {
  const [friend, other] = await seedUsers(server, 2);
  if (friend === undefined || other === undefined) throw new Error('no users');
  for (const [who, whom] of [
    [actor, friend],
    [friend, actor],
  ] as const) {
    await server.call('follow', { to_user_id: whom.id, action_type: 1 }, { token: who.token });
  }
  const videos = [...(await seedVideos(server, actor, 3)), ...(await seedVideos(server, other, 3))].map(({ id }) => id);
  const comments: number[] = [];
  for (const videoId of videos) {
    const parameters = { video_id: videoId, action_type: 1, comment_text: 'x' };
    comments.push(numberOf(rowOf(await server.call('comment', parameters, { token: other.token }), 'comment'), 'id'));
  }
  // Nothing more becomes of them, or a stream would wait for it; and one can be tried again.
  for (const [at, id] of videos.slice(0, 3).entries()) {
    await updateVideoRow(server, id, { prepared_at: 1, ...(at === 2 && { state: 'failed', failure: 'internal' }) });
  }
  return { users: [actor.id, friend.id, other.id], videos, comments };
}

type Expected = { readonly row: ErrorName; readonly says: string } | undefined;

/** The value that counts, or why there is none that can be read. */
function effective(request: HostileRequest, name: string): string | undefined | 'nested' {
  const first = Object.hasOwn(request.query, name) ? request.query[name]?.[0] : undefined;
  if (first !== undefined) return first.toWellFormed();
  if (request.source === 'none' || !Object.hasOwn(request.body, name)) return undefined;
  const value = request.body[name];
  if (request.source !== 'json') return String(value).toWellFormed();
  const parsed: unknown = JSON.parse(JSON.stringify(value));
  const scalar: unknown = Array.isArray(parsed) && !Array.isArray(parsed[0]) ? parsed[0] : parsed;
  if (scalar === null || scalar === undefined) return undefined;
  return typeof scalar === 'object' ? 'nested' : String(scalar);
}

/** What the contract says about a request, as far as its parameters decide. */
function foretell(operation: Operation, request: HostileRequest): Expected {
  const unreadable =
    request.source === 'multipart' && Object.keys(request.body).some((name) => name in Object.prototype);
  // Where files may come, a token that is there before the body decides first.
  const early = Object.keys(operation.files).length > 0 && request.token !== 'none' && request.tokenPlace !== 'body';
  if (unreadable && !early) return { row: 'ErrBind', says: 'multipart' };
  if (operation.access === 'required' && request.token !== 'valid') {
    const row = request.token === 'expired' ? 'ErrExpired' : 'ErrTokenInvalid';
    return { row, says: request.token === 'none' ? 'token is required' : 'oken' };
  }
  if (unreadable) return { row: 'ErrBind', says: 'multipart' };
  const values = new Map<string, unknown>();
  for (const [name, parameter] of Object.entries(operation.parameters)) {
    const { appliesIf } = parameter;
    if (appliesIf !== undefined && values.get(appliesIf.parameter) !== appliesIf.value) continue;
    const value = effective(request, name);
    if (value === 'nested') return { row: 'ErrBind', says: `${name} must be text or a number` };
    const parsed = parameter.parse(value);
    if (!parsed.ok) return { row: parsed.error, says: `${name} ${parsed.rule.en}` };
    values.set(name, parsed.value);
  }
  return undefined;
}

async function send(operation: Operation, request: HostileRequest) {
  const query = new URLSearchParams();
  for (const [name, values] of Object.entries(request.query)) for (const one of values) query.append(name, one);
  const body = { ...request.body };
  const headers: Record<string, string> = { host: 'test.local' };
  const token = tokens[request.token];
  if (request.token !== 'none') {
    if (request.tokenPlace === 'header') headers['authorization'] = `Bearer ${token}`;
    else if (request.tokenPlace === 'body' && request.source !== 'none') body['token'] = token;
    else query.append('token', token);
  }
  const fields = () => Object.entries(body).map(([name, value]) => [name, String(value)] as const);
  const content = request.file === 'text' ? Buffer.from('hello') : picture;
  const files =
    request.file === 'none' ? {} : Object.fromEntries(Object.keys(operation.files).map((part) => [part, content]));
  const encoded = {
    none: () => ({ headers }),
    form: () => ({
      headers: { ...headers, 'content-type': 'application/x-www-form-urlencoded' },
      payload: String(new URLSearchParams(Object.fromEntries(fields()))),
    }),
    json: () => ({ headers: { ...headers, 'content-type': 'application/json' }, payload: JSON.stringify(body) }),
    multipart: () => multipart(fields(), files, headers),
  }[request.source]();
  return await server.context.app.inject({
    method: operation.method,
    url: `${operation.path}?${query}`,
    ...encoded,
  });
}

function lastEvent(body: string) {
  const last = readEvents(body).events.at(-1);
  if (last === undefined) throw new Error(`no event in ${JSON.stringify(body)}`);
  return last.data;
}

/** What holds for every answer whatever was asked; returns its code. */
function expectAnswerOf(operation: Operation, response: Awaited<ReturnType<typeof send>>): number {
  expect(response.statusCode).toBe(200);
  const streams = response.headers['content-type'] === 'text/event-stream';
  if (streams) expect(operation.streams).toBe(true);
  else expect(response.headers['content-type']).toBe('application/json; charset=utf-8');
  const answer = streams ? lastEvent(response.body) : parseAnswer(response.body);
  const { status_code: code, status_msg: message, ...rest } = answer;
  if (code === 0) {
    expect(message).toBe('');
    if (!Value.Check(operation.answer, rest)) expect(rest).toBe('an answer of the contract');
    return code;
  }
  expect(rest).toEqual(emptyAnswer(operation.answer));
  expect(message).toMatch(/^[A-Z][^<>{}\n]{3,200}$/);
  for (const inner of [server.dataDir, 'node_modules', '.ts', 'SQLITE', 'ffprobe', 'Error:', 'at ']) {
    if (inner !== 'at ' || /\bat .+:\d/.test(message)) expect(message).not.toContain(inner);
  }
  const allowed: readonly ErrorName[] = [
    ...operation.errors,
    ...(['ErrBind', 'ErrValidation', 'ErrTokenInvalid', 'ErrExpired'] as const),
  ];
  expect(allowed.map((row) => errors[row].code)).toContain(code);
  if (code === errors.ErrValidation.code) {
    const names = Object.keys(operation.parameters);
    expect(names.filter((name) => message.includes(name))).not.toEqual([]);
  }
  return code;
}

const runs = { numRuns: 60, interruptAfterTimeLimit: 20_000, markInterruptAsFailure: true } as const;

const comparesPasswords: readonly OperationName[] = ['login', 'changePassword', 'deleteAccount'];

describe.each(operationNames.map((name, position) => [name, position] as const))('%s', (name, position) => {
  const operation: Operation = operations[name];

  it('answers as the contract says whatever its parameters are, and a refusal stores nothing', async () => {
    const ids = await realIds();
    const watch = await watchStored(server);
    let [accepted, refused] = [0, 0];
    const property = fc.asyncProperty(hostileRequests(name, ids), async (request) => {
      const response = await send(operation, request);
      const code = expectAnswerOf(operation, response);
      const expected = foretell(operation, request);
      if (expected !== undefined) {
        const { status_msg: message } = parseAnswer(response.body);
        expect([code, message]).toEqual([errors[expected.row].code, expect.stringContaining(expected.says)]);
      }
      if (code === 0) accepted += 1;
      else refused += 1;
      await watch(code !== 0);
    });
    // Where most requests get as far as comparing passwords, which is made to be slow, fewer will do.
    const numRuns = comparesPasswords.includes(name) ? 25 : runs.numRuns;
    await fc.assert(property, { ...runs, numRuns, seed: 20_260_101 + position });
    // That both happen is what makes the property worth something; but there is no video, and no password is guessed.
    expect(refused).toBeGreaterThan(0);
    if (name !== 'publish' && !comparesPasswords.includes(name)) expect(accepted).toBeGreaterThan(0);
  });
});

it('answers what is broken beyond reading with the same envelope, and stores nothing of it', async () => {
  const sound = multipart([['username', 'mallory']], { data: picture }).payload;
  const soundBytes = Buffer.from(sound.toString('latin1').replaceAll('----tiktok-server-test', 'b'), 'latin1');
  const watch = await watchStored(server);
  const request = fc.record({
    name: fc.constantFrom(...operationNames),
    body: brokenBodies(soundBytes),
    query: brokenQueries,
    token: fc.boolean(),
  });
  const property = fc.asyncProperty(request, async ({ name, body, query, token }) => {
    const operation: Operation = operations[name];
    const response = await server.context.app.inject({
      method: operation.method,
      url: `${operation.path}?${query}`,
      headers: { 'content-type': body.type, ...(token && { authorization: `Bearer ${actor.token}` }) },
      payload: body.bytes,
    });
    await watch(expectAnswerOf(operation, response) !== 0);
  });
  await fc.assert(property, { ...runs, numRuns: 400, seed: 20_260_102 });
});

it('ignores who asks where nobody has to: a bad token makes a guest', async () => {
  const { users, videos } = await realIds();
  const other = await seedUser(server);
  const parameters = { user_id: users[1], video_id: videos[0] };
  for (const name of operationNames.filter((one) => operations[one].access === 'optional')) {
    const asGuest = await server.call(name, parameters);
    expect(asGuest.status_code).toBe(0);
    for (const kind of ['forged', 'expired', 'closed', 'junk'] as const) {
      const answer = await server.call(name, parameters, { token: tokens[kind] });
      expect({ ...answer, next_time: 0 }).toEqual({ ...asGuest, next_time: 0 });
    }
    expect(await server.call(name, parameters, { token: other.token })).toMatchObject({ status_code: 0 });
  }
});
