import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createClient } from '@redis/client';
import { connect as connectAmqp } from 'amqplib';
import { createConnection } from 'mysql2/promise';
import { afterAll, expect, it, vi } from 'vitest';
import { describeOwnEngines } from '../server/test/engines.ts';
import { temporaryFolder } from '../server/test/server.ts';
import { type Engine, startMysql, startRabbitmq, startRedis } from './index.ts';

const folder = temporaryFolder();
const folderOf = (name: string): string => join(folder.path, name);
const engines: Engine[] = [];
const started = async (start: Promise<Engine>): Promise<Engine> => {
  const engine = await start;
  engines.push(engine);
  return engine;
};
afterAll(async () => {
  await Promise.all(engines.map((engine) => engine.stop()));
  folder.remove();
});

const settingOf = (engine: Engine, name: string): string => engine.settings[name] ?? '';

/** Whether anything listens there at all. */
async function listens(port: number): Promise<boolean> {
  const socket = connectTcp(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

describeOwnEngines(['mysql'], () => {
  it('MySQL keeps over a kill what it had committed, on the same port', async () => {
    const engine = await started(startMysql({ folder: folderOf('mysql'), databases: ['first', 'second'] }));
    const url = settingOf(engine, 'DATABASE_URL');
    expect(url).toBe(`mysql://root@127.0.0.1:${engine.port}/first`);
    const before = await createConnection(url);
    await before.query('create table second.things (id int primary key)');
    await before.query('insert into second.things values (7)');
    expect((await before.query('select @@innodb_flush_log_at_trx_commit as v'))[0]).toEqual([{ v: 1 }]);
    // The connection learns of the kill by an event that nobody awaits.
    before.on('error', () => undefined);
    await engine.kill();
    expect(await listens(engine.port)).toBe(false);
    await engine.start();
    const after = await createConnection(url.replace('first', 'second'));
    expect((await after.query('select * from things'))[0]).toEqual([{ id: 7 }]);
    await after.end();
  });
});

describeOwnEngines(['redis'], () => {
  it('Redis answers nothing while it is paused, and comes back empty from a kill', async () => {
    const engine = await started(startRedis({ folder: folderOf('redis') }));
    const url = settingOf(engine, 'REDIS_URL');
    const client = createClient({ url, socket: { reconnectStrategy: false } });
    client.on('error', () => undefined);
    await client.connect();
    await client.set('a', '1');
    await engine.pause();
    const answer = client.get('a');
    const first = await Promise.race([answer, new Promise((resolve) => setTimeout(resolve, 200, 'nothing'))]);
    expect(first).toBe('nothing');
    engine.resume();
    expect(await answer).toBe('1');
    await engine.kill();
    await engine.start();
    const again = createClient({ url });
    await again.connect();
    expect(await again.get('a')).toBe(null);
    await again.close();
  });

  it('says why a server does not start, from its own log', async () => {
    const configFile = folderOf('redis.conf');
    writeFileSync(configFile, 'no-such-setting 1\n');
    const wrong = startRedis({ folder: folderOf('wrong'), configFile });
    await expect(wrong).rejects.toThrow(/^redis did not start: the server ended .*no-such-setting/s);
  });
});

describeOwnEngines(['rabbitmq'], () => {
  it('RabbitMQ has its virtual hosts, also after a kill', async () => {
    const engine = await started(startRabbitmq({ folder: folderOf('rabbitmq'), vhosts: ['other'] }));
    const url = `${settingOf(engine, 'AMQP_URL')}/other`;
    const before = await connectAmqp(url);
    before.on('error', () => undefined);
    const channel = await before.createChannel();
    channel.on('error', () => undefined);
    await channel.assertQueue('any');
    await engine.kill();
    expect(await listens(engine.port)).toBe(false);
    await engine.start();
    const after = await connectAmqp(url);
    // It writes down a new queue within seconds, not at once: whoever needs one declares it again.
    expect((await (await after.createChannel()).assertQueue('any')).messageCount).toBe(0);
    await after.close();
  });
});

describeOwnEngines(['mysql', 'redis', 'rabbitmq'], () => {
  it('they end with the process that started them, even if it is killed', async () => {
    const index = new URL('./index.ts', import.meta.url).href;
    const program = `
      const { startMysql, startRabbitmq, startRedis } = await import(${JSON.stringify(index)});
      const starts = Object.entries({ startMysql, startRabbitmq, startRedis });
      const folder = ${JSON.stringify(folderOf('orphans'))};
      const engines = await Promise.all(starts.map(([name, start]) => start({ folder: folder + '/' + name })));
      console.log(JSON.stringify(engines.map(({ port }) => port)));
      setInterval(() => undefined, 1_000);`;
    const parent = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line]: unknown[] = await once(createInterface(parent.stdout), 'line');
    const ports: unknown = JSON.parse(String(line));
    const numbers = Array.isArray(ports) ? ports.map(Number) : [];
    expect(await Promise.all(numbers.map(listens))).toEqual([true, true, true]);
    parent.kill('SIGKILL');
    await vi.waitFor(async () => expect(await Promise.all(numbers.map(listens))).toEqual([false, false, false]), {
      timeout: 10_000,
    });
  });
});
