/** Nothing acknowledged is lost: the server is killed at random moments, started again, and held against what it said. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, describe, expect, it } from 'vitest';
import { type Known, type Person, publish, randomOf, signUp, useUntilItDies, wholeList } from './crash-load.ts';
import { listOf, numberOf, temporaryFolder, textOf } from './server.ts';
import { callServer, endProcess, type ServerProcess, spawnServer, startServerProcess } from './server-process.ts';

const rounds = 4;
const people = 6;
/** Acknowledgements before the server is killed, beyond one of each person; and how long after the last of them. */
const maxMoreAcknowledged = 60;
const maxDelayMs = 50;
const drainTimeoutMs = 30_000;
/** Five starts of a server, four rounds of load, and what is left to do after them. */
const crashesTimeoutMs = 120_000;

const opened: { remove(): void }[] = [];
const running: ServerProcess[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) await endProcess(server.child, 'SIGKILL');
  for (const folder of opened.splice(0)) folder.remove();
});

function newFolder(): string {
  const folder = temporaryFolder();
  opened.push(folder);
  return folder.path;
}

async function start(dataDir: string, settings: Record<string, string> = {}): Promise<ServerProcess> {
  const server = await startServerProcess(dataDir, { LOG_LEVEL: 'info', ...settings });
  running.push(server);
  return server;
}

function query<T>(dataDir: string, use: (all: (sql: string) => Record<string, unknown>[]) => T): T {
  const database = new Sqlite(join(dataDir, 'tiktok.sqlite'), { readonly: true });
  try {
    return use((sql) => database.prepare<[], Record<string, unknown>>(sql).all());
  } finally {
    database.close();
  }
}

/** Waits until no job is due any more; those that are planned for later stay. */
async function drained(dataDir: string): Promise<void> {
  await expect
    .poll(
      () => query(dataDir, (all) => all(`select name from outbox where state = 'pending' and run_at <= ${Date.now()}`)),
      { timeout: drainTimeoutMs, interval: 50 },
    )
    .toEqual([]);
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.startsWith('.lock'))
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)));
}

/** Those that must be there, and must not, by what was acknowledged. */
const keysOf = <K>(known: Iterable<readonly [K, Known]>, wanted: Known): K[] =>
  [...known].filter(([, state]) => state === wanted).map(([key]) => key);

describe('kill -9 at random moments under load', () => {
  it(
    'keeps everything that was acknowledged, once, with exact counts and whole files',
    async () => {
      const dataDir = newFolder();
      const seed = Date.now() % 1_000_000;
      const random = randomOf(seed);
      let server = await start(dataDir);
      const crowd: Person[] = [];
      for (let i = 0; i < people; i += 1) crowd.push(await signUp(server.url, `person ${i}`));
      for (const [i, person] of crowd.entries()) await publish(server.url, person, `first of ${i}`);
      const videoIds = listOf(await callServer(server.url, 'GET', '/douyin/feed/', {}), 'video_list').map((video) =>
        numberOf(video, 'id'),
      );
      expect(videoIds).toHaveLength(people);

      let acknowledged = 0;
      for (let round = 0; round < rounds; round += 1) {
        const { url, child } = server;
        let awaited = people + 1 + random(maxMoreAcknowledged);
        const delayMs = random(maxDelayMs);
        const onAcknowledged = (): void => {
          awaited -= 1;
          if (awaited === 0) setTimeout(() => child.kill('SIGKILL'), delayMs);
        };
        const world = { url, people: crowd, videoIds, random, onAcknowledged };
        const counts = await Promise.all(
          crowd.map((person, i) => useUntilItDies(world, person, `round ${round} of ${i}`)),
        );
        acknowledged += counts.reduce((sum, count) => sum + count, 0);
        await endProcess(child, 'SIGKILL');
        server = await start(dataDir);
      }
      // A run in which nothing was under way would prove nothing.
      expect(acknowledged, `seed ${seed}`).toBeGreaterThan(rounds * people);
      await drained(dataDir);
      for (const person of crowd) await checkPerson(server.url, person, crowd);
      await checkFeed(server.url);
      checkCounts(dataDir);
      checkFiles(dataDir);
    },
    crashesTimeoutMs,
  );
});

async function checkPerson(url: string, person: Person, crowd: readonly Person[]): Promise<void> {
  const own = { user_id: person.id, token: person.token };
  const idsOf = async (path: string, name: string): Promise<number[]> =>
    (await wholeList(url, path, own, name)).map((row) => numberOf(row, 'id'));
  const expectAgreement = (actual: readonly unknown[], known: ReadonlyMap<unknown, Known>, what: string): void => {
    expect(new Set(actual).size, `${what}: nothing twice`).toBe(actual.length);
    expect(actual, `${what}: all that was acknowledged`).toEqual(expect.arrayContaining(keysOf(known, 'yes')));
    for (const gone of keysOf(known, 'no')) expect(actual, `${what}: what was taken back`).not.toContain(gone);
  };
  const self = await callServer(url, 'GET', '/douyin/user/', { token: person.token });
  expect(self.status_code, 'the token still works').toBe(0);
  expectAgreement(await idsOf('/douyin/favorite/list/', 'video_list'), person.likes, 'likes');
  expectAgreement(await idsOf('/douyin/relation/follow/list/', 'user_list'), person.follows, 'follows');
  const titles = (await wholeList(url, '/douyin/publish/list/', own, 'video_list')).map((row) => textOf(row, 'title'));
  expectAgreement(titles, person.titles, 'videos');
  for (const videoId of new Set([...person.comments.values()].map((comment) => comment.videoId))) {
    const known = [...person.comments].filter(([, comment]) => comment.videoId === videoId);
    const ids = await wholeList(url, '/douyin/comment/list/', { video_id: videoId }, 'comment_list');
    expectAgreement(
      ids.map((row) => numberOf(row, 'id')),
      new Map(known.map(([id, comment]) => [id, comment.known])),
      'comments',
    );
  }
  for (const other of crowd.filter((one) => one !== person)) {
    const sent = [...person.messages].filter(([, message]) => message.to === other.id);
    const chat = { token: person.token, to_user_id: other.id };
    const texts = (await wholeList(url, '/douyin/message/chat/', chat, 'message_list')).map((row) =>
      textOf(row, 'content'),
    );
    expectAgreement(texts, new Map(sent.map(([text, message]) => [text, message.known])), 'messages');
  }
}

/** No half-published video is visible: every one of the feed has its files. */
async function checkFeed(url: string): Promise<void> {
  const videos = listOf(await callServer(url, 'GET', '/douyin/feed/', {}), 'video_list');
  expect(videos.length).toBeGreaterThanOrEqual(people);
  for (const video of videos) {
    for (const address of [textOf(video, 'play_url'), textOf(video, 'cover_url')]) {
      const response = await fetch(address);
      expect(response.status, address).toBe(200);
      expect((await response.arrayBuffer()).byteLength, address).toBeGreaterThan(0);
    }
  }
}

/** Every counter equals the rows that it counts. */
function checkCounts(dataDir: string): void {
  const wrong = query(dataDir, (all) => [
    ...all(`select id, 'video' from videos v
      where favorite_count <> (select count(*) from likes where video_id = v.id)
        or comment_count <> (select count(*) from comments where video_id = v.id)`),
    ...all(`select id, 'user' from users u
      where follow_count <> (select count(*) from follows where follower_id = u.id)
        or follower_count <> (select count(*) from follows where followee_id = u.id)
        or favorite_count <> (select count(*) from likes where user_id = u.id)
        or work_count <> (select count(*) from videos where author_id = u.id and state = 'ready')
        or total_favorited <> (select count(*) from likes join videos on videos.id = likes.video_id where videos.author_id = u.id)`),
  ]);
  expect(wrong).toEqual([]);
}

/** Every file belongs to a row, or to a job that will remove it. */
function checkFiles(dataDir: string): void {
  const wanted = query(dataDir, (all) => [
    ...all('select play_key, cover_key from videos').flatMap((row) => [row['play_key'], row['cover_key']]),
    ...all('select derived from videos where derived is not null').flatMap((row) => {
      const { folder, files }: { folder?: unknown; files?: unknown } = JSON.parse(String(row['derived']));
      return Array.isArray(files) ? files.map((file) => `${folder}/${file}`) : [];
    }),
    ...all(`select payload from outbox where name = 'blobs.reconcile'`).flatMap((row) => {
      const { keys }: { keys?: unknown } = JSON.parse(String(row['payload']));
      return Array.isArray(keys) ? keys : [];
    }),
  ]);
  const files = filesBelow(join(dataDir, 'media'));
  expect(files.length).toBeGreaterThan(0);
  expect(files.filter((file) => !wanted.includes(file))).toEqual([]);
}

/** A second of video that no browser plays. */
function makeForeignClip(folder: string): Buffer<ArrayBuffer> {
  const path = join(folder, 'foreign.avi');
  const source = 'testsrc2=size=320x240:rate=25:duration=6';
  execFileSync('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', source, '-c:v', 'mpeg4', '-y', path]);
  return Buffer.from(readFileSync(path));
}

it('finishes after a restart what was under way: a conversion is taken up again', async () => {
  const dataDir = newFolder();
  let server = await start(dataDir);
  const person = await signUp(server.url, 'converter');
  const file = makeForeignClip(dataDir);
  const answer = await callServer(
    server.url,
    'POST',
    '/douyin/publish/action/',
    { token: person.token, title: 'foreign' },
    file,
  );
  expect(answer.status_code).toBe(0);
  await server.end('SIGKILL');
  server = await start(dataDir);
  await drained(dataDir);
  const [video] = listOf(await callServer(server.url, 'GET', '/douyin/feed/', {}), 'video_list');
  expect(video).toMatchObject({ title: 'foreign', state: 'ready' });
  expect((await fetch(textOf(video, 'play_url'))).headers.get('content-type')).toBe('video/mp4');
});

it('takes up after an orderly stop what Ctrl-C reached as well: its tools are in no group of its own', async () => {
  const dataDir = newFolder();
  // A group of its own, as a terminal gives a program.
  const server = await start(dataDir);
  const person = await signUp(server.url, 'stopper');
  const upload = { token: person.token, title: 'foreign' };
  const published = await callServer(server.url, 'POST', '/douyin/publish/action/', upload, makeForeignClip(dataDir));
  expect(published.status_code).toBe(0);
  const children = (): string[] =>
    readFileSync(`/proc/${server.child.pid}/task/${server.child.pid}/children`, 'utf8').split(' ').filter(Boolean);
  // A child is the server itself until it becomes the tool.
  const tools = (): string[] => children().filter((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('ff'));
  let running: string[] = [];
  await expect.poll(() => (running = tools()), { timeout: 10_000, interval: 5 }).not.toEqual([]);
  for (const pid of running) {
    const [, , group] = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    expect(group).toBe(pid);
  }
  expect(await server.end('SIGTERM')).toBe(0);
  const next = await start(dataDir);
  await drained(dataDir);
  const [video] = listOf(await callServer(next.url, 'GET', '/douyin/feed/', {}), 'video_list');
  expect(video).toMatchObject({ title: 'foreign', state: 'ready' });
});

it('starts after a first start that was killed at any moment', async () => {
  const dataDir = newFolder();
  for (let afterMs = 60; afterMs <= 600; afterMs += 135) {
    const child = spawnServer(dataDir, { DEMO: 'on' });
    const timer = setTimeout(() => child.kill('SIGKILL'), afterMs);
    await new Promise((resolve) => child.once('exit', resolve));
    clearTimeout(timer);
  }
  const server = await start(dataDir, { DEMO: 'on' });
  await signUp(server.url, 'first');
  await drained(dataDir);
  // The demo is whole, whatever was killed on the way, and there once.
  const clips = listOf(await callServer(server.url, 'GET', '/douyin/feed/', {}), 'video_list');
  expect(clips.map((clip) => textOf(clip, 'title')).sort()).toEqual(['Aurora · 极光', 'Bloom · 花开', 'Tide · 潮']);
  checkCounts(dataDir);
});

it('stops in an orderly way although nobody reads its log any more', async () => {
  const server = await start(newFolder());
  server.child.stdout?.destroy();
  expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
  expect(await server.end('SIGTERM')).toBe(0);
});
