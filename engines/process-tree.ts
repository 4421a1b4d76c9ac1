/** A process and all that it has started, as the kernel knows them: for signals that have to reach every one of them. */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';

/** From SIGKILL to the end of every process. */
const goneTimeoutMs = 10_000;
/** From SIGSTOP to the last instruction of every process. */
const stoppedTimeoutMs = 10_000;
const pollMs = 5;

/** This process and its descendants, each before those that it started. */
export function processTree(root: number): number[] {
  const processes = readdirSync('/proc').flatMap((name) => {
    const stat = /^\d+$/.test(name) ? statAt(`/proc/${name}/stat`) : undefined;
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

/**
 * SIGSTOP; resolves when they stand still. The kernel tells one thread, which stops the others when its turn has come: on a
 * busy machine a server goes on answering until then.
 */
export async function stopAll(pids: readonly number[]): Promise<void> {
  signalAll(pids, 'SIGSTOP');
  const moves = (pid: number): boolean => isRunning(pid) && threadsOf(pid).some((state) => state !== 'T');
  for (const deadlineMs = performance.now() + stoppedTimeoutMs; pids.some(moves); await wait(pollMs)) {
    if (performance.now() > deadlineMs) throw new Error(`process ${pids.find(moves)} goes on after SIGSTOP`);
  }
}

/** The states of a process's threads; of a process that is gone, none. */
function threadsOf(pid: number): string[] {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    return threads.flatMap((thread) => statAt(`/proc/${pid}/task/${thread}/stat`)?.state ?? []);
  } catch {
    return [];
  }
}

function isRunning(pid: number): boolean {
  const stat = statAt(`/proc/${pid}/stat`);
  return stat !== undefined && stat.state !== 'Z' && stat.state !== 'X';
}

/** From a file of /proc such as /proc/PID/stat: `PID (NAME) STATE PARENT …`; a name may hold anything, brackets too. */
function statAt(path: string): { readonly state: string; readonly parent: number } | undefined {
  try {
    const stat = readFileSync(path, 'latin1');
    const [state = '', parent = ''] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { state, parent: Number(parent) };
  } catch {
    return undefined;
  }
}
