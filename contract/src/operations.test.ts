import { Type } from 'typebox';
import { describe, expect, it } from 'vitest';
import { emptyAnswer, errors, type Operation, operationNames, operations } from './index.ts';

it('gives an answer that failed its fields in their empty form', () => {
  const answer = Type.Object({
    list: Type.Array(Type.String()),
    whole: Type.Integer({ minimum: 5 }),
    number: Type.Number(),
    text: Type.String({ minLength: 1 }),
    flag: Type.Boolean(),
    object: Type.Object({ inner: Type.String() }),
    maybe: Type.Union([Type.Object({}), Type.Null()]),
  });
  expect(emptyAnswer(answer)).toEqual({
    list: [],
    whole: 0,
    number: 0,
    text: '',
    flag: false,
    object: null,
    maybe: null,
  });
  expect(emptyAnswer(Type.Object({}))).toEqual({});
});

it.each<[keyof typeof operations, object]>([
  ['register', { user_id: 0, token: '' }],
  ['login', { user_id: 0, token: '' }],
  ['feed', { video_list: [], next_time: 0 }],
  ['comment', { comment: null }],
  ['user', { user: null }],
])('fails as the contract says: %s', (name, empty) => {
  expect(emptyAnswer(operations[name].answer)).toEqual(empty);
});

/** Section 3 of the contract: method, path, access and parameters of the course's operations. */
const course: Readonly<Record<string, readonly [string, string, string]>> = {
  'feed/': ['GET', 'optional', 'latest_time'],
  'user/register/': ['POST', 'none', 'username password'],
  'user/login/': ['POST', 'none', 'username password'],
  'user/': ['GET', 'optional', 'user_id'],
  'publish/action/': ['POST', 'required', 'title'],
  'publish/list/': ['GET', 'optional', 'user_id'],
  'favorite/action/': ['POST', 'required', 'video_id action_type'],
  'favorite/list/': ['GET', 'optional', 'user_id'],
  'comment/action/': ['POST', 'required', 'video_id action_type comment_text comment_id'],
  'comment/list/': ['GET', 'optional', 'video_id'],
  'relation/action/': ['POST', 'required', 'to_user_id action_type'],
  'relation/follow/list/': ['GET', 'optional', 'user_id'],
  'relation/follower/list/': ['GET', 'optional', 'user_id'],
  'relation/friend/list/': ['GET', 'required', 'user_id'],
  'message/chat/': ['GET', 'required', 'to_user_id pre_msg_time'],
  'message/action/': ['POST', 'required', 'to_user_id action_type content'],
};
const list: readonly Operation[] = operationNames.map((name) => operations[name]);

describe.each(Object.entries(course))('/douyin/%s', (path, [method, access, parameters]) => {
  it('is what the course has', () => {
    const operation = list.find((one) => one.path === `/douyin/${path}`);
    expect(operation).toMatchObject({ method, access, origin: 'course' });
    const own = Object.keys(operation?.parameters ?? {}).filter((name) => name !== 'cursor');
    expect(own.toSorted()).toEqual(parameters.split(' ').toSorted());
  });
});

it('has no operation of the course besides, and each path once', () => {
  const paths = list.map((operation) => operation.path);
  expect(new Set(paths).size).toBe(paths.length);
  for (const path of paths) expect(path).toMatch(/^\/douyin\/(?:[a-z_]+\/)+$/);
  const fromCourse = list.filter((operation) => operation.origin === 'course').map((operation) => operation.path);
  expect(fromCourse.toSorted()).toEqual(
    Object.keys(course)
      .map((path) => `/douyin/${path}`)
      .toSorted(),
  );
});

it('names in each operation only rows of the table, and documents it in both languages', () => {
  for (const operation of list) {
    for (const name of operation.errors) expect(errors[name]).toBeDefined();
    expect(new Set(operation.errors).size).toBe(operation.errors.length);
    expect(operation.summary.en.length > 0 && operation.summary.zh.length > 0).toBe(true);
  }
});
