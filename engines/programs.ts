/** What engines are made of: programs of the system as child processes that do not outlive this one, and free ports. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, closeSync, constants, mkdirSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, isAbsolute, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { EngineMissingError } from './engine.ts';
import { allGone, processTree, signalAll, stopAll } from './process-tree.ts';

/** Where Debian's packages put programs, those for administrators included, which are not on everyone's PATH. */
export const programFolders = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
const pollMs = 25;
const shownLogCharacters = 2_000;

/** The first of these programs that is there; throws an {@link EngineMissingError} that names the Debian package. */
export function findProgram(names: string | readonly string[], debianPackage: string): string {
  const wanted = [names].flat();
  const paths = wanted.flatMap((name) => (isAbsolute(name) ? [name] : programFolders.map((at) => join(at, name))));
  const found = paths.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (found !== undefined) return found;
  throw new EngineMissingError(`${wanted.join(' or ')} is not installed: apt-get install ${debianPackage}`);
}

export type Program = {
  readonly running: boolean;
  /** SIGSTOP to it and to everything that it has started; resolves when they stand still. */
  pause(): Promise<void>;
  /** SIGCONT to all of them. */
  resume(): void;
  /** SIGKILL to all of them; resolves when they are gone. */
  kill(): Promise<void>;
  /** The end of what it said. */
  said(): string;
};

/**
 * Starts a server that stays in the foreground; what it says goes to the file `log`, beside which it runs. It is in a session
 * of its own, so that Ctrl+C is ours to handle, and dies with this process however that ends. `environment` is all that it
 * gets; without it, it gets ours.
 */
export function startProgram(
  path: string,
  args: readonly string[],
  log: string,
  environment?: Readonly<Record<string, string>>,
): Program {
  mkdirSync(dirname(log), { recursive: true });
  const output = openSync(log, 'a', 0o600);
  // It becomes the program, which the kernel then kills when this process is gone.
  const setpriv = findProgram('setpriv', 'util-linux');
  const child = spawn(setpriv, ['--pdeathsig', 'KILL', '--', path, ...args], {
    cwd: dirname(log),
    detached: true,
    stdio: ['ignore', output, output],
    ...(environment !== undefined && { env: environment }),
  });
  closeSync(output);
  const running = (): boolean => child.pid !== undefined && child.exitCode === null && child.signalCode === null;
  const tree = (): number[] => (child.pid !== undefined && running() ? processTree(child.pid) : []);
  return {
    get running() {
      return running();
    },
    pause: () => stopAll(tree()),
    resume: () => signalAll(tree(), 'SIGCONT'),
    kill: () => end(child, tree()),
    said: () => readFileSync(log, 'utf8').slice(-shownLogCharacters),
  };
}

async function end(child: ChildProcess, tree: readonly number[]): Promise<void> {
  if (tree.length === 0) return;
  const exited = once(child, 'exit');
  signalAll(tree, 'SIGKILL');
  await exited;
  await allGone(tree);
}

/** Runs a program to its end; rejects with what it said if that is a failure, or if it takes longer than `timeoutMs`. */
export async function runProgram(path: string, args: readonly string[], timeoutMs: number): Promise<string> {
  const child = spawn(path, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: timeoutMs, killSignal: 'SIGKILL' });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString('utf8');
    });
  }
  await once(child, 'close');
  if (child.exitCode === 0) return output;
  const how = child.exitCode ?? child.signalCode;
  throw new Error(`${path} failed (${how}): ${output.slice(-shownLogCharacters)}`);
}

/** Waits until `server` answers; rejects with the end of its log if it ends, or after `timeoutMs`. */
export async function untilReady(server: Program, answers: () => Promise<boolean>, timeoutMs: number): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await answers().catch(() => false))) {
    if (!server.running) throw new Error(`the server ended while it started: ${server.said()}`);
    if (Date.now() > deadline) throw new Error(`no answer within ${timeoutMs} ms: ${server.said()}`);
    await wait(pollMs);
  }
}

// Below the ports that the kernel gives to outgoing connections: while an engine is dead, a client's own connection must
// not get its port. It can even reach itself there.
const firstPort = 20_000;
const lastPort = 31_999;
const maxTries = 1_000;
/** Ports that were given out here, where perhaps nothing listens yet. */
const given = new Set<number>();

/** As many different ports of 127.0.0.1 as asked for, on which nothing listens. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  for (let tries = 0; ports.length < count; tries += 1) {
    if (tries >= maxTries) throw new Error(`no free ports between ${firstPort} and ${lastPort}`);
    const port = firstPort + Math.floor(Math.random() * (lastPort - firstPort + 1));
    if (given.has(port) || !(await canListen(port))) continue;
    given.add(port);
    ports.push(port);
  }
  return ports;
}

async function canListen(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
