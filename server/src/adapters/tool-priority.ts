/** Who gets the processor: not a tool in the background, as long as the server wants it. */
import type { ChildProcess } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';

const lowestPriority = 19;
/** The kernel takes one change of a group's priority in 100 ms from all who are not root together. */
const groupRetryMs = 130;
const groupAttempts = 20;

/**
 * Lowers the priority of a process that was started in a session of its own, and of what it will start. The system may
 * refuse: the work is done all the same.
 *
 * On a Linux with autogroups (sched(7); the default of most distributions) each session is a group, groups share the processors evenly, and the priority of a process, or
 * SCHED_IDLE, only says who comes first *within* its group. So the group's own priority has to be lowered: it is what counts against the server.
 */
export function lowerPriority(tool: Tool): void {
  if (tool.pid === undefined) return;
  try {
    setPriority(tool.pid, lowestPriority);
  } catch {
    // It has ended already, or the system does not allow it.
  }
  if (hasAutogroups()) lowerGroup(tool, 1);
}

type Tool = Pick<ChildProcess, 'pid' | 'exitCode' | 'signalCode'>;

function lowerGroup(tool: Tool, attempt: number): void {
  // Once it has ended, its id may be another's.
  if (tool.exitCode !== null || tool.signalCode !== null) return;
  try {
    writeFileSync(`/proc/${tool.pid}/autogroup`, String(lowestPriority));
  } catch (error) {
    const busy = error instanceof Error && 'code' in error && error.code === 'EAGAIN';
    if (busy && attempt < groupAttempts) setTimeout(() => lowerGroup(tool, attempt + 1), groupRetryMs).unref();
  }
}

function hasAutogroups(): boolean {
  try {
    return readFileSync('/proc/sys/kernel/sched_autogroup_enabled', 'utf8').trim() === '1';
  } catch {
    return false;
  }
}
