/** People who use the site until it dies, and remember what was acknowledged: what a crash must not take back. */
import { readFileSync } from 'node:fs';
import { type Answer, listOf, numberOf } from './server.ts';
import { callServer } from './server-process.ts';

const clip = Buffer.from(readFileSync(new URL('./short.mp4', import.meta.url)));

/** What is known of a thing: an answer said so, or the answer never came. */
export type Known = 'yes' | 'no' | 'unknown';

export type Person = {
  readonly id: number;
  readonly token: string;
  readonly likes: Map<number, Known>;
  readonly follows: Map<number, Known>;
  /** Comments by their id, with the video. */
  readonly comments: Map<number, { readonly videoId: number; readonly known: Known }>;
  /** Texts that were sent, with whom to. */
  readonly messages: Map<string, { readonly to: number; readonly known: Known }>;
  readonly titles: Map<string, Known>;
};

/** Stable pseudo-random numbers (mulberry32), so that a failing run can be repeated. */
export function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296) * below);
  };
}

const accepted = (answer: Answer): Answer => {
  if (answer.status_code !== 0) throw new Error(`refused: ${answer.status_msg}`);
  return answer;
};

export async function signUp(url: string, name: string): Promise<Person> {
  const answer = accepted(
    await callServer(url, 'POST', '/douyin/user/register/', { username: name, password: 'secret of mine' }),
  );
  const token = answer['token'];
  if (typeof token !== 'string') throw new Error('register gave no token');
  return {
    id: numberOf(answer, 'user_id'),
    token,
    likes: new Map(),
    follows: new Map(),
    comments: new Map(),
    messages: new Map(),
    titles: new Map(),
  };
}

export async function publish(url: string, person: Person, title: string): Promise<void> {
  person.titles.set(title, 'unknown');
  accepted(await callServer(url, 'POST', '/douyin/publish/action/', { token: person.token, title }, clip));
  person.titles.set(title, 'yes');
}

type World = {
  readonly url: string;
  readonly people: readonly Person[];
  readonly videoIds: readonly number[];
  readonly random: (below: number) => number;
  readonly onAcknowledged: () => void;
};

/** Does one thing after the other until an answer does not come; returns how many were acknowledged. */
export async function useUntilItDies(world: World, person: Person, name: string): Promise<number> {
  for (let acknowledged = 0; ; acknowledged += 1) {
    try {
      await doSomething(world, person, `${name}-${acknowledged}`);
      world.onAcknowledged();
    } catch (error) {
      // The connection broke: the server is gone. What was refused is a fault of the test or the server.
      if (error instanceof TypeError) return acknowledged;
      throw error;
    }
  }
}

async function doSomething(world: World, person: Person, name: string): Promise<void> {
  const { url, people, videoIds, random } = world;
  const { token } = person;
  const pick = <T>(list: readonly T[]): T => {
    const one = list[random(list.length)];
    if (one === undefined) throw new Error('nothing to choose from');
    return one;
  };
  const post = async (path: string, parameters: Record<string, string | number>): Promise<Answer> =>
    accepted(await callServer(url, 'POST', path, { token, ...parameters }));
  const videoId = pick(videoIds);
  const other = pick(people.filter((one) => one !== person));
  const on = random(3) > 0;
  switch (random(8)) {
    case 0:
      return await publish(url, person, name);
    case 1:
    case 2:
      person.follows.set(other.id, 'unknown');
      await post('/douyin/relation/action/', { to_user_id: other.id, action_type: on ? 1 : 2 });
      person.follows.set(other.id, on ? 'yes' : 'no');
      return;
    case 3: {
      person.messages.set(name, { to: other.id, known: 'unknown' });
      await post('/douyin/message/action/', { to_user_id: other.id, action_type: 1, content: name });
      person.messages.set(name, { to: other.id, known: 'yes' });
      return;
    }
    case 4: {
      const answer = await post('/douyin/comment/action/', { video_id: videoId, action_type: 1, comment_text: name });
      const comment = answer['comment'];
      if (typeof comment !== 'object' || comment === null) throw new Error('no comment in the answer');
      person.comments.set(numberOf({ ...comment }, 'id'), { videoId, known: 'yes' });
      return;
    }
    case 5: {
      const [old] = [...person.comments].filter(([, comment]) => comment.known === 'yes');
      if (old === undefined) return;
      const [id, comment] = old;
      person.comments.set(id, { ...comment, known: 'unknown' });
      await post('/douyin/comment/action/', { video_id: comment.videoId, action_type: 2, comment_id: id });
      person.comments.set(id, { ...comment, known: 'no' });
      return;
    }
    default:
      person.likes.set(videoId, 'unknown');
      await post('/douyin/favorite/action/', { video_id: videoId, action_type: on ? 1 : 2 });
      person.likes.set(videoId, on ? 'yes' : 'no');
  }
}

/** Everything of a list, page by page. */
export async function wholeList(
  url: string,
  path: string,
  parameters: Readonly<Record<string, string | number>>,
  name: string,
): Promise<Record<string, unknown>[]> {
  const rows: Record<string, unknown>[] = [];
  let cursor = '';
  do {
    const answer = accepted(await callServer(url, 'GET', path, { ...parameters, cursor }));
    rows.push(...listOf(answer, name));
    cursor = typeof answer['next_cursor'] === 'string' ? answer['next_cursor'] : '';
  } while (cursor !== '');
  return rows;
}
