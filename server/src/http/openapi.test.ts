import { type Operation, type OperationName, operationNames, operations } from '@tiktok-server/contract';
import Schema from 'typebox/schema';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readEvents } from '../../test/events.ts';
import {
  type Answer,
  numberOf,
  type Row,
  rowOf,
  someVideo,
  startTestServer,
  type TestServer,
} from '../../test/server.ts';
import { updateVideoRow } from '../../test/video-rows.ts';

/** The document is what others build clients from: it must be valid, complete and true. */
let server: TestServer;
let document: Row;

beforeAll(async () => {
  server = await startTestServer();
  const response = await server.context.app.inject({ url: '/openapi.json' });
  expect(response.headers).toMatchObject({
    'content-type': 'application/json; charset=utf-8',
    'access-control-allow-origin': '*',
  });
  const value: unknown = JSON.parse(response.body);
  document = rowOf({ value }, 'value');
});
afterAll(() => server.close());

const at = (row: Row, ...names: string[]): Row => names.reduce((inner, name) => rowOf(inner, name), row);

/** Every object in the document, with where it stands. */
function* objectsIn(value: unknown, path: string): Generator<[string, Row]> {
  if (Array.isArray(value)) {
    for (const [index, one] of value.entries()) yield* objectsIn(one, `${path}/${index}`);
  } else if (typeof value === 'object' && value !== null) {
    yield [path, rowOf({ value }, 'value')];
    for (const [name, one] of Object.entries(value)) yield* objectsIn(one, `${path}/${name}`);
  }
}

function* operationsIn(paths: Row): Generator<[string, string, Row]> {
  for (const path of Object.keys(paths)) {
    for (const method of Object.keys(rowOf(paths, path))) yield [path, method, at(paths, path, method)];
  }
}

describe('the document', () => {
  it('is OpenAPI 3.1 in its outline', () => {
    expect(document['openapi']).toBe('3.1.0');
    expect(rowOf(document, 'info')).toMatchObject({ title: expect.any(String), version: expect.stringMatching(/^\d/) });
    expect(document['servers']).toEqual([{ url: 'http://localhost:80' }]);
    const known = 'openapi info servers tags paths components security externalDocs webhooks jsonSchemaDialect';
    for (const name of Object.keys(document)) expect(known.split(' ')).toContain(name);
  });

  it('has every operation of the contract, and each once', () => {
    const paths = rowOf(document, 'paths');
    const ids: unknown[] = [];
    for (const [path, method, operation] of operationsIn(paths)) {
      expect(path).toMatch(/^\//);
      expect(path.startsWith('/uploads/') ? ['post', 'head', 'patch', 'delete'] : ['get', 'post']).toContain(method);
      ids.push(operation['operationId']);
    }
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toEqual(expect.arrayContaining([...operationNames, 'media', 'healthz', 'readyz']));
    for (const name of operationNames) {
      const { path, method } = operations[name];
      expect(at(paths, path, method.toLowerCase())['operationId']).toBe(name);
    }
  });

  it('describes what is taken and what comes back', () => {
    const tags = new Set<unknown>();
    for (const [, tag] of objectsIn(document['tags'], '')) tags.add(tag['name']);
    for (const [path, method, operation] of operationsIn(rowOf(document, 'paths'))) {
      const where = `${method} ${path}`;
      expect([where, typeof operation['summary']]).toEqual([where, 'string']);
      for (const tag of path.startsWith('/douyin/') ? [operation['tags']].flat() : []) expect(tags).toContain(tag);
      expect([where, Object.keys(rowOf(operation, 'responses'))]).toEqual([
        where,
        expect.arrayContaining([expect.stringMatching(/^20[014]$/)]),
      ]);
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      const parameters = [...objectsIn(operation['parameters'] ?? [], '')].filter(([at]) => /^\/\d+$/.test(at));
      expect(parameters.filter(([, one]) => one['in'] === 'path').map(([, one]) => one['name'])).toEqual(inPath);
      for (const [, parameter] of parameters) {
        expect(parameter).toMatchObject({ name: expect.any(String), schema: expect.any(Object) });
        expect(typeof parameter['required']).toBe('boolean');
      }
      for (const [, requirement] of objectsIn(operation['security'] ?? [], '')) {
        for (const scheme of Object.keys(requirement)) {
          expect(Object.keys(at(document, 'components', 'securitySchemes'))).toContain(scheme);
        }
      }
    }
  });

  it('refers only to what is there, and names all parameters of the contract', () => {
    let references = 0;
    for (const [path, object] of objectsIn(document, '#')) {
      const { $ref } = { $ref: undefined, ...object };
      if ($ref === undefined) continue;
      references += 1;
      expect(String($ref)).toMatch(/^#\//);
      const target = String($ref).slice(2).split('/');
      expect([path, typeof at(document, ...target)]).toEqual([path, 'object']);
    }
    expect(references).toBeGreaterThan(5);
    for (const name of operationNames) {
      const operation: Operation = operations[name];
      const text = JSON.stringify(at(document, 'paths', operation.path, operation.method.toLowerCase()));
      for (const one of [...Object.keys(operation.parameters), ...Object.keys(operation.files)]) {
        expect([name, text.includes(`"${one}"`)]).toEqual([name, true]);
      }
    }
  });

  it('holds nothing of the machine that it was made on', () => {
    expect(JSON.stringify(document)).not.toMatch(/\/home\/|\/work\/|\/tmp\/|node_modules/);
  });
});

describe('an answer is what the document says', () => {
  function check(name: OperationName, answer: Answer): void {
    const { path, method } = operations[name];
    const response = at(document, 'paths', path, method.toLowerCase(), 'responses', '200');
    const schema = {
      ...at(response, 'content', 'application/json', 'schema'),
      components: rowOf(document, 'components'),
      additionalProperties: false,
    };
    const [, problems] = Schema.Errors(schema, answer);
    expect([name, problems]).toEqual([name, []]);
  }

  it('when a call succeeds', async () => {
    const [user, friend] = [await server.user(), await server.user()];
    const videoId = await server.publish(user);
    const called = new Set<OperationName>();
    const call = async (name: OperationName, parameters: Record<string, string | number> = {}, by = user) => {
      const answer = await server.call(name, parameters, { token: by.token });
      expect([name, answer]).toEqual([name, expect.objectContaining({ status_code: 0 })]);
      check(name, answer);
      called.add(name);
      return answer;
    };
    await call('register', { username: 'documented', password: 'password' });
    await call('login', { username: friend.name, password: friend.password });
    await call('like', { video_id: videoId, action_type: 1 });
    const comment = await call('comment', { video_id: videoId, action_type: 1, comment_text: 'Nice' });
    for (const [one, other] of [
      [user, friend],
      [friend, user],
    ] as const) {
      await call('follow', { to_user_id: other.id, action_type: 1 }, one);
      await call('sendMessage', { to_user_id: other.id, action_type: 1, content: 'Hi' }, one);
    }
    await call('user');
    await call('editProfile', { signature: 'Hello' });
    await call('chat', { to_user_id: friend.id });
    await call('followingFeed', {}, friend);
    await call('video', { video_id: videoId });
    await call('commentList', { video_id: videoId });
    const lists = ['feed', 'publishList', 'likeList', 'followList', 'followerList', 'friendList'] as const;
    for (const name of lists) await call(name);
    await call('comment', {
      video_id: videoId,
      action_type: 2,
      comment_id: numberOf(rowOf(comment, 'comment'), 'id'),
    });
    await call('publishStatus', { video_id: videoId });
    await updateVideoRow(server, videoId, { state: 'failed', failure: 'internal' });
    const stream = await server.context.app.inject({
      url: `${operations.publishEvents.path}?token=${user.token}&video_id=${videoId}`,
    });
    for (const { data } of readEvents(stream.body).events) check('publishEvents', data);
    expect(readEvents(stream.body).events).toHaveLength(1);
    called.add('publishEvents');
    await call('publishRetry', { video_id: videoId });
    await call('deleteVideo', { video_id: videoId });
    const published = await server.call('publish', { title: 'x' }, { token: friend.token, files: { data: someVideo } });
    check('publish', published);
    called.add('publish');
    await call('changePassword', { old_password: friend.password, new_password: 'another one' }, friend);
    await call('deleteAccount', { password: user.password });
    expect([...called].sort()).toEqual([...operationNames].sort());
  });

  it('when a call is refused, but for objects that are null', async () => {
    for (const name of operationNames) {
      const answer = await server.call(name, { video_id: 'x', user_id: 'x', to_user_id: 'x' });
      const properties = Object.entries(operations[name].answer.properties);
      expect(Object.keys(answer)).toEqual(['status_code', 'status_msg', ...properties.map(([one]) => one)]);
      if (!Object.values(answer).includes(null)) check(name, answer);
    }
  });
});
