/** MariaDB, or MySQL where that is what is installed, as a private server. */
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { Engine, EngineOptions } from './engine.ts';
import { findProgram, freePorts, runProgram } from './programs.ts';
import { startServerEngine } from './server-engine.ts';

export type MysqlOptions = EngineOptions & {
  /** The databases that exist from the start; the first is that of the settings. */
  readonly databases?: readonly string[];
  /**
   * Whether an acknowledged commit survives a power cut, as in production: the default. Without, it is faster and survives
   * the end of the server's process all the same.
   */
  readonly durable?: boolean;
};

const debianPackage = 'mariadb-server';
const initialiseTimeoutMs = 60_000;
/** In the greeting, after its header of four bytes: the version of the protocol. An error has another byte there. */
const protocolVersionAt = 4;
const protocolVersion = 10;

const lessDurable = ['--innodb-flush-log-at-trx-commit=2', '--innodb-doublewrite=0', '--innodb-flush-method=nosync'];

/** Ready in 0.7 s, at 110 MB. Its user `root` has no password. Rejects with an EngineMissingError. */
export async function startMysql(options: MysqlOptions): Promise<Engine> {
  const { databases = ['tiktok'], durable = true } = options;
  const folder = resolve(options.folder);
  const path = findProgram(['mariadbd', 'mysqld'], debianPackage);
  const [anyPort = 0] = await freePorts(1);
  const port = options.port ?? anyPort;
  const data = join(folder, 'data');
  await mkdir(folder, { recursive: true });
  await initialise(path, data, folder);
  const initFile = join(folder, 'init.sql');
  const create = databases.map((name) => `CREATE DATABASE IF NOT EXISTS \`${name}\` CHARACTER SET utf8mb4;\n`);
  await writeFile(initFile, create.join(''));
  return await startServerEngine({
    name: 'mysql',
    port,
    folder,
    settings: { DATABASE_URL: `mysql://root@127.0.0.1:${port}/${databases[0]}` },
    commands: [
      {
        path,
        arguments: [
          '--no-defaults',
          ...asUser(),
          `--datadir=${data}`,
          `--tmpdir=${folder}`,
          `--port=${port}`,
          '--bind-address=127.0.0.1',
          '--skip-name-resolve',
          // Relative to the data, since the whole path of a socket must not be long.
          '--socket=server.sock',
          `--pid-file=${join(folder, 'server.pid')}`,
          `--init-file=${initFile}`,
          '--character-set-server=utf8mb4',
          '--max-connections=500',
          '--innodb-buffer-pool-size=64M',
          ...(durable ? ['--innodb-flush-log-at-trx-commit=1'] : lessDurable),
        ],
      },
    ],
    hello: '',
    isReady: (answer) => answer[protocolVersionAt] === protocolVersion,
  });
}

/** The server refuses to run as root unless it is told to. */
const asUser = (): string[] => (process.getuid?.() === 0 ? ['--user=root'] : []);

/** Makes an empty data folder whose root has no password. In `/tmp` another server that starts would remove its files. */
async function initialise(server: string, data: string, temporary: string): Promise<void> {
  const folders = [`--datadir=${data}`, `--tmpdir=${temporary}`];
  if (basename(server) === 'mysqld') {
    const args = ['--no-defaults', '--initialize-insecure', ...asUser(), ...folders];
    await runProgram(server, args, initialiseTimeoutMs);
    return;
  }
  const args = ['--auth-root-authentication-method=normal', '--skip-test-db', ...folders];
  const path = findProgram('mariadb-install-db', debianPackage);
  await runProgram(path, ['--no-defaults', ...asUser(), ...args], initialiseTimeoutMs);
}
