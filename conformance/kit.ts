/**
 * What checks work with: calls by the name of an operation, users with random names, videos of their own. What several
 * checks need is made once, when the first one asks for it; a step that fails blocks the check and names the one to look at.
 */
import { readFileSync } from 'node:fs';
import { type Operation, type OperationName, operations } from '@tiktok-server/contract';
import { Blocked, findingOf, silence } from './check.ts';
import { type Api, type Call, isRow, NoAnswer, type Part, type Reply, type Row, type Values } from './client.ts';
import { idOf, prepared } from './expect.ts';

export type TestUser = {
  readonly id: number;
  readonly name: string;
  readonly password: string;
  readonly token: string;
};
export type TestVideo = {
  readonly id: number;
  readonly title: string;
  readonly author: TestUser;
  /** As it was in its author's list right after the upload. */
  readonly row: Row;
  readonly upload: Reply;
  readonly list: Reply;
};

export type Purpose = 'follows' | 'likes' | 'messages' | 'videos';

export type Kit = {
  readonly api: Api;
  /** May upload as many videos as a full page of the feed needs. */
  readonly fill: boolean;
  /** Calls an operation as the app does: parameters in the query string. */
  op(name: OperationName, parameters?: Values, token?: string, more?: Call): Promise<Reply>;
  /** The same as a step that has to succeed: otherwise the check is blocked by the one that looks at the operation. */
  step(name: OperationName, parameters: Values, token: string): Promise<Row>;
  /** Somebody who has done nothing yet. */
  newUser(): Promise<TestUser>;
  /** Somebody with whom no check has done any of these before; what was done besides does not matter. */
  userFor(...purposes: readonly Purpose[]): Promise<TestUser>;
  /** The author of the shared videos. */
  alice(): Promise<TestUser>;
  bob(): Promise<TestUser>;
  /** Somebody who has nothing to do with either. */
  carol(): Promise<TestUser>;
  /** A published video of alice, sent as the public tests send it. */
  video(): Promise<TestVideo>;
  /** Two videos of alice and bob that were sent at the same moment, each in an order of parts of its own. */
  twins(): Promise<readonly [TestVideo, TestVideo]>;
  /** Uploads and looks the video up in its author's list; `by` is the check that looks at that. */
  publish(author: TestUser, title: string, parts: readonly Part[], by?: string): Promise<TestVideo>;
  /** The feed before the kit has published anything. */
  firstFeed(): Promise<Reply>;
  /** Calls whose answers several checks look at. */
  once(name: string, make: (kit: Kit) => Promise<readonly Reply[]>): Promise<readonly Reply[]>;
  /** Gets a file by the address that an answer gave for it. */
  file(url: string, headers?: Readonly<Record<string, string>>): Promise<Reply>;
  /** The same fixtures through another connection. */
  through(api: Api): Kit;
};

export const bear = readFileSync(new URL('bear.mp4', import.meta.url));
/** The app gives up after 5 s; a server that takes longer is to be told so, not cut off. */
export const uploadTimeoutMs = 20_000;

/** The check that looks at what an operation is for. */
const checkOf: Partial<Record<OperationName, string>> = {
  register: 'users.register',
  login: 'users.login',
  user: 'users.by-id',
  feed: 'feed.answers',
  publish: 'videos.publish',
  publishList: 'videos.publish',
  like: 'likes.like',
  likeList: 'likes.like',
  comment: 'comments.add',
  commentList: 'comments.list',
  follow: 'follows.follow',
  followList: 'follows.follow',
  followerList: 'follows.follow',
  friendList: 'follows.friends',
  sendMessage: 'messages.send',
  chat: 'messages.send',
};

export const randomText = (length: number): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(length)), (byte) => (byte % 36).toString(36)).join('');
export const newName = (): string => `kit-${randomText(12)}`;

/** The file as the course's tests send it: a path in its name, no MIME type. */
export const bearPart: Part = { name: 'data', content: bear, fileName: '../public/bear.mp4' };
/** The same with a name and a type that say something else. */
const disguisedPart: Part = { ...bearPart, fileName: 'notes.txt', type: 'text/plain' };
export const field = (name: string, content: string): Part => ({ name, content });

const slot = <T>(make: (kit: Kit) => Promise<T>): ((kit: Kit) => Promise<T>) => {
  let made: Promise<T> | undefined;
  return (kit) => {
    made ??= make(kit);
    return made;
  };
};

function createFixtures() {
  const alice = slot((kit) => kit.newUser());
  const bob = slot((kit) => kit.newUser());
  return {
    alice,
    bob,
    carol: slot((kit) => kit.newUser()),
    /** Registering costs a server a password hash, so users are used again where that does no harm. */
    pool: new Map<TestUser, Set<Purpose>>(),
    video: slot(async (kit) => {
      const author = await kit.alice();
      const title = `A bear ${randomText(8)}`;
      return await kit.publish(author, title, [bearPart, field('token', author.token), field('title', title)]);
    }),
    twins: slot(async (kit) => {
      const by = 'videos.part-order';
      const [one, other] = [await kit.alice(), await kit.bob()];
      const [oneTitle, otherTitle] = [`Twin ${randomText(8)}`, `Twin ${randomText(8)}`];
      return await Promise.all([
        kit.publish(one, oneTitle, [field('token', one.token), field('title', oneTitle), disguisedPart], by),
        kit.publish(other, otherTitle, [field('title', otherTitle), bearPart, field('token', other.token)], by),
      ]);
    }),
    firstFeed: slot((kit) => kit.op('feed')),
  };
}

export function createKit(api: Api, fill: boolean, fixtures = createFixtures()): Kit {
  const shared = new Map<string, Promise<readonly Reply[]>>();
  const op: Kit['op'] = (name, parameters = {}, token, more = {}) => {
    const { method, path }: Operation = operations[name];
    return api.call(method, path, { ...more, query: { ...parameters, token, ...more.query } });
  };
  const answered = async (by: string, call: Promise<Reply>): Promise<Reply> => {
    try {
      return await call;
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      throw new Blocked(by, silence(error));
    }
  };
  const kit: Kit = {
    api,
    fill,
    op,
    step: async (name, parameters, token) => {
      const by = checkOf[name] ?? name;
      return prepared(await answered(by, op(name, parameters, token)), by);
    },
    newUser: async () => {
      const [name, password] = [newName(), `secret ${randomText(10)}`];
      const by = 'users.register';
      const reply = await answered(by, op('register', { username: name, password }));
      const body = prepared(reply, by);
      const [id, token] = [idOf(body, 'user_id'), body['token']];
      if (Number.isNaN(id) || typeof token !== 'string') {
        throw new Blocked(by, findingOf(reply, '"user_id" and "token" of the new user'));
      }
      return { id, name, password, token };
    },
    publish: async (author, title, parts, by = 'videos.publish') => {
      const { method, path } = operations.publish;
      const upload = await answered(by, api.call(method, path, { parts, timeoutMs: uploadTimeoutMs }));
      prepared(upload, by);
      const listed = await answered(by, op('publishList', { user_id: author.id }, author.token));
      const rows = prepared(listed, by)['video_list'];
      const list = Array.isArray(rows) ? rows.filter(isRow) : [];
      // Of a server whose videos have no title, the first one is taken: that they have none is found elsewhere.
      const row = list.find((one) => one['title'] === title) ?? list.find((one) => typeof one['title'] !== 'string');
      if (row === undefined || Number.isNaN(idOf(row))) {
        throw new Blocked(by, findingOf(listed, `the new video "${title}" in the list of its author at once`));
      }
      return { id: idOf(row), title, author, row, upload, list: listed };
    },
    userFor: async (...purposes) => {
      const { pool } = fixtures;
      const free = [...pool].find(([, used]) => purposes.every((purpose) => !used.has(purpose)));
      const [user, used] = free ?? [await kit.newUser(), new Set<Purpose>()];
      for (const purpose of purposes) used.add(purpose);
      pool.set(user, used);
      return user;
    },
    alice: () => fixtures.alice(kit),
    bob: () => fixtures.bob(kit),
    carol: () => fixtures.carol(kit),
    video: () => fixtures.video(kit),
    twins: () => fixtures.twins(kit),
    once: (name, make) => {
      const made = shared.get(name) ?? make(kit);
      shared.set(name, made);
      return made;
    },
    file: async (url, headers) => {
      if (!/^https?:\/\//.test(url) || !URL.canParse(url)) throw new Blocked('media.absolute');
      return await api.fetch(url, headers);
    },
    firstFeed: () => fixtures.firstFeed(kit),
    through: (other) => createKit(other, fill, fixtures),
  };
  return kit;
}
