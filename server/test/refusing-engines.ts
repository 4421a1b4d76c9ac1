/** Real engines with one of everything that can be wrong with a setting: users without a right, and servers of other kinds. */
import { join } from 'node:path';
import { createClient } from '@redis/client';
import { addS3User, allowInBucket, startRabbitmq } from '../../engines/index.ts';
import { engineUrl } from './engines.ts';
import { makeTestBucket } from './s3-bucket.ts';
import { takeSlot } from './slots.ts';
import { createMysqlDatabase } from './temporary-mysql.ts';
import { startOldMysql, startOldRedis, startSilence, startWebServer } from './wrong-servers.ts';

export type Settings = Readonly<Record<string, string>>;

/** Of everyone here but the users of RabbitMQ; it must never be shown. */
export const password = 'hush-hush';

export async function openRefusingEngines(folder: string) {
  const mysql = engineUrl('mysql') ?? '';
  const users = [
    { name: 'no-configure', configure: '^$', write: '.*', read: '.*' },
    { name: 'no-write', configure: '.*', write: '^$', read: '.*' },
    { name: 'no-read', configure: '.*', write: '.*', read: '^$' },
  ];
  const [slot, rabbit, bucket, empty, migrated, silence, web, oldRedis, oldMysql] = await Promise.all([
    takeSlot(['mysql', 'redis']),
    startRabbitmq({ folder: join(folder, 'rabbitmq'), users }),
    makeTestBucket(engineUrl('s3') ?? ''),
    createMysqlDatabase(mysql),
    createMysqlDatabase(mysql),
    startSilence(),
    startWebServer(),
    startOldRedis(),
    startOldMysql(),
  ]);
  /** Of users on engines that other tests use as well. */
  const mark = `refused_${process.pid}`;
  const mysqlUsers: string[] = [];
  const redisUsers: string[] = [];
  /** Where everything is right. */
  const right: Settings = { ...slot.settings, ...rabbit.settings, ...bucket.settings, JWT_SECRET: 'x'.repeat(32) };

  async function redis(...command: readonly string[]): Promise<void> {
    const client = await createClient({ url: right['REDIS_URL'] ?? '' }).connect();
    await client.sendCommand(command);
    await client.close();
  }

  return {
    right,
    /** Without tables. */
    empty,
    /** With them, once a server has made them. */
    migrated,
    silence,
    web,
    oldRedis,
    oldMysql,
    /** The port of the right server. */
    portOf: (setting: string): number => Number(new URL(right[setting] ?? '').port),
    /** The right address with another host and port, and another user where users are in addresses. */
    elsewhere: (setting: string, host: string, port: number): Settings => {
      const user = setting === 'STORAGE_URL' ? '' : `me:${password}@`;
      const at = (right[setting] ?? '').replace(/(?<=\/\/)(?:[^/@]*@)?127\.0\.0\.1:\d+/, `${user}${host}:${port}`);
      return { [setting]: at };
    },
    /** A user of Redis who may do everything but what the rules take. */
    redisUser: async (...rules: readonly string[]): Promise<Settings> => {
      const url = new URL(right['REDIS_URL'] ?? '');
      url.username = `${mark}_${redisUsers.length}`;
      url.password = password;
      redisUsers.push(url.username);
      await redis('ACL', 'SETUSER', url.username, 'on', `>${password}`, '~*', '&*', '+@all', ...rules);
      return { REDIS_URL: url.href };
    },
    /** A user of MySQL with these rights in that database. */
    mysqlUser: async (database: typeof empty, rights: string): Promise<Settings> => {
      const url = new URL(database.url);
      url.username = `${mark}_${mysqlUsers.length}`;
      url.password = password;
      mysqlUsers.push(url.username);
      await empty.run(`create user ${url.username}@'%' identified by '${password}'`);
      await empty.run(`grant ${rights} on ${database.options.database}.* to ${url.username}@'%'`);
      return { DATABASE_URL: url.href };
    },
    /** One of those without a right. */
    rabbitUser: (name: string): Settings => {
      const url = new URL(right['AMQP_URL'] ?? '');
      url.username = name;
      url.password = name;
      return { AMQP_URL: url.href };
    },
    /** A user of S3 who may do these things in the bucket. */
    s3User: async (name: string, actions: readonly string[]): Promise<Settings> => {
      const user = `${bucket.address.bucket}-${name}`;
      const secretKey = `${password}-${name}`;
      await addS3User(bucket.address, { name: user, accessKey: user, secretKey });
      if (actions.length > 0) await allowInBucket(bucket.address, user, actions);
      return { STORAGE_ACCESS_KEY: user, STORAGE_SECRET_KEY: secretKey };
    },
    close: async (): Promise<void> => {
      for (const server of [silence, web, oldRedis, oldMysql]) server.close();
      for (const user of mysqlUsers) await empty.run(`drop user ${user}@'%'`);
      if (redisUsers.length > 0) await redis('ACL', 'DELUSER', ...redisUsers);
      await Promise.all([rabbit.stop(), bucket.remove(), empty.drop(), migrated.drop()]);
      slot.release();
    },
  };
}
