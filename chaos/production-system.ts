/** The production form: two api processes and a worker on real engines, one of the apis behind ways that can be cut. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import {
  type BucketAddress,
  type Engine,
  type EngineName,
  startMysql,
  startProxy,
  startRabbitmq,
  startRedis,
  startS3,
} from '../engines/index.ts';
import { freePorts } from '../engines/programs.ts';
import { firstApi, type ProductionParts, productionFaults, type Ways } from './production-faults.ts';
import { runServerToEnd, ServerProcess } from './server-process.ts';
import { bindFaults, newApi, type System } from './system.ts';
import { mysqlTables } from './tables.ts';

type Settings = Readonly<Record<string, string>>;

/** Debian's packages of the engines, whose versions go into the report. */
const packages = {
  MySQL: 'mariadb-server',
  Redis: 'redis-server',
  RabbitMQ: 'rabbitmq-server',
  S3: 'radosgw',
} as const;

/** Everything of it lies in `folder`; logs may lie elsewhere, to stay. */
export async function startProductionSystem(folder: string, logs: string = join(folder, 'logs')): Promise<System> {
  const closers: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    for (const one of closers.splice(0).reverse()) await one();
  };
  try {
    const parts = await startParts(folder, logs, closers);
    const { apis, processes, databaseUrl } = parts;
    return {
      mode: 'production',
      apis: apis.map(({ api }) => api),
      processes,
      tables: mysqlTables(databaseUrl),
      bucket: bucketOf(parts.engines.s3),
      faults: bindFaults(productionFaults, parts),
      versions: Object.fromEntries(Object.entries(packages).map(([name, id]) => [name, versionOf(id)])),
      close,
      // Engines end with this process by themselves.
      closeNow: () => {
        for (const process of processes) process.killNow();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function startParts(
  folder: string,
  logs: string,
  closers: (() => Promise<unknown>)[],
): Promise<ProductionParts & { readonly processes: readonly ServerProcess[]; readonly databaseUrl: string }> {
  const started = await Promise.allSettled([
    startMysql({ folder: join(folder, 'mysql') }),
    startRedis({ folder: join(folder, 'redis') }),
    startRabbitmq({ folder: join(folder, 'rabbitmq') }),
    startS3({ folder: join(folder, 's3') }),
  ]);
  for (const one of started) if (one.status === 'fulfilled') closers.push(() => one.value.stop());
  const [mysql, redis, rabbitmq, s3] = started.map((one): Engine => {
    if (one.status === 'rejected') throw one.reason;
    return one.value;
  });
  if (mysql === undefined || redis === undefined || rabbitmq === undefined || s3 === undefined) {
    throw new Error('an engine is missing');
  }
  const engines: Readonly<Record<EngineName, Engine>> = { mysql, redis, rabbitmq, s3 };
  const ways: Ways = {
    mysql: await startProxy({ target: mysql.port }),
    redis: await startProxy({ target: redis.port }),
    rabbitmq: await startProxy({ target: rabbitmq.port }),
    s3: await startProxy({ target: s3.port }),
  };
  closers.push(() => Promise.all(Object.values(ways).map((way) => way.stop())));

  const all = Object.values(engines);
  const settings: Settings = {
    ...Object.fromEntries(all.flatMap((engine) => Object.entries(engine.settings))),
    JWT_SECRET: randomBytes(32).toString('hex'),
  };
  /** The same settings, by the ways that can be cut. */
  const byWays = Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [
      name,
      all.reduce(
        (text, { name: of, port }) => text.replaceAll(`127.0.0.1:${port}`, `127.0.0.1:${ways[of].port}`),
        value,
      ),
    ]),
  );
  await runServerToEnd({ folder: join(folder, 'migrate'), settings: { ...settings, ROLE: 'migrate' } });

  const [onePort = 0, otherPort = 0] = await freePorts(2);
  const start = async (name: string, role: 'api' | 'worker', port: number, own: Settings): Promise<ServerProcess> => {
    const process = new ServerProcess({
      name,
      folder: join(folder, name.replace(' ', '-')),
      logs,
      settings: { ...own, ROLE: role, PORT: String(port) },
    });
    closers.push(() => process.stop());
    await process.start();
    return process;
  };
  const one = await start(firstApi, 'api', onePort, byWays);
  const other = await start('api 2', 'api', otherPort, settings);
  const worker = await start('worker', 'worker', 0, settings);
  const apis = [
    { api: newApi(one.name, onePort), process: one },
    { api: newApi(other.name, otherPort), process: other },
  ] as const;
  closers.push(async () => {
    for (const { api } of apis) api.agent.destroy();
  });
  for (const [name, way] of Object.entries(ways)) {
    if (way.takenBytes === 0) throw new Error(`${one.name} does not reach ${name} by the way that can be cut`);
  }
  const databaseUrl = settings['DATABASE_URL'] ?? '';
  const amqpUrl = settings['AMQP_URL'] ?? '';
  return { engines, ways, apis, worker, processes: [one, other, worker], databaseUrl, amqpUrl };
}

function bucketOf({ settings }: Engine): BucketAddress {
  const storage = new URL(settings['STORAGE_URL'] ?? '');
  return {
    endpoint: storage.searchParams.get('endpoint') ?? '',
    accessKey: settings['STORAGE_ACCESS_KEY'] ?? '',
    secretKey: settings['STORAGE_SECRET_KEY'] ?? '',
    bucket: storage.host,
  };
}

function versionOf(debianPackage: string): string {
  try {
    const version = execFileSync('dpkg-query', ['-W', debianPackage], { encoding: 'utf8' });
    return version.trim().replaceAll(/\s+/g, ' ');
  } catch {
    return debianPackage;
  }
}
