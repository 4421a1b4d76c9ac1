/** What the operating system says about a process. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

/** Linux counts CPU time in these, whatever the kernel's own rate. */
const tickMs = 10;

/** Resident memory in bytes: `VmRSS` of /proc where there is one, else what `ps` says; undefined where neither works. */
export function residentBytes(pid: number): number | undefined {
  const fromProc = statusBytes(pid, 'VmRSS');
  if (fromProc !== undefined) return fromProc;
  try {
    const kibibytes = Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' }).trim());
    return Number.isFinite(kibibytes) && kibibytes > 0 ? kibibytes * 1024 : undefined;
  } catch {
    return undefined;
  }
}

/** Forgets the peak so far, so that {@link peakResidentBytes} speaks of what follows; false where that cannot be done. */
export function resetPeakResident(pid: number): boolean {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
    return true;
  } catch {
    return false;
  }
}

export const peakResidentBytes = (pid: number): number | undefined => statusBytes(pid, 'VmHWM');

/** CPU time of all threads in milliseconds, to the nearest 10; undefined off Linux. */
export function cpuTimeMs(pid: number): number | undefined {
  const text = readOrUndefined(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  // The name in parentheses may hold anything; the fields after it are numbers. User and system time are 14 and 15.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * tickMs;
}

/** The processes that `pid` started and that still run. */
export function childrenOf(pid: number): number[] {
  const text = readOrUndefined(`/proc/${pid}/task/${pid}/children`) ?? '';
  return text.split(' ').filter(Boolean).map(Number);
}

function statusBytes(pid: number, name: string): number | undefined {
  const match = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(readOrUndefined(`/proc/${pid}/status`) ?? '');
  return match === null ? undefined : Number(match[1]) * 1024;
}

function readOrUndefined(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
