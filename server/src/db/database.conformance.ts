/** What every engine must do behind {@link Database}, with the SQL that the stores use. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { commentStore, followStore, likeStore, messageStore, metaStore, userStore } from '../store/index.ts';
import type { Database } from './database.ts';

export type DatabaseUnderTest = {
  /** An empty one, with its tables. */
  readonly database: Database;
  /** Closes it and opens it again, as a restart does. */
  readonly reopen: () => Promise<Database>;
  readonly dispose: () => Promise<void>;
};

const user = (id: number, nameKey = `user${id}`, name = nameKey) => ({
  id,
  name,
  nameKey,
  passwordHash: 'x'.repeat(255),
  createdAt: 1_767_225_600_000,
});

export function databaseConformance(make: () => Promise<DatabaseUnderTest>): void {
  let under: DatabaseUnderTest;
  let database: Database;
  beforeEach(async () => {
    under = await make();
    ({ database } = under);
  });
  afterEach(() => under.dispose());

  const put = (value: string): Promise<void> => database.transaction((trx) => metaStore.putMeta(trx, 'demo', value));
  const get = (): Promise<string | undefined> => metaStore.findMeta(database.reader, 'demo');
  const findUser = async (id: number) => (await userStore.findUsers(database.reader, [id]))[0];

  describe('transactions', () => {
    it('shows to all readers what was committed, as soon as that resolves', async () => {
      for (let round = 0; round < 20; round += 1) {
        await put(String(round));
        expect(await get()).toBe(String(round));
      }
    });

    it('shows to nobody else what is not committed, and keeps no reader waiting', async () => {
      await put('before');
      await database.transaction(async (trx) => {
        await metaStore.putMeta(trx, 'demo', 'inside');
        expect(await metaStore.findMeta(trx, 'demo')).toBe('inside');
        expect(await get()).toBe('before');
      });
      expect(await get()).toBe('inside');
    });

    it('takes everything back on a rejection, passes it on, and works again after', async () => {
      const failed = new Error('changed my mind');
      const work = database.transaction(async (trx) => {
        await metaStore.putMeta(trx, 'demo', 'inside');
        await userStore.insertUser(trx, user(1));
        throw failed;
      });
      await expect(work).rejects.toBe(failed);
      expect([await get(), await findUser(1)]).toEqual([undefined, undefined]);
      await put('after');
      expect(await get()).toBe('after');
    });

    it('takes everything back when the engine refuses a statement', async () => {
      await database.transaction((trx) => userStore.insertUser(trx, user(1)));
      const work = database.transaction(async (trx) => {
        await metaStore.putMeta(trx, 'demo', 'inside');
        await userStore.insertUser(trx, user(1, 'another name'));
      });
      await expect(work).rejects.toThrow();
      expect(await get()).toBeUndefined();
    });

    it('returns what the work returns', async () => {
      expect(await database.transaction(async () => 'result')).toBe('result');
    });

    it('loses no change of a counter when many come at once', async () => {
      await database.transaction((trx) => userStore.insertUser(trx, user(1)));
      const add = () => database.transaction((trx) => userStore.addToUserCounter(trx, [1], 'follow_count', 1));
      await Promise.all(Array.from({ length: 50 }, add));
      expect((await findUser(1))?.follow_count).toBe(50);
    });

    it('keeps what was committed over a restart', async () => {
      await put('kept');
      database = await under.reopen();
      expect(await get()).toBe('kept');
    });
  });

  describe('values', () => {
    it('keeps numbers of 53 bits exactly, as numbers', async () => {
      const id = Number.MAX_SAFE_INTEGER;
      await database.transaction((trx) => userStore.insertUser(trx, { ...user(id), createdAt: id - 1 }));
      expect(await findUser(id)).toMatchObject({ id, created_at: id - 1, follow_count: 0, deleted_at: null });
      expect(await userStore.findNewestId(database.reader)).toBe(id);
    });

    it('keeps text as it was given, as long as the contract allows', async () => {
      const texts = [
        '',
        ' ',
        ' a ',
        '\'"`\\%_;--',
        'é',
        'e\u0301',
        '名字',
        '🎬',
        'a\nb\tc',
        '\u200d',
        '🎬'.repeat(500),
      ];
      await database.transaction(async (trx) => {
        for (const [position, content] of texts.entries()) {
          await commentStore.insertComment(trx, { id: position + 1, video_id: 1, user_id: 1, content, created_at: 1 });
        }
      });
      const { rows } = await commentStore.listComments(database.reader, 1, undefined, 100);
      expect(rows.map((row) => row.content).toReversed()).toEqual(texts);
    });

    it('tells names apart by their code points: what is alike was made equal before', async () => {
      const keys = ['jose', 'josé', 'jose ', 'JOSE', 'strasse', 'straße', 'a\u200db', 'ab', 'あ', 'ア', '1', '①'];
      await database.transaction(async (trx) => {
        for (const [position, key] of keys.entries()) {
          expect(await userStore.insertUser(trx, user(position + 1, key))).toBe(true);
        }
        expect(await userStore.insertUser(trx, user(100, 'josé'))).toBe(false);
      });
      for (const [position, key] of keys.entries()) {
        expect((await userStore.findUserByNameKey(database.reader, key))?.id).toBe(position + 1);
      }
    });
  });

  describe('affected rows', () => {
    it('tells whether a follow came or went', async () => {
      const follow = { id: 1, follower_id: 1, followee_id: 2 };
      const results = await database.transaction(async (trx) => [
        await followStore.insertFollow(trx, follow),
        await followStore.insertFollow(trx, { ...follow, id: 2 }),
        await followStore.deleteFollow(trx, 1, 2),
        await followStore.deleteFollow(trx, 1, 2),
        await followStore.insertFollow(trx, { ...follow, id: 3 }),
      ]);
      expect(results).toEqual([true, false, true, false, true]);
    });

    it('tells whether a like came or went, also when many ask for it at once', async () => {
      const like = (id: number) =>
        database.transaction((trx) => likeStore.insertLike(trx, { id, user_id: 1, video_id: 2 }));
      const unlike = () => database.transaction((trx) => likeStore.deleteLike(trx, 1, 2));
      const came = await Promise.all(Array.from({ length: 20 }, (_, position) => like(position + 1)));
      expect(came.filter(Boolean).length).toBe(1);
      expect((await Promise.all(Array.from({ length: 20 }, unlike))).filter(Boolean).length).toBe(1);
    });

    it('counts a row that is set to what it was as found', async () => {
      await database.transaction((trx) => userStore.insertUser(trx, user(1)));
      const set = () => database.transaction((trx) => userStore.updateProfile(trx, 1, { signature: 'same' }));
      expect([await set(), await set()]).toEqual([true, true]);
      const other = database.transaction((trx) => userStore.updateProfile(trx, 2, { signature: 'same' }));
      expect(await other).toBe(false);
    });
  });

  it('gives messages of one conversation moments of their own when they are sent at once', async () => {
    const send = (id: number) => {
      const [fromUserId, toUserId] = id % 2 === 0 ? [1, 2] : [2, 1];
      return database.transaction((trx) =>
        messageStore.insertMessage(trx, { id, fromUserId, toUserId, content: String(id), now: 1_000 }),
      );
    };
    await Promise.all(Array.from({ length: 30 }, (_, position) => send(position + 1)));
    const { rows } = await messageStore.listHistory(database.reader, 1, 2, undefined, 100);
    expect(new Set(rows.map((row) => row.created_at)).size).toBe(30);
    expect(new Set(rows.map((row) => row.id)).size).toBe(30);
  });

  it('answers a ping, and nothing once it is closed', async () => {
    await database.ping();
    await database.close();
    await expect(database.ping()).rejects.toThrow();
    await expect(put('late')).rejects.toThrow();
    database = await under.reopen();
    expect(await get()).toBeUndefined();
  });
}
