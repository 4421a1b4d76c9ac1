/** The server as a process of the stack, in one of its roles. */
import { startArguments } from '../scripts/start-command.ts';
import { loadConfig } from '../server/src/config/index.ts';
import { answersAt, createProcess, runToEnd, type StackProcess } from './process.ts';

export type Settings = Readonly<Record<string, string>>;

export type ServerProcess = StackProcess & {
  /** Where an api answers clients; nothing listens there in a worker. */
  readonly port: number;
  readonly url: string;
  /** Where metrics and profiles are. */
  readonly adminUrl: string;
};

type ServerParts = {
  readonly name: string;
  readonly port: number;
  readonly adminPort: number;
  /** Holds what it stages. */
  readonly folder: string;
  readonly settings: Settings;
  readonly onLine: (line: string) => void;
  readonly onEnd: (how: string) => void;
};

const path = '/usr/local/bin:/usr/bin:/bin';
/** Many statements, one by one; it waits for another that migrates as well. */
const migrateTimeoutMs = 120_000;

/** Throws a ConfigError if its settings are wrong. It is not started yet. */
export function createServerProcess(parts: ServerParts): ServerProcess {
  const { name, port, adminPort, folder } = parts;
  const environment: Settings = {
    PATH: path,
    HOST: '127.0.0.1',
    DATA_DIR: folder,
    ...parts.settings,
    // The balancer and whoever reads the metrics have to find it.
    PORT: String(port),
    ADMIN_PORT: String(adminPort),
    ADMIN_HOST: '127.0.0.1',
  };
  const { role } = loadConfig({ environment, workingDirectory: folder });
  const url = `http://127.0.0.1:${port}`;
  const adminUrl = `http://127.0.0.1:${adminPort}`;
  const one = createProcess({
    name,
    command: process.execPath,
    args: startArguments(),
    folder,
    environment,
    answers: () => answersAt(`${role === 'worker' ? adminUrl : url}/healthz`),
    onLine: parts.onLine,
    onEnd: parts.onEnd,
  });
  return {
    name,
    port,
    url,
    adminUrl,
    get pid() {
      return one.pid;
    },
    get running() {
      return one.running;
    },
    start: one.start,
    signal: one.signal,
    kill: one.kill,
    stop: one.stop,
  };
}

/** Brings the tables to their newest form; rejects with the last of what it said. */
export async function runMigration(parts: Pick<ServerParts, 'folder' | 'settings' | 'onLine'>): Promise<void> {
  const { folder, settings, onLine } = parts;
  const environment = { PATH: path, DATA_DIR: folder, ...settings, ROLE: 'migrate' };
  await runToEnd({
    name: 'migrate',
    command: process.execPath,
    args: startArguments(),
    folder,
    environment,
    onLine,
    timeoutMs: migrateTimeoutMs,
  });
}
