/** The engines of the run are there, and slots of them are as empty as if they were new. */
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { createClient } from '@redis/client';
import { connect as connectAmqp } from 'amqplib';
import { createConnection } from 'mysql2/promise';
import { expect, it } from 'vitest';
import { bucketAddress, bucketClient, bucketContents } from '../../engines/index.ts';
import { openMysql } from '../src/db/mysql.ts';
import { describeEngine } from './engines.ts';
import { temporaryFolder } from './server.ts';
import { claim, clearSlot, nameOf, slotCount, spareSlot } from './slots.ts';
import { mysqlOptions } from './temporary-mysql.ts';

describeEngine('mysql', () => {
  async function query(...statements: readonly string[]): Promise<unknown> {
    const { DATABASE_URL = '' } = await clearSlot('mysql', spareSlot);
    const connection = await createConnection(DATABASE_URL);
    try {
      let rows: unknown;
      for (const statement of statements) [rows] = await connection.query(statement);
      return rows;
    } finally {
      await connection.end();
    }
  }

  const count = (what: string) => `select count(*) as count from ${what}`;
  const migrated = async (): Promise<void> => {
    const { DATABASE_URL = '' } = await clearSlot('mysql', spareSlot);
    await (await openMysql(mysqlOptions(DATABASE_URL))).close();
  };

  it('keeps the tables of a slot, and the list of migrations, and no other row', async () => {
    await migrated();
    await query(
      "insert into meta (name, value) values ('a', 'b')",
      'update processes set lease_until = 1 where node = 3',
    );
    expect(await query(count('meta'))).toEqual([{ count: 0 }]);
    expect(await query(count('processes where lease_until > 0'))).toEqual([{ count: 0 }]);
    expect(await query(count('processes'))).not.toEqual([{ count: 0 }]);
    expect(await query(count('kysely_migration'))).not.toEqual([{ count: 0 }]);
  });

  it.each([
    ['took one away', 'alter table meta rename to gone'],
    ['put one beside them', 'create table things (id int primary key)'],
  ])('makes the tables of a slot anew where somebody %s', async (_what, change) => {
    await migrated();
    await query(change);
    expect(await query('show tables')).toEqual([]);
    await migrated();
    expect(await query(count('meta'))).toEqual([{ count: 0 }]);
  });
});

describeEngine('redis', () => {
  it('keeps no key', async () => {
    const { REDIS_URL: url = '' } = await clearSlot('redis', spareSlot);
    const client = await createClient({ url }).connect();
    await client.set('a', '1');
    await clearSlot('redis', spareSlot);
    expect(await client.dbSize()).toBe(0);
    await client.close();
  });
});

describeEngine('rabbitmq', () => {
  it('has a virtual host for each slot', async () => {
    for (const slot of [0, slotCount - 1, spareSlot]) {
      const { AMQP_URL = '' } = await clearSlot('rabbitmq', slot);
      expect(new URL(AMQP_URL).pathname).toBe(`/${nameOf(slot)}`);
      await (await connectAmqp(AMQP_URL)).close();
    }
  });
});

describeEngine('s3', (url) => {
  it('keeps no object', async () => {
    await clearSlot('s3', spareSlot);
    const address = bucketAddress(url, nameOf(spareSlot));
    const client = bucketClient(address);
    await client.send(new PutObjectCommand({ Bucket: address.bucket, Key: 'a', Body: 'a' }));
    client.destroy();
    expect((await bucketContents(address)).objects).toEqual(['a']);
    await clearSlot('s3', spareSlot);
    expect(await bucketContents(address)).toEqual({ objects: [], uploads: [] });
  });
});

it('a slot is taken once, as many as there are', () => {
  const folder = temporaryFolder();
  const taken = Array.from({ length: slotCount }, () => claim(folder.path));
  expect(new Set(taken).size).toBe(slotCount);
  expect(taken).not.toContain(spareSlot);
  expect(() => claim(folder.path)).toThrow('slots are taken');
  folder.remove();
});
