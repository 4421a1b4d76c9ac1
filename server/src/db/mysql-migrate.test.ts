/** The start on MySQL: what is refused and how, and that many processes make one schema. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { describeEngine } from '../../test/engines.ts';
import { createMysqlDatabase, mysqlOptions } from '../../test/temporary-mysql.ts';
import { MigrationError } from './index.ts';
import { migrations } from './migrations/index.ts';
import { type MysqlOptions, openMysql } from './mysql.ts';
import { flavourOf } from './mysql-start.ts';

const names = Object.keys(migrations);
/** Processes take their time to start when the machine has other things to do. */
const processesMs = 90_000;
/** A start that is refused says so within this. */
const refusedWithinMs = 10_000;

it.each([
  ['8.4.3', 'MySQL'],
  ['8.0.17', 'MySQL'],
  ['8.0.39-0ubuntu0.24.04.2', 'MySQL'],
  ['10.6.0-MariaDB', 'MariaDB'],
  ['10.11.19-MariaDB-0+deb12u1', 'MariaDB'],
  ['5.5.5-10.11.6-MariaDB-log', 'MariaDB'],
  ['11.4.2-MariaDB', 'MariaDB'],
  ['8.0.16', undefined],
  ['5.7.44-log', undefined],
  ['10.5.23-MariaDB', undefined],
  ['5.5.5-10.4.32-MariaDB', undefined],
  ['something else', undefined],
])('takes %s for %s', (version, name) => {
  expect(flavourOf(version)?.name).toBe(name);
});

describeEngine('mysql', (url) => {
  let created: Awaited<ReturnType<typeof createMysqlDatabase>>;
  beforeEach(async () => {
    created = await createMysqlDatabase(url);
  });
  afterEach(() => created.drop());

  const open = async (changes: Partial<MysqlOptions> = {}): Promise<void> => {
    const database = await openMysql({ ...created.options, ...changes });
    await database.ping();
    await database.close();
  };
  const column = async (sql: string): Promise<unknown[]> =>
    (await created.run(sql)).flatMap((row) => (typeof row === 'object' && row !== null ? Object.values(row) : []));
  const done = () => column('select name from kysely_migration order by name');
  const schema = () =>
    created.run(
      `select table_name, column_name, column_type, is_nullable, column_default, collation_name, '' as extra
       from information_schema.columns where table_schema = database()
       union select table_name, index_name, seq_in_index, non_unique, column_name, '', '' from information_schema.statistics
       where table_schema = database() order by 1, 2, 3`,
    );

  const program = fileURLToPath(new URL('../../test/migrating-process.ts', import.meta.url));
  function start() {
    const child = spawn(process.execPath, [program, created.url], { stdio: ['ignore', 'ignore', 'pipe'] });
    const ended = Promise.all([once(child, 'exit'), text(child.stderr)]).then(([[code], errors]) => ({ code, errors }));
    return { child, ended };
  }

  it('makes every table, with a collation that compares by code points and does not ignore spaces', async () => {
    await open();
    expect(await done()).toEqual(names);
    expect(
      await column('select distinct engine from information_schema.tables where table_schema = database()'),
    ).toEqual(['InnoDB']);
    const collations = await column(
      'select distinct collation_name from information_schema.columns where table_schema = database() and collation_name is not null',
    );
    expect([['utf8mb4_nopad_bin'], ['utf8mb4_0900_bin']]).toContainEqual(collations);
    expect(
      await column(
        "select data_type from information_schema.columns where table_schema = database() and table_name = 'outbox' and column_name = 'payload'",
      ),
    ).toEqual(['mediumtext']);
  });

  it('migrates once when ten processes start together', { timeout: processesMs }, async () => {
    const started = Array.from({ length: 10 }, () => start().ended);
    expect(await Promise.all(started)).toEqual(Array.from({ length: 10 }, () => ({ code: 0, errors: '' })));
    expect(await done()).toEqual(names);
  });

  it('goes on where a process was killed, whatever it was doing', { timeout: processesMs }, async () => {
    await open();
    const complete = await schema();
    const noted = async () => (await done().catch(() => [])).length;
    for (const steps of [1, 12]) {
      await created.run(`drop database ${created.options.database}; create database ${created.options.database}`);
      await created.run(`use ${created.options.database}`);
      const { child, ended } = start();
      await vi.waitFor(async () => expect(await noted()).toBeGreaterThanOrEqual(steps), {
        timeout: processesMs / 3,
        interval: 1,
      });
      child.kill('SIGKILL');
      await ended;
      await open();
      expect(await done()).toEqual(names);
      expect(await schema()).toEqual(complete);
    }
  });

  it('finds its own work when a step was done and not noted', async () => {
    await open();
    const complete = await schema();
    await created.run('delete from kysely_migration');
    await open();
    expect(await done()).toEqual(names);
    expect(await schema()).toEqual(complete);
  });

  it('takes no table for its own that somebody else made', async () => {
    await created.run('create table users (id bigint primary key)');
    const opening = open();
    await expect(opening).rejects.toBeInstanceOf(MigrationError);
    await expect(opening).rejects.toThrow(`migration ${names[0]} failed`);
  });

  it('refuses a database of a newer version, says so, and leaves it as it is', async () => {
    await open();
    await created.run(
      "insert into kysely_migration (name, timestamp) values ('9999-01-from-the-future', '2026-01-01')",
    );
    const before = await schema();
    const opening = open();
    await expect(opening).rejects.toBeInstanceOf(MigrationError);
    await expect(opening).rejects.toThrow(/cannot be used by this version.*9999-01-from-the-future/s);
    expect(await schema()).toEqual(before);
  });

  describe('refuses, within 10 s and in one line that names the setting,', () => {
    const password = 'a password that nobody must see';

    async function refusal(changes: Partial<MysqlOptions>): Promise<string> {
      const startedAt = performance.now();
      const error: unknown = await open(changes).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(performance.now() - startedAt).toBeLessThan(refusedWithinMs);
      if (!(error instanceof Error)) throw new Error('it was not refused');
      expect(error.message).toMatch(/^DATABASE_URL: [^\n]+$/);
      expect(`${error.stack}${String(error.cause)}`).not.toContain(password);
      return error.message;
    }

    it('a port at which nothing listens', async () => {
      expect(await refusal({ port: 1, password })).toBe(
        'DATABASE_URL: nothing listens at 127.0.0.1:1: start MySQL, or correct host and port',
      );
    });

    it('a host that does not exist', async () => {
      expect(await refusal({ host: 'no-such-host.invalid', password })).toContain('no-such-host.invalid');
    });

    it('a server that says nothing', async () => {
      const silent = createServer().listen(0, '127.0.0.1');
      await once(silent, 'listening');
      const address = silent.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      expect(await refusal({ port })).toMatch(/no MySQL answers/);
      silent.close();
    });

    it('a server that is not MySQL', async () => {
      const other = createServer((socket) => socket.on('error', () => undefined).end('-ERR what is this?\r\n'));
      other.listen(0, '127.0.0.1');
      await once(other, 'listening');
      const address = other.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      expect(await refusal({ port })).toMatch(new RegExp(`127\\.0\\.0\\.1:${port}`));
      other.close();
    });

    it('a user or password that is wrong', async () => {
      expect(await refusal({ user: 'nobody', password })).toMatch(/refuses the user nobody: correct the user or/);
    });

    it('a database that is not there', async () => {
      expect(await refusal({ database: 'no_such_database' })).toMatch(/has no database no_such_database: create it/);
    });

    it('TLS where there is none', async () => {
      expect(await refusal({ tls: true, host: 'localhost' })).toMatch(/does not speak TLS/);
    });

    it('TLS with an address that no certificate can be checked against', async () => {
      expect(await refusal({ tls: true })).toMatch(/the host must be a name/);
    });

    describe('a user without a right:', () => {
      const user = `tiktok_test_${process.pid}`;
      const grant = (rights: string) =>
        created.run(`create user '${user}'@'%' identified by '${password}';
          grant ${rights} on ${created.options.database}.* to '${user}'@'%'`);
      beforeEach(() => created.run(`drop user if exists '${user}'@'%'`));
      afterEach(() => created.run(`drop user if exists '${user}'@'%'`));

      it('CREATE, when there are tables to be made', async () => {
        await grant('select, insert, update, delete');
        expect(await refusal({ user, password })).toMatch(/may not do all that is needed.*grant SELECT.*CREATE/);
      });

      it('DELETE, when the tables are there', async () => {
        await open();
        await grant('select, insert, update');
        expect(await refusal({ user, password })).toMatch(/may not do all that is needed.*DELETE command denied/);
      });

      it('any, in this database', async () => {
        await created.run(`create user '${user}'@'%' identified by '${password}'`);
        expect(await refusal({ user, password })).toMatch(/has no rights in the database/);
      });

      it('but not one that has all of them', async () => {
        await grant('select, insert, update, delete, create, alter, index, drop');
        await open({ user, password });
      });
    });
  });

  it('reads the address of the setting', () => {
    expect(mysqlOptions('mysql://me:p%40ss@db.example:3307/site?tls=on')).toMatchObject({
      host: 'db.example',
      port: 3307,
      user: 'me',
      password: 'p@ss',
      database: 'site',
      tls: true,
    });
  });
});
