/**
 * What several processes write at once into the same MySQL: each with a pool, ids and a cache of its own, here in one
 * process, since only the database knows of all of them.
 */
import { DomainError } from '@tiktok-server/contract';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { createMemoryCache } from '../src/adapters/cache-memory.ts';
import { createTimeIdSource } from '../src/adapters/id-source-time.ts';
import type { Database, Transaction } from '../src/db/index.ts';
import { eraseAccountHandler } from '../src/features/account/account.jobs.ts';
import { keepOpenAccount, requireOpenAccount } from '../src/features/actor.ts';
import { addComment, removeComment } from '../src/features/comment/comment.service.ts';
import { setFollow } from '../src/features/follow/follow.service.ts';
import { setLike } from '../src/features/like/like.service.ts';
import { sendMessage } from '../src/features/message/message.service.ts';
import { openVideo } from '../src/features/open-video.ts';
import { deleteVideo, eraseBatch } from '../src/features/video/video.service.ts';
import { createCacheDeletions, createWriter } from '../src/jobs/index.ts';
import { messageStore, outboxStore, userStore, videoStore } from '../src/store/index.ts';
import { describeEngine } from './engines.ts';
import { createManualClock } from './manual-clock.ts';
import { expectCountersToEqualRows } from './stored.ts';
import { openTemporaryMysql, type TemporaryMysql } from './temporary-mysql.ts';

const now = createManualClock().now();
/** What InnoDB tells about waiting transactions stays the same for 100 ms after each question. */
const refreshMs = 150;

function processOn(database: Database, node: number) {
  const clock = createManualClock();
  const ids = createTimeIdSource({ clock, node });
  const cache = createMemoryCache({ clock });
  const wake = (): void => undefined;
  const deletions = createCacheDeletions({ database, clock, wake });
  const writer = createWriter({ database, cache, clock, ids, deletions, wake });
  return { database, writer, ids, clock };
}
type Process = ReturnType<typeof processOn>;

describeEngine('mysql', (url) => {
  let store: TemporaryMysql;
  let processes: readonly [Process, Process];
  beforeAll(async () => {
    store = await openTemporaryMysql(url);
    processes = [processOn(store.database, 1), processOn(await store.openAnother(), 2)];
  });
  afterAll(() => store.remove());
  beforeEach(() => store.empty());

  const by = (number: number): Process => processes[number % 2 === 0 ? 0 : 1];
  const times = <T>(count: number, work: (number: number) => Promise<T>): Promise<T[]> =>
    Promise.all(Array.from({ length: count }, (_, number) => work(number)));
  const rowsOf = async (table: 'likes' | 'comments' | 'follows' | 'messages' | 'conversations' | 'videos' | 'users') =>
    await store.database.reader.selectFrom(table).selectAll().execute();
  const countersEqualRows = () => expectCountersToEqualRows({ context: store });

  const register = ({ writer, ids }: Process, name: string): Promise<number | undefined> => {
    const id = ids.next();
    return writer.write(async ({ trx }) =>
      (await userStore.insertUser(trx, { id, name, nameKey: name, passwordHash: '', createdAt: now })) ? id : undefined,
    );
  };
  async function users(count: number): Promise<number[]> {
    const made: number[] = [];
    for (let number = 0; number < count; number += 1) made.push((await register(by(number), `user ${number}`)) ?? 0);
    return made;
  }
  const publish = ({ writer, ids, clock }: Process, authorId: number): Promise<number> => {
    const id = ids.next();
    return writer.write(async ({ trx }) => {
      await userStore.lockUsers(trx, [authorId]);
      await videoStore.insertVideo(trx, {
        id,
        author_id: authorId,
        title: '',
        state: 'ready',
        published_at: await videoStore.nextPublishedAt(trx, clock.now()),
        play_key: '',
        cover_key: null,
        placeholder: null,
        duration_ms: 1,
        width: 1,
        height: 1,
        size_bytes: 1,
        sha256: '',
      });
      await userStore.addToUserCounter(trx, [authorId], 'work_count', 1);
      return id;
    });
  };
  /** What is refused on purpose is part of the play; anything else is not. */
  const tolerant = (work: Promise<unknown>): Promise<unknown> =>
    work.catch((error: unknown) => {
      if (!(error instanceof DomainError)) throw error;
    });
  const eraseVideo = async ({ writer }: Process, videoId: number): Promise<void> => {
    for (let done = false; !done; ) {
      done = await writer.write(async (unit) => {
        const [video] = await videoStore.lockVideos(unit.trx, [videoId]);
        return video === undefined || video.state !== 'deleted' || (await eraseBatch(unit, video));
      });
    }
  };

  it('gives a name to one of those who ask for it, and tells the others', async () => {
    for (const name of ['alice', 'bob']) {
      const ids = await times(12, (number) => register(by(number), name));
      expect(ids.filter((id) => id !== undefined)).toHaveLength(1);
      expect(await userStore.findUserByNameKey(store.database.reader, name)).toMatchObject({
        id: ids.find((id) => id !== undefined),
      });
    }
  });

  it('gives each message of a conversation a moment of its own, and keeps the latest one', async () => {
    const [one = 0, other = 0] = await users(2);
    await times(30, (number) => {
      const [from, to] = number % 3 === 0 ? [one, other] : [other, one];
      return sendMessage(by(number), from, to, String(number));
    });
    const { rows } = await messageStore.listHistory(store.database.reader, one, other, undefined, 100);
    expect(new Set(rows.map((row) => row.content)).size).toBe(30);
    expect(new Set(rows.map((row) => row.created_at)).size).toBe(30);
    expect(await rowsOf('conversations')).toMatchObject([
      { last_message_at: rows[0]?.created_at, last_message_id: rows[0]?.id },
    ]);
  });

  it('gives each video a moment of its own, in the order in which they were published', async () => {
    const authors = await users(4);
    const published = await times(20, (number) => publish(by(number), authors[number % 4] ?? 0));
    const videos = await videoStore.findVideos(store.database.reader, published);
    expect(new Set(videos.map((video) => video.published_at)).size).toBe(20);
    expect(Math.max(...videos.map((video) => video.published_at))).toBe(now + 19);
    await countersEqualRows();
  });

  it('keeps counters equal to rows when many like, follow, comment and change their minds about the same few things', async () => {
    const people = await users(6);
    const videos = await times(3, (number) => publish(by(number), people[number] ?? 0));
    for (let round = 0; round < 3; round += 1) {
      await times(40, async (number) => {
        const process = by(number);
        const [me = 0, you = 0] = [people[number % 6], people[(number * 5 + round + 1) % 6]];
        const video = videos[(number + round) % 3] ?? 0;
        const kind = (number + round) % 5;
        if (kind === 0) await setLike(process, me, video, true);
        else if (kind === 1) await setLike(process, me, video, false);
        else if (kind === 2 && me !== you) await setFollow(process, me, you, number % 2 === 0);
        else {
          const { id } = await addComment(process, me, video, 'text');
          if (kind === 3) await removeComment(process, me, video, id);
        }
      });
      await countersEqualRows();
    }
  });

  it('leaves no like and no comment behind on a video that is deleted meanwhile', async () => {
    const people = await users(8);
    const [author = 0] = people;
    for (let round = 0; round < 5; round += 1) {
      const video = await publish(by(round), author);
      await times(6, (number) => setLike(by(number), people[number + 1] ?? 0, video, true));
      const acts = people.flatMap((me, number) => [
        tolerant(setLike(by(number), me, video, number % 2 === 0)),
        tolerant(addComment(by(number + 1), me, video, 'text')),
      ]);
      acts.splice(round, 0, deleteVideo(by(round), author, video));
      await Promise.all(acts);
      await eraseVideo(by(round), video);
      expect([await rowsOf('videos'), await rowsOf('likes'), await rowsOf('comments')]).toEqual([[], [], []]);
      await countersEqualRows();
    }
  });

  it('leaves nothing behind of an account that is closed meanwhile', async () => {
    for (let round = 0; round < 3; round += 1) {
      await store.empty();
      const people = await users(6);
      const [leaving = 0, ...others] = people;
      const videos = await times(4, (number) => publish(by(number), people[number] ?? 0));
      const acts = others.flatMap((other, number) => [
        tolerant(setFollow(by(number), leaving, other, true)),
        tolerant(setFollow(by(number), other, leaving, true)),
        tolerant(sendMessage(by(number), other, leaving, 'to')),
        tolerant(sendMessage(by(number + 1), leaving, other, 'from')),
        tolerant(setLike(by(number), leaving, videos[number % 4] ?? 0, true)),
        tolerant(setLike(by(number), other, videos[0] ?? 0, true)),
        tolerant(addComment(by(number + 1), leaving, videos[number % 4] ?? 0, 'text')),
      ]);
      const close = by(round).writer.write(({ trx }) => userStore.closeUser(trx, leaving, now));
      const erasing = close.then(() =>
        eraseAccountHandler(by(round + 1)).run({ userId: leaving }, { signal: AbortSignal.timeout(20_000) }),
      );
      await Promise.all([...acts, erasing]);
      for (const video of await rowsOf('videos')) await eraseVideo(by(round), Number(video.id));
      const left = JSON.stringify([
        await rowsOf('likes'),
        await rowsOf('comments'),
        await rowsOf('follows'),
        await rowsOf('messages'),
        await rowsOf('conversations'),
        await rowsOf('users'),
      ]);
      expect(left).not.toContain(String(leaving));
      await countersEqualRows();
    }
  });

  /** Runs `then` in the other process while `first` is not committed; it has to wait for that. */
  async function comesAfter(
    first: (trx: Transaction) => Promise<unknown>,
    then: () => Promise<unknown>,
  ): Promise<void> {
    const waiting = async (): Promise<number> => {
      const rows = await store.run(
        `select trx_id from information_schema.innodb_trx join information_schema.processlist on id = trx_mysql_thread_id
         where trx_state = 'LOCK WAIT' and db = database()`,
      );
      return rows.length;
    };
    await vi.waitFor(async () => expect(await waiting()).toBe(0), { interval: refreshMs });
    let done = false;
    let second: Promise<unknown> = Promise.resolve();
    await processes[0].database.transaction(async (trx) => {
      await first(trx);
      second = then().then(() => {
        done = true;
      });
      await vi.waitFor(async () => expect(done || (await waiting()) === 1).toBe(true), { interval: refreshMs });
      expect(done).toBe(false);
    });
    await second;
  }

  it.each([
    ['changes it', requireOpenAccount],
    ['only refers to it', keepOpenAccount],
  ] as const)('closes an account not before a transaction that %s has ended', async (_how, check) => {
    const [id = 0] = await users(1);
    await comesAfter(
      (trx) => check(trx, id),
      () => processes[1].database.transaction((trx) => userStore.closeUser(trx, id, now)),
    );
    await expect(processes[0].database.transaction((trx) => check(trx, id))).rejects.toMatchObject({
      row: 'ErrTokenInvalid',
    });
  });

  it('deletes a video not before a transaction that likes it or comments on it has ended', async () => {
    const [author = 0, other = 0] = await users(2);
    const video = await publish(processes[0], author);
    await comesAfter(
      (trx) => openVideo(trx, video, other),
      () => deleteVideo(processes[1], author, video),
    );
    await expect(setLike(processes[0], other, video, true)).rejects.toMatchObject({ row: 'ErrVideoNotFound' });
  });

  it('lends each job to one process', async () => {
    const [{ writer }] = processes;
    await writer.write(async ({ enqueue }) => {
      for (let number = 1; number <= 100; number += 1) await enqueue('account.erase', { userId: number });
    });
    const taken = await times(20, (number) =>
      by(number).database.transaction((trx) => outboxStore.leaseDueJobs(trx, 'quick', now, 30_000, 10)),
    );
    expect(taken.flat()).toHaveLength(100);
    expect(new Set(taken.flat()).size).toBe(100);
  });

  it('does not cut off what does not fit', async () => {
    const { writer } = processes[0];
    const long = register(processes[0], 'x'.repeat(200));
    await expect(long).rejects.toThrow('a row was not stored as it was given');
    const keys = Array.from({ length: 3_000 }, (_, number) => ({ family: 'user', id: String(number).repeat(5) }));
    const id = await writer.write(({ enqueue }) => enqueue('cache.delete', { keys }));
    const job = await outboxStore.findJob(store.database.reader, id);
    expect(JSON.parse(job?.payload ?? '')).toEqual({ keys });
    expect(job?.payload.length).toBeGreaterThan(65_535);
  });
});
