/** A long-lived program of the stack: started, watched until it answers, and ended or killed and started again. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { findProgram } from '../engines/programs.ts';

export type StackProcess = {
  /** Such as `api-1`. */
  readonly name: string;
  /** Undefined while it does not run. */
  readonly pid: number | undefined;
  readonly running: boolean;
  /** Starts it on the same ports as before; resolves when it answers, rejects with the last of what it said. */
  start(): Promise<void>;
  /** Sends a signal, such as SIGSTOP; nothing happens if it does not run. */
  signal(signal: NodeJS.Signals): void;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** Asks it to end, and kills it if it takes too long; resolves with its exit code, null after a signal. */
  stop(): Promise<number | null>;
};

export type ProcessParts = {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly folder: string;
  /** All that it gets. */
  readonly environment: Readonly<Record<string, string>>;
  /** Resolves with true once it can be used. */
  readonly answers: () => Promise<boolean>;
  /** Each line that it writes, to standard output or error. */
  readonly onLine: (line: string) => void;
  /** What asks it to end in an orderly way. */
  readonly stopSignal?: NodeJS.Signals;
  /** It ended, and nobody here had asked for it. */
  readonly onEnd: (how: string) => void;
};

/** From the start to the first answer: many processes start at once, on a machine that starts engines as well. */
const startTimeoutMs = 60_000;
const pollEveryMs = 25;
/** More than the 20 s of SHUTDOWN_TIMEOUT: whoever takes longer has been told to be quicker. */
const stopTimeoutMs = 25_000;
/** Of what a process said before it failed to start. */
const maxLastLines = 5;

const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

export function createProcess(parts: ProcessParts): StackProcess {
  let child: ChildProcess | undefined;
  const current = (): ChildProcess | undefined => (child === undefined || hasEnded(child) ? undefined : child);
  const expected = new WeakSet<ChildProcess>();

  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    const one = current();
    if (one === undefined) return child?.exitCode ?? null;
    expected.add(one);
    const exited = once(one, 'exit');
    one.kill(signal);
    // A process that is paused takes no other signal than SIGKILL.
    if (signal !== 'SIGKILL') one.kill('SIGCONT');
    const late = setTimeout(() => one.kill('SIGKILL'), stopTimeoutMs);
    await exited;
    clearTimeout(late);
    return one.exitCode;
  };

  const start = async (): Promise<void> => {
    if (current() !== undefined) return;
    const { child: one, lastLines } = await launch(parts);
    child = one;
    const complaint = (why: string): Error => complain(`${parts.name} did not start (${why})`, lastLines);
    const deadlineMs = performance.now() + startTimeoutMs;
    while (!(await parts.answers().catch(() => false))) {
      if (hasEnded(one)) throw complaint(howItEnded(one));
      if (performance.now() > deadlineMs) {
        await end('SIGKILL');
        throw complaint(`no answer within ${startTimeoutMs} ms`);
      }
      await wait(pollEveryMs);
    }
    one.once('exit', () => {
      if (!expected.has(one)) parts.onEnd(howItEnded(one));
    });
  };

  return {
    name: parts.name,
    get pid() {
      return current()?.pid;
    },
    get running() {
      return current() !== undefined;
    },
    start,
    signal: (signal) => {
      current()?.kill(signal);
    },
    kill: async () => {
      await end('SIGKILL');
    },
    stop: () => end(parts.stopSignal ?? 'SIGTERM'),
  };
}

/** Runs a program that ends by itself; rejects with the last of what it said if that is a failure, or takes too long. */
export async function runToEnd(
  parts: Omit<ProcessParts, 'answers' | 'onEnd' | 'stopSignal'> & { readonly timeoutMs: number },
): Promise<void> {
  const { child, lastLines } = await launch(parts);
  const late = setTimeout(() => child.kill('SIGKILL'), parts.timeoutMs);
  try {
    // Then everything that it wrote has been read.
    await once(child, 'close');
  } finally {
    clearTimeout(late);
  }
  if (child.exitCode !== 0) throw complain(`${parts.name} failed (${howItEnded(child)})`, lastLines);
}

type Launched = { readonly child: ChildProcess; readonly lastLines: readonly string[] };

/**
 * In a process group of its own, since Ctrl+C is for the stack, which then ends everything in order; and asked to end by the
 * kernel when this process is gone, however that came.
 */
async function launch(
  parts: Pick<ProcessParts, 'command' | 'args' | 'folder' | 'environment' | 'onLine'>,
): Promise<Launched> {
  await mkdir(parts.folder, { recursive: true, mode: 0o700 });
  const lastLines: string[] = [];
  const setpriv = findProgram('setpriv', 'util-linux');
  const child = spawn(setpriv, ['--pdeathsig', 'TERM', '--', parts.command, ...parts.args], {
    cwd: parts.folder,
    env: { ...parts.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  if (child.pid === undefined)
    throw new Error(`${parts.command} cannot be started`, { cause: await once(child, 'error') });
  for (const stream of [child.stdout, child.stderr]) {
    createInterface(stream).on('line', (line) => {
      if (lastLines.push(line) > maxLastLines) lastLines.shift();
      parts.onLine(line);
    });
  }
  return { child, lastLines };
}

const howItEnded = (child: ChildProcess): string =>
  child.signalCode === null ? `exit code ${child.exitCode}` : child.signalCode;

const complain = (what: string, lastLines: readonly string[]): Error => new Error([what, ...lastLines].join('\n'));

/** One question to a server that may be starting. */
const askTimeoutMs = 2_000;

/** Whether an address answers with success, or with anything at all. */
export async function answersAt(url: string, wanted: 'success' | 'anything' = 'success'): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.timeout(askTimeoutMs), redirect: 'manual' });
  await response.body?.cancel();
  return wanted === 'anything' || response.ok;
}
