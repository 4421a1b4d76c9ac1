/** One process of the product, as `npm start` runs it, which can be killed, paused and started again on the same port. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { residentBytes } from '../bench/process-figures.ts';
import { stopProcess, waitFor } from '../bench/resources.ts';
import { startArguments } from '../scripts/start-command.ts';

/** Of patience: on a busy machine the engines and three processes start at once. */
const startTimeoutMs = 120_000;
const lookEveryMs = 20;
/** How the line of the log begins that every role writes when it has started. */
const readyText = '"msg":"ready ';
const startAgainTimeoutMs = 180_000;
const startAgainEveryMs = 300;
const shownLogCharacters = 2_000;

/** Few users who do much: limits per user are not what is looked at here. */
const settingsOfAll = {
  LOG_FORMAT: 'json',
  DEMO: 'off',
  RATE_LIMIT: 'off',
  MEDIA_PRIORITY: 'normal',
  VIDEO_ENCODER: 'libx264',
  UPLOADS_PER_USER: '16',
  UPLOADS_TOTAL: '32',
};

export type ProcessOptions = {
  readonly name: string;
  /** Its data; made if it is not there. */
  readonly folder: string;
  /** Where its logs go, one for each start; made if it is not there. */
  readonly logs: string;
  readonly settings: Readonly<Record<string, string>>;
};

export class ServerProcess {
  readonly name: string;
  readonly #options: ProcessOptions;
  #starts = 0;
  /** That of the present start alone. */
  #logPath = '';
  #child: ChildProcess | undefined;
  /** Those that have started and were not ended from here. */
  readonly #atWork = new WeakSet<ChildProcess>();
  /** How it ended although nobody here ended it. */
  readonly #ownEnds: string[] = [];

  constructor(options: ProcessOptions) {
    this.name = options.name;
    this.#options = options;
    mkdirSync(options.folder, { recursive: true });
    mkdirSync(options.logs, { recursive: true });
  }

  /** Starts it; resolves when it says that it is ready. */
  async start(): Promise<void> {
    const { folder, logs, name } = this.#options;
    this.#starts += 1;
    this.#logPath = join(logs, `${name.replace(' ', '-')}-${this.#starts}.log`);
    const log = openSync(this.#logPath, 'w');
    const child = spawn(process.execPath, startArguments(), {
      // Away from the repository, so that a settings file there changes nothing.
      cwd: folder,
      env: environmentOf(this.#options),
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    this.#child = child;
    child.once('exit', (code, signal) => {
      if (this.#atWork.has(child))
        this.#ownEnds.push(`${this.name} ended by itself (${code ?? signal}): ${this.#tail()}`);
    });
    await waitFor(`the start of ${this.name}`, startTimeoutMs, lookEveryMs, () => {
      if (child.exitCode !== null || child.signalCode !== null) {
        this.#child = undefined;
        throw new Error(`${this.name} did not start: ${this.#tail()}`);
      }
      return readFileSync(this.#logPath, 'utf8').includes(readyText) ? true : undefined;
    });
    this.#atWork.add(child);
  }

  /** Starts it as a supervisor does: again and again, since without its engines it says so and ends. */
  async startAgain(): Promise<void> {
    await waitFor(`another start of ${this.name}`, startAgainTimeoutMs, startAgainEveryMs, async () => {
      try {
        await this.start();
        return true;
      } catch (error) {
        if (this.#child === undefined) return undefined;
        throw error;
      }
    });
  }

  /** SIGKILL; resolves when it is gone. */
  async kill(): Promise<void> {
    const child = this.#release();
    if (child === undefined) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  /** SIGSTOP: connections stay, nothing answers. */
  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  /** SIGCONT. */
  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  /** Stops it in the orderly way. */
  async stop(): Promise<void> {
    const child = this.#release();
    if (child !== undefined) await stopProcess(child);
  }

  /** For the way out, where nothing can be waited for. */
  killNow(): void {
    this.#release()?.kill('SIGKILL');
  }

  /** How it ended although nobody ended it, and forgets it. */
  takeOwnEnds(): string[] {
    return this.#ownEnds.splice(0);
  }

  /** Its data. */
  get folder(): string {
    return this.#options.folder;
  }

  /** Undefined while it does not run. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Undefined while it does not run. */
  residentBytes(): number | undefined {
    return this.pid === undefined ? undefined : residentBytes(this.pid);
  }

  #release(): ChildProcess | undefined {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined) return undefined;
    this.#atWork.delete(child);
    return child.exitCode !== null || child.signalCode !== null ? undefined : child;
  }

  #tail(): string {
    return readFileSync(this.#logPath, 'utf8').slice(-shownLogCharacters);
  }
}

/** Runs the product in a role that ends by itself; rejects with what it said if that is a failure. */
export async function runServerToEnd(options: Pick<ProcessOptions, 'folder' | 'settings'>): Promise<void> {
  mkdirSync(options.folder, { recursive: true });
  const child = spawn(process.execPath, startArguments(), {
    cwd: options.folder,
    env: { ...environmentOf(options), PORT: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: startTimeoutMs,
    killSignal: 'SIGKILL',
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      said = `${said}${chunk.toString('utf8')}`.slice(-shownLogCharacters);
    });
  }
  await once(child, 'close');
  if (child.exitCode !== 0) throw new Error(`the migration failed (${child.exitCode ?? child.signalCode}): ${said}`);
}

function environmentOf({ folder, settings }: Pick<ProcessOptions, 'folder' | 'settings'>): Record<string, string> {
  const { PATH = '' } = process.env;
  return { PATH, DATA_DIR: folder, ...settingsOfAll, ...settings };
}
