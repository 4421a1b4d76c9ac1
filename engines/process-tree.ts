/** A process and all that it has started, as the kernel knows them: for signals that have to reach every one of them. */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';

/** From SIGKILL to the end of every process. */
const goneTimeoutMs = 10_000;
const pollMs = 5;

/** This process and its descendants, each before those that it started. */
export function processTree(root: number): number[] {
  const processes = readdirSync('/proc').flatMap((name) => {
    const stat = /^\d+$/.test(name) ? statOf(Number(name)) : undefined;
    return stat === undefined ? [] : [{ pid: Number(name), parent: stat.parent }];
  });
  const tree = [root];
  // The list grows while it is walked; every process is in it once.
  for (const parent of tree) tree.push(...processes.filter((one) => one.parent === parent).map(({ pid }) => pid));
  return tree;
}

/** Sends a signal to those that are still there. */
export function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
    }
  }
}

/** Resolves when none of them runs any more; one that nobody has waited for yet counts as gone. */
export async function allGone(pids: readonly number[]): Promise<void> {
  for (const deadlineMs = performance.now() + goneTimeoutMs; pids.some(isRunning); await wait(pollMs)) {
    if (performance.now() > deadlineMs) throw new Error(`process ${pids.find(isRunning)} is still there after SIGKILL`);
  }
}

function isRunning(pid: number): boolean {
  const stat = statOf(pid);
  return stat !== undefined && stat.state !== 'Z' && stat.state !== 'X';
}

/** From /proc/PID/stat: `PID (NAME) STATE PARENT …`; a name may hold anything, brackets too. */
function statOf(pid: number): { readonly state: string; readonly parent: number } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const [state = '', parent = ''] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { state, parent: Number(parent) };
  } catch {
    return undefined;
  }
}
