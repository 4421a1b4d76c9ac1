/** `npm run jobs` as a program, and the role that only makes tables. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Database, openSqlite } from '../src/db/index.ts';
import { outboxStore, userStore } from '../src/store/index.ts';
import { temporaryFolder } from './server.ts';
import { endProcess, spawnServer, startServerProcess } from './server-process.ts';

const program = fileURLToPath(new URL('../src/jobs-command.ts', import.meta.url));
const folder = temporaryFolder();
const path = join(folder.path, 'tiktok.sqlite');
let database: Database;
beforeAll(async () => {
  database = await openSqlite(path);
});
afterAll(async () => {
  await database.close();
  folder.remove();
});

/** A test that starts one process after the other, on a machine that has other things to do as well. */
const manyProcessesMs = 90_000;

type Ended = { readonly code: number | null; readonly said: string; readonly complained: string };

async function ended(child: ReturnType<typeof spawn>): Promise<Ended> {
  let said = '';
  let complained = '';
  child.stdout?.on('data', (chunk: Buffer) => (said += chunk.toString('utf8')));
  child.stderr?.on('data', (chunk: Buffer) => (complained += chunk.toString('utf8')));
  const [code]: unknown[] = await once(child, 'close');
  return { code: typeof code === 'number' ? code : null, said, complained };
}

const jobs = async (args: readonly string[], settings: Readonly<Record<string, string>> = {}): Promise<Ended> =>
  await ended(
    spawn(process.execPath, [program, ...args], {
      cwd: folder.path,
      env: { PATH: '/usr/bin:/bin', DATA_DIR: folder.path, ...settings },
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
  );

const row = { lane: 'quick', dedupe_key: null, lease_until: null, created_at: Date.now() - 7_200_000 } as const;
const insert = (...ids: number[]): Promise<void> =>
  database.transaction((trx) =>
    outboxStore.insertJobs(
      trx,
      ids.map((id) => ({
        ...row,
        id,
        name: 'blobs.erase',
        payload: `{"owner":"video","ownerId":${id}}`,
        state: 'dead' as const,
        run_at: 1,
        attempts: 20,
        last_error: 'no\u001b[31m way\nat all',
      })),
    ),
  );
const stateOf = async (id: number): Promise<string | undefined> =>
  (await outboxStore.findJob(database.reader, id))?.state;

it(
  'lists, shows, replays and discards what is dead, while a server runs',
  async () => {
    await insert(11, 12, 13);
    const [list, one] = await Promise.all([jobs(['list', '--dead']), jobs(['show', '12'])]);
    expect(list.code).toBe(0);
    expect(list.said).toMatch(
      /^JOB +NAME +STATE +ATTEMPTS +AGE +LAST ERROR\n11 +blobs\.erase +dead +20 +2 h +no \[31m way at all\n/,
    );
    expect(list.said).toContain('0 waiting or running, 3 dead');
    expect(one.said).toContain('{"owner":"video","ownerId":12}');
    expect(await jobs(['discard', '13'])).toMatchObject({ code: 0, said: '1 job removed\n' });
    expect(await stateOf(13)).toBe(undefined);
    expect(await jobs(['discard', '13'])).toMatchObject({ code: 1, complained: expect.stringMatching('no job 13') });
    const server = await startServerProcess(folder.path, { LOG_LEVEL: 'info' });
    expect(await jobs(['replay', '11'])).toMatchObject({ code: 0, said: '1 job will run again\n' });
    await vi.waitFor(async () => expect(await stateOf(11)).toBe(undefined), { timeout: 10_000 });
    expect(await jobs(['replay', 'all'])).toMatchObject({ code: 0, said: '1 job will run again\n' });
    await vi.waitFor(async () => expect(await stateOf(12)).toBe(undefined), { timeout: 10_000 });
    expect(await server.end('SIGTERM')).toBe(0);
  },
  manyProcessesMs,
);

it(
  'compares rows with files, waits for the server that does it, and repairs',
  async () => {
    const own = temporaryFolder();
    const at = { DATA_DIR: own.path };
    const made = await openSqlite(join(own.path, 'tiktok.sqlite'));
    const userId = 4_096;
    await made.transaction(async (trx) => {
      await userStore.insertUser(trx, { id: userId, name: 'a', nameKey: 'a', passwordHash: '', createdAt: 1 });
      await userStore.updateProfile(trx, userId, { avatar_key: `users/${userId}/gone.jpg` });
    });
    mkdirSync(join(own.path, 'media/users/1'), { recursive: true });
    writeFileSync(join(own.path, 'media/users/1/young.jpg'), 'x');
    expect(await jobs(['audit', '--last'], at)).toMatchObject({ code: 1, complained: 'there was no audit yet\n' });

    // Nobody is there to do it: it stays, and is told so.
    const alone = await jobs(['audit', '--wait', '1'], at);
    expect(alone).toMatchObject({ code: 1, complained: expect.stringContaining('npm run jobs -- audit --last') });
    expect(alone.said).toBe('Audit 1 was handed to the servers; waiting for it.\nAudit 1 waits for a server.\n');
    expect(await jobs(['audit', '--repair'], at)).toMatchObject({
      code: 1,
      complained: 'It was asked for without --repair. Ask again when it has ended.\n',
    });

    const server = await startServerProcess(own.path, { LOG_LEVEL: 'info' });
    const told = await jobs(['audit'], at);
    // Audit 1, or, if that has ended by now, the next one.
    expect(told.said.replaceAll(/Audit \d/g, 'Audit N')).toContain(
      [
        'Audit N: 0 videos and 1 user were compared with 1 file (1 B).',
        'Files that no row names: 0 (0 B).',
        'Rows that name files which are not there: 1.',
        `  user ${userId}: without the avatar; is named no more`,
        'Files that no row names, not judged because they are young: 1 (1 B).',
        'npm run jobs -- audit --repair deletes the files, and does with the rows what is said behind each.',
      ].join('\n'),
    );
    expect(told.code).toBe(1);
    const repaired = await jobs(['audit', '--repair'], at);
    expect(repaired).toMatchObject({ code: 0, complained: '' });
    expect(repaired.said).toContain('Rows that name files which are not there: 1, all repaired.\n');
    expect((await userStore.findUsers(made.reader, [userId]))[0]?.avatar_key).toBe(null);
    expect(await jobs(['audit', '--last'], at)).toMatchObject({
      code: 0,
      said: expect.stringContaining('all repaired'),
    });
    expect(server.lines.filter((line) => line.includes('rows and files were compared')).length).toBeGreaterThan(1);
    expect(await server.end('SIGTERM')).toBe(0);
    await made.close();
    own.remove();
  },
  manyProcessesMs,
);

it('does nothing to a job that is not dead', async () => {
  await insert(21);
  await database.transaction((trx) => outboxStore.reviveJob(trx, 21, Date.now() + 3_600_000));
  for (const verb of ['replay', 'discard']) {
    expect(await jobs([verb, '21'])).toMatchObject({
      code: 1,
      complained: expect.stringMatching('not dead but waiting'),
    });
  }
  expect(await stateOf(21)).toBe('pending');
});

it('explains itself, and what it does not understand', async () => {
  const help = await jobs(['--help']);
  expect(help).toMatchObject({ code: 0, said: expect.stringMatching(/^Usage: npm run jobs -- list/), complained: '' });
  const wrong = [
    [],
    ['remove', '1'],
    ['show'],
    ['show', 'x'],
    ['replay', '1', '2'],
    ['list', '--limit', '0'],
    ['list', 'x'],
    ['audit', 'x'],
    ['audit', '--wait', '0'],
    ['audit', '--last', '--repair'],
  ];
  const answers = await Promise.all(wrong.map((args) => jobs(args)));
  for (const { code, said, complained } of answers) {
    expect([code, said]).toEqual([2, '']);
    expect(complained).toContain('Usage: npm run jobs');
  }
});

it('makes no database where there is none, and names a setting that is wrong', async () => {
  const nowhere = join(folder.path, 'nowhere');
  const without = await jobs(['list'], { DATA_DIR: nowhere });
  expect(without).toMatchObject({
    code: 1,
    complained: expect.stringMatching(/^DATA_DIR: there is no database[^\n]*\n$/),
  });
  expect(existsSync(nowhere)).toBe(false);
  expect(await jobs(['list'], { PORT: 'x' })).toMatchObject({ code: 2, complained: expect.stringMatching(/^PORT /) });
});

it('shows the rows also when the broker cannot be asked', async () => {
  const { code, said } = await jobs(['list'], { AMQP_URL: 'amqp://guest:s3cret@127.0.0.1:1' });
  expect(code).toBe(0);
  expect(said).toContain('Dead letters at RabbitMQ cannot be shown. AMQP_URL: no RabbitMQ answers at 127.0.0.1:1');
  expect(said).not.toContain('s3cret');
});

describe('ROLE=migrate', () => {
  const migrate = async (dataDir: string): Promise<Ended> =>
    await ended(spawnServer(dataDir, { ROLE: 'migrate', LOG_FORMAT: 'json' }));

  it('makes the tables, says so in one line and ends with 0, again and again', async () => {
    const own = temporaryFolder();
    for (let round = 0; round < 2; round += 1) {
      const { code, said, complained } = await migrate(own.path);
      expect([code, complained]).toEqual([0, '']);
      expect(said).toMatch(/^[^\n]*is up to date"[^\n]*\n$/);
    }
    const made = await openSqlite(join(own.path, 'tiktok.sqlite'));
    await made.ping();
    await made.close();
    own.remove();
  });

  it('does not touch what a server is using', async () => {
    const own = temporaryFolder();
    const server = await startServerProcess(own.path);
    expect(await migrate(own.path)).toMatchObject({
      code: 1,
      complained: expect.stringMatching(/^DATA_DIR: .* in use/),
    });
    expect(await endProcess(server.child, 'SIGTERM')).toBe(0);
    own.remove();
  });
});
