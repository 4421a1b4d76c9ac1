/**
 * What a setting gets that leads to no engine, or to one that refuses: the process ends within 10 s with code 1 and one line
 * that names the setting and what was refused, in it no password and no stack.
 */
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeEngine } from './engines.ts';
import { openRefusingEngines, password, type Settings } from './refusing-engines.ts';
import { temporaryFolder } from './server.ts';
import { spawnServer } from './server-process.ts';

/** Operators are promised 10 s. A machine that runs other tests beside takes as long again to start a process. */
const refusedWithinMs = 20_000;
/** No route leads there: packets are swallowed. */
const nowhere = '10.255.255.1';
/** Nothing listens there. */
const closedPort = 1;

const local = '127.0.0.1';
const folder = temporaryFolder();
let on: Awaited<ReturnType<typeof openRefusingEngines>>;

async function run(settings: Settings) {
  const child = spawnServer(folder.path, { ADMIN_PORT: '0', DATA_DIR: join(folder.path, 'data'), ...settings });
  const startedMs = performance.now();
  let out = '';
  let complaint = '';
  child.stdout?.on('data', (chunk: Buffer) => (out += chunk.toString('utf8')));
  child.stderr?.on('data', (chunk: Buffer) => (complaint += chunk.toString('utf8')));
  const late = setTimeout(() => child.kill('SIGKILL'), refusedWithinMs);
  await once(child, 'close');
  clearTimeout(late);
  return { code: child.exitCode, out, complaint, tookMs: performance.now() - startedMs };
}

async function expectRefusal(settings: Settings, words: RegExp): Promise<void> {
  const { code, out, complaint, tookMs } = await run({ ROLE: 'api', ...on.right, ...settings });
  expect(complaint).toMatch(/^[A-Z_]+: [^\n]*\n$/);
  expect(complaint).toMatch(words);
  expect(`${complaint}${out}`).not.toContain(password);
  expect(out).not.toMatch(/"level":[4-6]0/);
  expect(code).toBe(1);
  expect(tookMs).toBeLessThan(refusedWithinMs);
}

type Case = readonly [what: string, settings: () => Settings | Promise<Settings>, words: RegExp];
const at = (setting: string, host: string, port: () => number): (() => Settings) => {
  return () => on.elsewhere(setting, host, port());
};
const closed = (): number => closedPort;
const silent = (): number => on.silence.port;
const web = (): number => on.web.port;
const portOf = (setting: string) => (): number => on.portOf(setting);

const mysqlCases: readonly Case[] = [
  ['no server', at('DATABASE_URL', local, closed), /^DATABASE_URL: nothing listens at 127\.0\.0\.1:1:/],
  ['a host without a route', at('DATABASE_URL', nowhere, closed), /^DATABASE_URL: .*10\.255\.255\.1:1/],
  ['a host without an address', at('DATABASE_URL', 'none.invalid', closed), /^DATABASE_URL: the host none\.invalid /],
  ['silence', at('DATABASE_URL', local, silent), /^DATABASE_URL: no MySQL answers at /],
  ['a web server', at('DATABASE_URL', local, web), /^DATABASE_URL: no MySQL answers at /],
  ['Redis', at('DATABASE_URL', local, portOf('REDIS_URL')), /^DATABASE_URL: no MySQL answers at /],
  ['RabbitMQ', at('DATABASE_URL', local, portOf('AMQP_URL')), /^DATABASE_URL: .*MySQL/],
  [
    'MySQL 5.7',
    at('DATABASE_URL', local, () => on.oldMysql.port),
    /^DATABASE_URL: the server is 5\.7\.44-log: MySQL 8/,
  ],
  ['an unknown user', at('DATABASE_URL', local, portOf('DATABASE_URL')), /^DATABASE_URL: .* refuses the user me/],
  [
    'a missing database',
    () => ({ DATABASE_URL: `${on.right['DATABASE_URL']}_missing` }),
    /^DATABASE_URL: .* has no database slot\d+_missing/,
  ],
  [
    "another user's database",
    async () => {
      const { DATABASE_URL = '' } = await on.mysqlUser(on.empty, 'all');
      return { DATABASE_URL: new URL(`/${on.migrated.options.database}`, DATABASE_URL).href };
    },
    /^DATABASE_URL: the user refused_\w+ has no rights in the database/,
  ],
  [
    'no right to make tables',
    () => on.mysqlUser(on.empty, 'select, insert, update, delete'),
    /^DATABASE_URL: the user refused_\w+ may not .* grant .*CREATE/,
  ],
  [
    'no right to insert',
    () => on.mysqlUser(on.migrated, 'select, update, delete, create, alter, index, drop'),
    /^DATABASE_URL: the user refused_\w+ may not .* grant .*INSERT/,
  ],
];

const refusesUser = /^REDIS_URL: .* it answers ".*": let the user do everything on keys /;
const redisCases: readonly Case[] = [
  ['no server', at('REDIS_URL', local, closed), /^REDIS_URL: Redis at 127\.0\.0\.1:1 cannot be used: .*ECONNREFUSED/],
  ['a host without a route', at('REDIS_URL', nowhere, closed), /^REDIS_URL: Redis at 10\.255\.255\.1:1 /],
  ['a host without an address', at('REDIS_URL', 'none.invalid', closed), /^REDIS_URL: Redis at none\.invalid:1 /],
  ['silence', at('REDIS_URL', local, silent), /^REDIS_URL: .*no answer within/],
  ['a web server', at('REDIS_URL', local, web), /^REDIS_URL: Redis at /],
  ['MySQL', at('REDIS_URL', local, portOf('DATABASE_URL')), /^REDIS_URL: Redis at /],
  [
    'Redis 6',
    at('REDIS_URL', local, () => on.oldRedis.port),
    /^REDIS_URL: .* version 6\.2\.14, and 7 or newer is needed/,
  ],
  ['an unknown user', at('REDIS_URL', local, portOf('REDIS_URL')), /^REDIS_URL: .*WRONGPASS/],
  ['a missing number', () => ({ REDIS_URL: new URL('/9999', on.right['REDIS_URL']).href }), /^REDIS_URL: .*DB index/],
  ['no right to write', () => on.redisUser('-@write'), refusesUser],
  ['no right to delete', () => on.redisUser('-del'), refusesUser],
  ['no right to scripts', () => on.redisUser('-@scripting'), refusesUser],
  ['no right to our keys', () => on.redisUser('resetkeys', '~other:*'), refusesUser],
  ['no right to hear of changes', () => on.redisUser('-client|tracking'), refusesUser],
];

const rabbitCases: readonly Case[] = [
  ['no server', at('AMQP_URL', local, closed), /^AMQP_URL: no RabbitMQ answers at 127\.0\.0\.1:1 \(ECONNREFUSED\)/],
  ['a host without a route', at('AMQP_URL', nowhere, closed), /^AMQP_URL: no RabbitMQ answers at 10\.255\.255\.1:1 /],
  ['a host without an address', at('AMQP_URL', 'none.invalid', closed), /^AMQP_URL: no RabbitMQ answers at none/],
  ['silence', at('AMQP_URL', local, silent), /^AMQP_URL: no RabbitMQ answers at /],
  ['a web server', at('AMQP_URL', local, web), /^AMQP_URL: no RabbitMQ answers at /],
  ['Redis', at('AMQP_URL', local, portOf('REDIS_URL')), /^AMQP_URL: no RabbitMQ answers at /],
  ['an unknown user', at('AMQP_URL', local, portOf('AMQP_URL')), /^AMQP_URL: .* refused the password of the user me\./],
  [
    'a missing virtual host',
    () => ({ AMQP_URL: new URL('/missing', on.right['AMQP_URL']).href }),
    /^AMQP_URL: .* has no virtual host missing,/,
  ],
  ...['configure', 'write', 'read'].map(
    (one): Case => [
      `no right to ${one}`,
      () => on.rabbitUser(`no-${one}`),
      /^AMQP_URL: the user no-\w+ lacks a right /,
    ],
  ),
];

const s3Cases: readonly Case[] = [
  ['no server', at('STORAGE_URL', local, closed), /^STORAGE_URL: .* cannot be reached \(ECONNREFUSED\)/],
  ['a host without a route', at('STORAGE_URL', nowhere, closed), /^STORAGE_URL: http:\/\/10\.255\.255\.1:1 /],
  ['a host without an address', at('STORAGE_URL', 'none.invalid', closed), /^STORAGE_URL: .* \(ENOTFOUND|EAI_AGAIN\)/],
  ['silence', at('STORAGE_URL', local, silent), /^STORAGE_URL: .* (?:does not answer|cannot be reached)/],
  ['a web server', at('STORAGE_URL', local, web), /^STORAGE_URL: .* it is no S3 server/],
  ['Redis', at('STORAGE_URL', local, portOf('REDIS_URL')), /^STORAGE_URL: /],
  [
    'a missing bucket',
    () => ({ STORAGE_URL: on.right['STORAGE_URL']?.replace(/test-\w+/, 'missing-bucket') ?? '' }),
    /^STORAGE_URL: there is no bucket missing-bucket at /,
  ],
  ['an unknown key', () => ({ STORAGE_ACCESS_KEY: password }), /^STORAGE_ACCESS_KEY: .* does not accept it/],
  ['another secret', () => ({ STORAGE_SECRET_KEY: password }), /^STORAGE_SECRET_KEY: .* refuses what it signs/],
  ['no right to write', () => on.s3User('none', []), /^STORAGE_ACCESS_KEY: .* does not let it write /],
  [
    'no right to delete',
    () => on.s3User('keeper', ['s3:PutObject', 's3:GetObject', 's3:ListBucket']),
    /^STORAGE_ACCESS_KEY: .* does not let it delete /,
  ],
];

const folderCases: readonly Case[] = [
  [
    '/proc',
    () => ({ DATA_DIR: '/proc/nothing' }),
    /^DATA_DIR: \/proc\/nothing\/staging cannot be written to \(ENOENT\)/,
  ],
  ['a file', () => ({ DATA_DIR: '/etc/hostname' }), /^DATA_DIR: .* cannot be written to \(ENOTDIR\)/],
];

describeEngine('s3', () => {
  beforeAll(async () => {
    on = await openRefusingEngines(folder.path);
    const { code, complaint } = await run({ ROLE: 'migrate', DATABASE_URL: on.migrated.url });
    expect(complaint).toBe('');
    expect(code).toBe(0);
  });
  afterAll(async () => {
    await on?.close();
    folder.remove();
  });

  const cases = { DATABASE_URL: mysqlCases, REDIS_URL: redisCases, AMQP_URL: rabbitCases, STORAGE_URL: s3Cases };
  for (const [setting, all] of Object.entries({ ...cases, DATA_DIR: folderCases })) {
    it.concurrent.each(all)(`${setting} leads to %s`, async (_what, settings, words) => {
      await expectRefusal(await settings(), words);
    });
  }

  it('tables of a newer version stop every role, by name', async () => {
    await on.migrated.run(
      "insert into kysely_migration (name, timestamp) values ('9999-of-a-newer-version', '2999-01-01T00:00:00.000Z')",
    );
    const roles = ['all', 'api', 'worker', 'migrate'].map((ROLE) =>
      expectRefusal({ ROLE, DATABASE_URL: on.migrated.url }, /^DATABASE_URL: .*9999-of-a-newer-version/),
    );
    await Promise.all(roles);
  });
});
