/** The programs that the server is compared with, each run by itself. */
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Resources } from './resources.ts';

const timeoutMs = 5 * 60_000;

/** Runs a program to its end; resolves with what it wrote on standard error. Rejects if it fails. */
export async function runTool(resources: Resources, command: string, args: readonly string[]): Promise<string> {
  const child = resources.spawn(command, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  });
  let errors = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-16 * 1024);
  });
  const [exitCode] = await once(child, 'close');
  if (exitCode !== 0) throw new Error(`${command} ended with ${exitCode ?? 'a signal'}: ${errors.slice(-500)}`);
  return errors;
}

/** Writes a copy of a file into a folder with `dd conv=fsync`, in milliseconds; it is removed again. */
export async function timeDd(resources: Resources, from: string, folder: string): Promise<number> {
  const copy = join(folder, 'dd-copy');
  const startedAt = performance.now();
  await runTool(resources, 'dd', [`if=${from}`, `of=${copy}`, 'bs=1M', 'conv=fsync']);
  const tookMs = performance.now() - startedAt;
  await rm(copy);
  return tookMs;
}

/** The same command that a server ran, from another file into another folder, in milliseconds. */
export async function timeAgain(
  resources: Resources,
  [program = '', ...args]: readonly string[],
  input: string,
  folder: string,
): Promise<number> {
  let outputs = 0;
  const own = args.map((argument, position) => {
    const before = args[position - 1];
    if (before === '-i') return `file:${input}`;
    if (before !== '-y') return argument;
    outputs += 1;
    return `file:${join(folder, `output-${outputs}.mp4`)}`;
  });
  if (outputs === 0) throw new Error(`this command writes nothing that is known: ${args.join(' ')}`);
  const startedAt = performance.now();
  await runTool(resources, program, own);
  return performance.now() - startedAt;
}
