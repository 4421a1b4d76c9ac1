/** The server as `npm start` runs it, in a process of its own. */
import { type ChildProcess, execFileSync } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { get } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { startArguments } from '../scripts/start-command.ts';
import { cpuTimeMs } from './process-figures.ts';
import { type Resources, stopProcess, waitFor } from './resources.ts';

const startTimeoutMs = 60_000;
const pollEveryMs = 10;
/** Thirty videos of the feed, each of which gets its renditions. */
const drainTimeoutMs = 5 * 60_000;
/** Jobs that are due later than this are planned (the end of replaced files, a day later); a retry comes earlier. */
const soonMs = 15 * 60_000;

export type ServerProcess = {
  readonly pid: number;
  readonly url: string;
  /** From the start of the process to the first 200 of /healthz, in milliseconds. */
  readonly answeringMs: number;
  /** CPU time that it had used by then, in milliseconds; undefined where nobody can say. */
  readonly cpuMs: number | undefined;
  /** From the start of the process until its last line of starting could be read in the log, in milliseconds. */
  readonly announcedMs: number;
  /** What that line says of the tools. */
  readonly tools: { readonly ffmpeg: string; readonly ffmpegVersion: string };
  /** Resolves when every background job of the server is done: no row of its outbox is due within the next 15 minutes. */
  drained(): Promise<void>;
  /** Stops in the orderly way and checks that it ended well. */
  stop(): Promise<void>;
};

/** As on a machine where it never ran: Node finds nothing that it compiled before, and keeps nothing. */
export const neverRan = { NODE_DISABLE_COMPILE_CACHE: '1' } as const;

/** Starts a program with its threads on one core, where the machine can do that. */
export function pinned(core: number | undefined, args: readonly string[]): [string, string[]] {
  return core === undefined
    ? [process.execPath, [...args]]
    : ['taskset', ['-c', String(core), process.execPath, ...args]];
}

/**
 * Starts the server on `dataDir` with the settings of production but for what is given, its log (level info, a line per
 * request) to a file, and waits until it is ready.
 */
export async function startServer(
  resources: Resources,
  options: {
    readonly dataDir: string;
    readonly settings?: Readonly<Record<string, string>>;
    readonly core?: number | undefined;
    readonly nodeArguments?: readonly string[];
  },
): Promise<ServerProcess> {
  const port = await freePort();
  const logPath = join(options.dataDir, '..', `server-${port}.log`);
  const log = openSync(logPath, 'w');
  const [command, args] = pinned(options.core, [...(options.nodeArguments ?? []), ...startArguments()]);
  const startedAt = performance.now();
  const child = resources.spawn(command, args, {
    // Away from the repository, so that a .env file there changes nothing.
    cwd: resources.root,
    env: { ...systemEnvironment(), DATA_DIR: options.dataDir, PORT: String(port), ...options.settings },
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const url = `http://127.0.0.1:${port}`;
  const look = <T>(what: string, found: () => Promise<T | undefined> | T | undefined): Promise<T> =>
    waitFor(what, startTimeoutMs, pollEveryMs, () => {
      if (hasEnded(child)) {
        const end = child.exitCode ?? child.signalCode ?? 'no process';
        throw new Error(`the server did not start (${end}): ${readFileSync(logPath, 'utf8').slice(-1_000)}`);
      }
      return found();
    });
  const answeringMs = await look('the first answer', async () =>
    (await answersWell(`${url}/healthz`)) ? performance.now() - startedAt : undefined,
  );
  const { pid } = child;
  if (pid === undefined) throw new Error('the server has no process id');
  const cpuMs = cpuTimeMs(pid);
  const tools = await look('the line that says that it is ready', () => readyLine(readFileSync(logPath, 'utf8')));
  const announcedMs = performance.now() - startedAt;
  return {
    pid,
    url,
    answeringMs,
    cpuMs,
    announcedMs,
    tools,
    drained: () => drained(join(options.dataDir, 'tiktok.sqlite')),
    stop: async () => {
      await stopProcess(child);
      if (child.exitCode !== 0) {
        throw new Error(
          `the server ended with ${child.exitCode ?? child.signalCode}: ${readFileSync(logPath, 'utf8').slice(-1_000)}`,
        );
      }
    },
  };
}

/** No setting of whoever runs the bench, only what programs are found by. */
function systemEnvironment(): Record<string, string> {
  const { PATH = '', HOME = '', TMPDIR } = process.env;
  return { PATH, HOME, ...(TMPDIR !== undefined && { TMPDIR }) };
}

const hasEnded = (child: ChildProcess): boolean =>
  child.exitCode !== null || child.signalCode !== null || child.pid === undefined;

/** One that nobody listens on at this moment. */
export async function freePort(): Promise<number> {
  const server = createServer();
  return await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (typeof address === 'object' && address !== null) resolve(address.port);
        else reject(new Error('no free port'));
      });
    });
  });
}

async function answersWell(url: string): Promise<boolean> {
  return await new Promise((resolve) => {
    const request = get(url, { agent: false, timeout: 1_000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.once('error', () => resolve(false));
    request.once('timeout', () => request.destroy());
  });
}

function readyLine(log: string): ServerProcess['tools'] | undefined {
  const line = log.split('\n').find((one) => one.includes('"msg":"ready at '));
  if (line === undefined) return undefined;
  const { ffmpeg, ffmpegVersion }: Record<string, unknown> = JSON.parse(line);
  return { ffmpeg: String(ffmpeg), ffmpegVersion: String(ffmpegVersion) };
}

/** Reads beside the server, which writes: its journal (WAL) allows that. */
async function drained(databasePath: string): Promise<void> {
  const database = new DatabaseSync(databasePath, { readOnly: true });
  try {
    const pending = database.prepare("select count(*) as jobs from outbox where state = 'pending' and run_at < ?");
    await waitFor('the background jobs', drainTimeoutMs, 50, () =>
      pending.get(Date.now() + soonMs)?.['jobs'] === 0 ? true : undefined,
    );
  } finally {
    database.close();
  }
}

/** The version of SQLite that wrote a database, from the file's own header; the server must have been stopped. */
export function sqliteVersionOf(databasePath: string): string {
  const number = readFileSync(databasePath).readUInt32BE(96);
  return `${Math.floor(number / 1_000_000)}.${Math.floor(number / 1_000) % 1_000}.${number % 1_000}`;
}

/** Whether programs can be tied to a core here, and there is one for the server and one for who measures. */
export function canPin(cores: number): boolean {
  if (cores < 2) return false;
  try {
    execFileSync('taskset', ['-c', '0', 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
