/** Redis 7 as a private server. */
import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Engine, EngineOptions } from './engine.ts';
import { findProgram, freePorts } from './programs.ts';
import { startServerEngine } from './server-engine.ts';

export type RedisOptions = EngineOptions & {
  /**
   * A redis.conf, whose port, addresses and folder are replaced. Without it, nothing is written to the disk: a server that
   * was killed comes back empty.
   */
  readonly configFile?: string;
};

/** Numbers that `SELECT` takes: a test takes one for itself. */
const databases = 64;

/** Ready in 0.1 s, at 10 MB. Rejects with an EngineMissingError. */
export async function startRedis(options: RedisOptions): Promise<Engine> {
  const { configFile } = options;
  const folder = resolve(options.folder);
  const path = findProgram('redis-server', 'redis-server');
  const [anyPort = 0] = await freePorts(1);
  const port = options.port ?? anyPort;
  await mkdir(folder, { recursive: true });
  return await startServerEngine({
    name: 'redis',
    port,
    folder,
    settings: { REDIS_URL: `redis://127.0.0.1:${port}` },
    commands: [
      {
        path,
        arguments: [
          ...(configFile === undefined ? [] : [resolve(configFile)]),
          ...['--port', String(port), '--bind', '127.0.0.1', '--dir', folder],
          // In the foreground, as our child, with its log where ours is.
          ...['--daemonize', 'no', '--supervised', 'no', '--pidfile', '', '--logfile', '', '--unixsocket', ''],
          ...(configFile === undefined ? ['--databases', String(databases), '--save', '', '--appendonly', 'no'] : []),
        ],
      },
    ],
    hello: 'PING\r\n',
    // A password that is asked for is an answer as well. While it reads its files it says -LOADING.
    isReady: (answer) => /^(?:\+PONG|-NOAUTH)/.test(answer.toString('latin1')),
  });
}
