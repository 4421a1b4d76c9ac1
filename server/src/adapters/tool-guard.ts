/**
 * What the system is asked to do about a tool that reads hostile input. On Linux the programs of util-linux set it up in the process
 * that then becomes the tool (`setpriv … chrt … prlimit … ffmpeg …`, each an exec): its id stays the same, so killing works
 * as without them. Each is used if it really runs here; where none does, as on macOS and Windows, only the priority is lowered.
 */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { ToolGuard, ToolLimits } from '../ports/index.ts';
import { findProgram } from './ffmpeg-programs.ts';

/**
 * Address space of a tool. Decoding 4K HEVC with 10 bits while encoding four renditions takes 1 GB of it with one thread each,
 * and 3.4 GB with sixteen.
 */
export const defaultMaxMemoryBytes = 4 * 1024 ** 3;
/** Each file that a tool writes. */
export const defaultMaxFileBytes = 8 * 1024 ** 3;
/** A guard that has said nothing by then is not used. */
const checkTimeoutMs = 2_000;
/** Between the signal that asks a tool to end for its processor time and the one that ends it. */
const lastCpuSeconds = 2;

export type Guards = {
  readonly on: readonly ToolGuard[];
  /** The command that becomes `program` under guard. */
  command(program: string, args: readonly string[], limits: ToolLimits): { program: string; args: string[] };
};

type Programs = { readonly setpriv?: string; readonly chrt?: string; readonly prlimit?: string };

/** Finds out by running them which of the guards work here; `folders` are those of the system's programs. */
export async function detectGuards(folders: readonly string[]): Promise<Guards> {
  const programs = process.platform === 'linux' ? await programsThatRun(folders) : {};
  return { on: guardsOf(programs), command: commandUnder(programs, readHardLimits()) };
}

async function programsThatRun(folders: readonly string[]): Promise<Programs> {
  const harmless = findProgram('true', folders);
  if (harmless === undefined) return {};
  const ifItRuns = async (name: keyof Programs, args: readonly string[]): Promise<Programs> => {
    const path = findProgram(name, folders);
    return path !== undefined && (await succeeds(path, [...args, harmless])) ? { [name]: path } : {};
  };
  const hard = readHardLimits();
  const found = await Promise.all([
    ifItRuns('setpriv', dieWithParent),
    ifItRuns('chrt', runWhenIdle),
    ifItRuns('prlimit', resourceLimits({ timeoutMs: checkTimeoutMs, maxOutputBytes: 0 }, hard)),
  ]);
  return Object.assign({}, ...found);
}

function succeeds(program: string, args: readonly string[]): Promise<boolean> {
  return new Promise((resolve) => {
    execFile(program, args, { timeout: checkTimeoutMs, killSignal: 'SIGKILL' }, (error) => resolve(error === null));
  });
}

function guardsOf({ setpriv, chrt, prlimit }: Programs): ToolGuard[] {
  return [
    ...(setpriv === undefined ? [] : ['dies-with-server' as const]),
    ...(chrt === undefined ? [] : ['idle-priority' as const]),
    ...(prlimit === undefined ? [] : ['resource-limits' as const]),
  ];
}

/**
 * The signal belongs to the *thread* that started the tool, and comes when that thread ends (prctl(2), PR_SET_PDEATHSIG). Node
 * starts processes on the thread that asks for them: the main one, which ends with the server. From a worker thread this would kill
 * tools too early.
 */
const dieWithParent = ['--pdeathsig', 'KILL'];
/** SCHED_IDLE; the short option is the one that BusyBox knows as well. */
const runWhenIdle = ['-i', '0'];

const commandUnder =
  ({ setpriv, chrt, prlimit }: Programs, hard: HardLimits): Guards['command'] =>
  (program, args, limits) => {
    const [first = program, ...rest] = [
      ...(setpriv === undefined ? [] : [setpriv, ...dieWithParent]),
      ...(chrt === undefined || limits.background !== true ? [] : [chrt, ...runWhenIdle]),
      ...(prlimit === undefined ? [] : [prlimit, ...resourceLimits(limits, hard)]),
      program,
      ...args,
    ];
    return { program: first, args: rest };
  };

type HardLimits = { readonly memoryBytes: number; readonly fileBytes: number; readonly cpuSeconds: number };

function resourceLimits(limits: ToolLimits, hard: HardLimits): string[] {
  const { maxMemoryBytes = defaultMaxMemoryBytes, maxFileBytes = defaultMaxFileBytes } = limits;
  // The clock ends the tool first, unless the server cannot: it hangs, or was killed where tools outlive it.
  const cpuSeconds = Math.ceil(limits.timeoutMs / 1000) * availableParallelism();
  const atMost = (own: number, inherited: number): number => Math.min(Math.ceil(own), inherited);
  return [
    ...(maxMemoryBytes === 'unlimited' ? [] : [`--as=${atMost(maxMemoryBytes, hard.memoryBytes)}`]),
    `--fsize=${atMost(maxFileBytes, hard.fileBytes)}`,
    `--cpu=${atMost(cpuSeconds, hard.cpuSeconds)}:${atMost(cpuSeconds + lastCpuSeconds, hard.cpuSeconds)}`,
    // A core file would hold somebody's video, and fill the disk.
    '--core=0',
  ];
}

/** What this process itself is under, which nothing that it starts may exceed: asking for more fails. */
function readHardLimits(): HardLimits {
  let text = '';
  try {
    text = readFileSync('/proc/self/limits', 'utf8');
  } catch {
    // Not Linux: no limits are set either.
  }
  const hardOf = (name: string): number => {
    const found = new RegExp(`^${name}\\s+\\S+\\s+(\\d+)\\s`, 'm').exec(text)?.[1];
    return found === undefined ? Number.MAX_SAFE_INTEGER : Number(found);
  };
  return {
    memoryBytes: hardOf('Max address space'),
    fileBytes: hardOf('Max file size'),
    cpuSeconds: hardOf('Max cpu time'),
  };
}

/** What a guard says when it could not start the tool: not the tool's own word, whatever the exit code looks like. */
export const guardFailed = /^(?:setpriv|chrt|prlimit): /;
