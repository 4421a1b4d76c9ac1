/** The engines of the stack that nobody has given an address of: private ones, started from the system's packages. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Engine, type EngineName, startMysql, startRabbitmq, startRedis, startS3 } from '../engines/index.ts';
import { loadConfig } from '../server/src/config/index.ts';
import type { Settings } from './server-process.ts';

type Start = (folder: string) => Promise<Engine>;

/** As in production, but for `activedefrag`, which Debian's Redis cannot do. */
const redisConf = fileURLToPath(new URL('../docker/redis.conf', import.meta.url));

const starts: readonly { readonly name: EngineName; readonly setting: string; readonly start: Start }[] = [
  { name: 'mysql', setting: 'DATABASE_URL', start: (folder) => startMysql({ folder }) },
  { name: 'redis', setting: 'REDIS_URL', start: (folder) => startRedis({ folder, configFile: redisConf }) },
  { name: 'rabbitmq', setting: 'AMQP_URL', start: (folder) => startRabbitmq({ folder }) },
  { name: 's3', setting: 'STORAGE_URL', start: (folder) => startS3({ folder }) },
];

/** The shape of what is not given, so that the rest can be checked beside it. */
const stand: Settings = {
  DATABASE_URL: 'mysql://root@127.0.0.1/tiktok',
  REDIS_URL: 'redis://127.0.0.1',
  AMQP_URL: 'amqp://127.0.0.1',
  STORAGE_URL: 's3://tiktok?endpoint=http://127.0.0.1',
  JWT_SECRET: 'x'.repeat(32),
};

/** Throws a ConfigError if the given settings are wrong by themselves, or no settings of the production form. */
export function checkGivenSettings(given: Settings): void {
  loadConfig({ environment: { ...stand, ...given, ROLE: 'api' }, workingDirectory: '/' });
}

/** Starts them all at once; rejects, with none of them left, if one cannot be started. */
export async function startMissingEngines(options: {
  readonly folder: string;
  readonly given: Settings;
  readonly progress: (text: string) => void;
}): Promise<Engine[]> {
  const { folder, given, progress } = options;
  const missing = starts.filter(({ setting }) => given[setting] === undefined);
  if (missing.length === 0) return [];
  progress(`starting ${missing.map(({ name }) => name).join(', ')}`);
  const running: Engine[] = [];
  try {
    await allStarted(
      missing.map(async ({ name, start }) => {
        running.push(await start(join(folder, name)));
      }),
    );
  } catch (error) {
    await Promise.all(running.map((engine) => engine.stop()));
    throw error;
  }
  return running;
}

/** Waits for all of them, also if one fails: then nothing is on its way any more that has to be ended. */
export async function allStarted(starting: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(starting)) {
    if (result.status === 'rejected') throw result.reason;
  }
}
