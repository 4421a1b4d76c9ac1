/**
 * Starts the engines that the project `production` needs, once for a run and all at the same time, and says in the
 * environment where they are. One whose address is given there already is taken as it is; it must be for one run at a time.
 */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Engine,
  EngineMissingError,
  type EngineName,
  startMysql,
  startRabbitmq,
  startRedis,
  startS3,
} from '../../engines/index.ts';
import { engineVariables } from '../../scripts/test-projects.ts';
import { nameOf, slotsFolderVariable, spareSlot } from './slots.ts';

type Start = (folder: string) => Promise<Engine>;

const starts: Readonly<Record<EngineName, Start>> = {
  // Nobody pulls the plug of a test: what it commits need not survive that.
  mysql: (folder) => startMysql({ folder, durable: false }),
  redis: (folder) => startRedis({ folder }),
  rabbitmq: (folder) =>
    startRabbitmq({ folder, vhosts: Array.from({ length: spareSlot + 1 }, (_, slot) => nameOf(slot)) }),
  s3: (folder) => startS3({ folder }),
};

export default async function setUp(): Promise<() => Promise<void>> {
  removeLeftovers();
  const run = mkdtempSync(join(tmpdir(), `${folderPrefix}${process.pid}-`));
  const engines: Engine[] = [];
  const startOne = async (name: EngineName): Promise<void> => {
    if (process.env[engineVariables[name]] !== undefined) return;
    try {
      const engine = await starts[name](join(run, name));
      engines.push(engine);
      process.env[engineVariables[name]] = testUrlOf(engine);
    } catch (error) {
      // Its suites say that they are not run, or fail in continuous integration.
      if (!(error instanceof EngineMissingError)) throw error;
    }
  };
  const tearDown = async (): Promise<void> => {
    await Promise.all(engines.map((engine) => engine.stop()));
    rmSync(run, { recursive: true, force: true });
  };
  process.env[slotsFolderVariable] = run;
  const names: readonly EngineName[] = ['mysql', 'redis', 'rabbitmq', 's3'];
  const failed = (await Promise.allSettled(names.map(startOne))).find(({ status }) => status === 'rejected');
  if (failed?.status !== 'rejected') return tearDown;
  await tearDown();
  throw failed.reason;
}

const folderPrefix = 'tiktok-server-engines-';

/** Folders of runs that were killed: their engines went with them, their files did not. */
function removeLeftovers(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = name.startsWith(folderPrefix) ? /^\d+/.exec(name.slice(folderPrefix.length))?.[0] : undefined;
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue;
    rmSync(join(tmpdir(), name), { recursive: true, force: true });
  }
}

/** The address in the form of the variables for tests: of S3, keys and endpoint in one. */
function testUrlOf({ name, port, settings }: Engine): string {
  const given = (setting: string): string => settings[setting] ?? '';
  switch (name) {
    case 'mysql':
      return given('DATABASE_URL');
    case 'redis':
      return given('REDIS_URL');
    case 'rabbitmq':
      return given('AMQP_URL');
    case 's3':
      return `http://${given('STORAGE_ACCESS_KEY')}:${given('STORAGE_SECRET_KEY')}@127.0.0.1:${port}`;
  }
}
