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
export const cpuTimeMs = (pid: number): number | undefined => processTimesMs(pid)?.own;

/** The same of the processes that it started and that have ended. */
export const childrenCpuTimeMs = (pid: number): number | undefined => processTimesMs(pid)?.children;

function processTimesMs(pid: number): { readonly own: number; readonly children: number } | undefined {
  const text = readOrUndefined(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  // The name in parentheses may hold anything; the fields after it are numbers. User and system time are 14 and 15, of
  // children that have ended 16 and 17.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const sum = (user: number, system: number): number => (Number(fields[user]) + Number(fields[system])) * tickMs;
  return { own: sum(11, 12), children: sum(13, 14) };
}

/** CPU time of all programs on the machine since it was started, in milliseconds; undefined off Linux. */
export function machineCpuTimeMs(): number | undefined {
  const [first = ''] = readOrUndefined('/proc/stat')?.split('\n') ?? [];
  const [user, nice, system, , , irq, softirq] = first.split(/\s+/).slice(1).map(Number);
  const ticks = [user, nice, system, irq, softirq].reduce<number>((sum, one) => sum + (one ?? Number.NaN), 0);
  return Number.isNaN(ticks) ? undefined : ticks * tickMs;
}

/** The processes that `pid` started and that still run. */
export function childrenOf(pid: number): number[] {
  const text = readOrUndefined(`/proc/${pid}/task/${pid}/children`) ?? '';
  return text.split(' ').filter(Boolean).map(Number);
}

/** The program that a process runs, shortened to 15 characters by the kernel; undefined where nobody can say. */
export const programOf = (pid: number): string | undefined => readOrUndefined(`/proc/${pid}/comm`)?.trim();
/** A program and its arguments; empty where nobody can say. */
export const commandOf = (pid: number): string[] =>
  (readOrUndefined(`/proc/${pid}/cmdline`) ?? '').split('\0').slice(0, -1);

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
