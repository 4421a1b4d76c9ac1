/** Programs of the bench itself that run beside the server, in processes of their own. */
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Resources } from './resources.ts';
import { pinned } from './server-process.ts';

/** Starts a program of this folder, on one core if one is named. */
export function spawnProgram(
  resources: Resources,
  core: number | undefined,
  file: string,
  args: string[],
): ChildProcess {
  const path = fileURLToPath(new URL(`./${file}`, import.meta.url));
  const [command, allArgs] = pinned(core, [path, ...args]);
  return resources.spawn(command, allArgs, { stdio: ['ignore', 'pipe', 'inherit'] });
}

/** The first line that a program prints; rejects if it ends without, or takes longer than `timeoutMs`. */
export async function firstLine(child: ChildProcess, timeoutMs: number): Promise<string> {
  return await new Promise((resolve, reject) => {
    let text = '';
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`a program said nothing within ${timeoutMs / 1000} s`));
    }, timeoutMs);
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8');
      if (!text.includes('\n')) return;
      clearTimeout(timer);
      resolve(text.slice(0, text.indexOf('\n')));
    });
    child.once('error', reject);
    child.once('close', () => {
      clearTimeout(timer);
      reject(new Error(`a program ended with ${child.exitCode ?? child.signalCode} and said nothing`));
    });
  });
}
