/** `npm run stack`: starts the production form on this machine, says where everything is, and ends it at Ctrl+C. */
import { readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { processTree, signalAll } from '../engines/process-tree.ts';
import { readEnvironment, settings as table } from '../server/src/config/index.ts';
import { help, readArguments } from './arguments.ts';
import { describeStack } from './description.ts';
import type { Settings } from './server-process.ts';
import { type Stack, startStack } from './stack.ts';

const root = resolve('data', 'stack');
const nameWidth = 9;
const lookForParentEveryMs = 500;
/** A second Ctrl+C, this much later, is a wish of its own: a shell may hand on what the terminal has sent already. */
const secondWishMs = 1_000;

/** Given by the npm script: npm does not hand signals on through its shell, so the stack would outlive it. */
const stopWithParent = '--stop-with-parent';

const print = (name: string, text: string): void => {
  process.stdout.write(`${name.padEnd(nameWidth)} | ${text}\n`);
};

/** The server's own settings, from the environment and .env; everything else there is not for it. */
function givenSettings(): Settings {
  const environment = readEnvironment();
  return Object.fromEntries(
    Object.keys(table).flatMap((name) => {
      const value = environment[name]?.trim() ?? '';
      return value === '' ? [] : [[name, value]];
    }),
  );
}

/** A folder of this run. Those of runs that were killed are removed: nobody uses them any more. */
function runFolder(): string {
  for (const name of readEntries(root)) {
    if (/^\d+$/.test(name) && !isRunning(Number(name))) rmSync(join(root, name), { recursive: true, force: true });
  }
  return join(root, String(process.pid));
}

function readEntries(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process is there as well.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

const removeTries = 20;
const removeAgainAfterMs = 50;

/** Ends in the middle of the start: nothing that is there yet has anything to finish. */
function abandon(folder: string): never {
  signalAll(processTree(process.pid).slice(1), 'SIGKILL');
  // Those that are killed may write a last time.
  rmSync(folder, { recursive: true, force: true, maxRetries: removeTries, retryDelay: removeAgainAfterMs });
  process.exit(0);
}

function fail(error: unknown): never {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

async function run(args: readonly string[]): Promise<void> {
  const { help: asked, apis, workers } = readArguments(args.filter((argument) => argument !== stopWithParent));
  if (asked) {
    process.stdout.write(help);
    return;
  }
  const { HOST: host = '127.0.0.1', PORT: port = '8080', ...settings } = givenSettings();
  const folder = runFolder();
  let stack: Stack | undefined;
  let askedAtMs: number | undefined;
  const stop = (): void => {
    if (askedAtMs !== undefined) {
      if (performance.now() - askedAtMs > secondWishMs) process.exit(1);
      return;
    }
    askedAtMs = performance.now();
    print('stack', 'stopping');
    if (stack === undefined) abandon(folder);
    stack.stop().then(() => process.exit(0), fail);
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  if (args.includes(stopWithParent)) {
    const parent = process.ppid;
    setInterval(() => process.ppid !== parent && stop(), lookForParentEveryMs).unref();
  }
  stack = await startStack({
    folder,
    apis,
    workers,
    host,
    port: Number(port),
    settings: { ...(process.stdout.isTTY && { LOG_FORMAT: 'pretty' }), ...settings },
    onProgress: (text) => print('stack', text),
    onLine: print,
    onEnd: (name, how) => print('stack', `${name} has ended (${how}); it is not started again`),
  });
  process.stdout.write(describeStack(stack));
}

try {
  await run(process.argv.slice(2));
} catch (error) {
  fail(error);
}
