/**
 * The production form on one machine: private engines, the tables, several api processes behind a balancer, workers. For
 * development (`npm run stack`) and for whoever has to kill its parts: tests, `npm run chaos`, the bench.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Engine } from '../engines/index.ts';
import { freePorts } from '../engines/programs.ts';
import { findNginx, inUrl, startBalancer } from './balancer.ts';
import { allStarted, checkGivenSettings, startMissingEngines } from './missing-engines.ts';
import type { StackProcess } from './process.ts';
import { createServerProcess, runMigration, type ServerProcess, type Settings } from './server-process.ts';

export type StackOptions = {
  /** Holds what this run needs; removed at its end, with the data of private engines. */
  readonly folder: string;
  /** Api processes; 2 without it. */
  readonly apis?: number;
  /** Worker processes; 1 without it. */
  readonly workers?: number;
  /** Where the balancer listens; without them 127.0.0.1, and any free port. */
  readonly host?: string;
  readonly port?: number;
  /**
   * Settings of every process. An engine is started for each of DATABASE_URL, REDIS_URL, AMQP_URL and STORAGE_URL that is
   * not here: whoever has servers, or wants a proxy in the way, gives the address.
   */
  readonly settings?: Settings;
  /** Settings of one process (`api-1`, `worker-1`), which win. */
  readonly settingsOf?: (process: string) => Settings;
  /** With `embedded`, each api is a whole server with engines of its own inside: nothing is started beside them. */
  readonly form?: 'production' | 'embedded';
  /** What is being done, for a person who waits. */
  readonly onProgress?: (text: string) => void;
  /** Each line of a process. */
  readonly onLine?: (process: string, line: string) => void;
  /** A process ended that nobody had asked to. It is not started again. */
  readonly onEnd?: (process: string, how: string) => void;
};

export type Stack = {
  /** The site, through the balancer. */
  readonly url: string;
  readonly balancer: StackProcess;
  readonly apis: readonly ServerProcess[];
  readonly workers: readonly ServerProcess[];
  /** Those that were started here. */
  readonly engines: readonly Engine[];
  /** The settings that all processes share, those of the engines included. */
  readonly settings: Settings;
  /** Ends the balancer, then the processes, then the engines, and removes the folder. */
  stop(): Promise<void>;
};

/** More processes would not fit on one machine. */
export const maxProcesses = 15;

/**
 * Starts everything, and resolves when the balancer answers. Rejects with a ConfigError for a setting that is wrong, with
 * an EngineMissingError for a program that is not installed; then nothing is left running.
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const folder = resolve(options.folder);
  const { apis: apiCount = 2, workers: workerCount = 1, host = '127.0.0.1', form = 'production' } = options;
  const progress = options.onProgress ?? (() => undefined);
  const closers: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  const production = form === 'production';
  const given = options.settings ?? {};
  // What is wrong is said before anything takes time.
  findNginx();
  if (production) checkGivenSettings(given);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  closers.push(() => rm(folder, { recursive: true, force: true }));
  try {
    const engines = production ? await startMissingEngines({ folder, given, progress }) : [];
    closers.push(() => Promise.all(engines.map((engine) => engine.stop())));
    const settings: Settings = {
      TRUST_PROXY: '1',
      LOG_FORMAT: 'json',
      // As long as the engines live.
      JWT_SECRET: randomBytes(32).toString('hex'),
      ...Object.fromEntries(engines.flatMap((engine) => Object.entries(engine.settings))),
      ...given,
    };
    const [balancerPort = 0, ...ports] = await freePorts(1 + 2 * (apiCount + workerCount));
    const create = (role: 'api' | 'worker', number: number): ServerProcess => {
      const name = `${role}-${number}`;
      const [port = 0, adminPort = 0] = ports.splice(0, 2);
      return createServerProcess({
        name,
        port,
        adminPort,
        folder: join(folder, name),
        settings: { ROLE: production ? role : 'all', ...settings, ...options.settingsOf?.(name) },
        onLine: (line) => options.onLine?.(name, line),
        onEnd: (how) => options.onEnd?.(name, how),
      });
    };
    const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);
    const apis = numbers(apiCount).map((number) => create('api', number));
    const workers = numbers(workerCount).map((number) => create('worker', number));

    if (production) {
      progress('making the tables');
      const onLine = (line: string): void => options.onLine?.('migrate', line);
      await runMigration({ folder: join(folder, 'migrate'), settings, onLine });
    }
    const processes = [...apis, ...workers];
    progress(`starting ${processes.map(({ name }) => name).join(', ')}`);
    closers.push(() => Promise.all(processes.map((one) => one.stop())));
    await allStarted(processes.map((one) => one.start()));

    const port = options.port ?? balancerPort;
    const balancer = await startBalancer({
      folder: join(folder, 'balancer'),
      host,
      port,
      apiPorts: apis.map((api) => api.port),
      onLine: (line) => options.onLine?.('balancer', line),
      onEnd: (how) => options.onEnd?.('balancer', how),
    });
    closers.push(() => balancer.stop());
    const shownHost = host === '0.0.0.0' || host === '::' ? 'localhost' : inUrl(host);
    return { url: `http://${shownHost}:${port}`, balancer, apis, workers, engines, settings, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
