/** What a server has its tools do, seen from outside: the command of each, and how long it ran. */
import { childrenOf, commandOf } from './process-figures.ts';
import type { ServerProcess } from './server-process.ts';

const lookEveryMs = 10;

export type ToolRun = {
  /** The program, and what it was told. */
  readonly command: readonly string[];
  /** As `performance.now` counts; seen late by up to 10 ms. */
  readonly startedAt: number;
  readonly endedAt: number;
};

/** Looks at the children of a server until it is stopped; a tool that runs for less than 10 ms may be missed. */
export function watchTools(server: ServerProcess): { readonly stop: () => ToolRun[] } {
  const seen = new Map<number, ToolRun>();
  const look = (): void => {
    const now = performance.now();
    for (const pid of childrenOf(server.pid)) {
      // Between fork and exec a child has the command of its parent: the last look is right.
      const command = commandOf(pid);
      if (command.length > 0) seen.set(pid, { startedAt: seen.get(pid)?.startedAt ?? now, endedAt: now, command });
    }
  };
  const timer = setInterval(look, lookEveryMs);
  return {
    stop: () => {
      clearInterval(timer);
      return [...seen.values()];
    },
  };
}

/** The steps of making a video ready, by what their commands have and no others do, in the order in which they are looked for. */
const steps = [
  { name: 'ladder', word: 'libx264' },
  { name: 'loudness', word: 'ebur128' },
  { name: 'thumbnails and preview', word: 'tile=' },
  { name: 'covers', word: 'jpeg_pipe' },
  { name: 'first cover', word: 'rawvideo' },
  { name: 'MP4 without HLS', word: 'copy' },
] as const;

export function stepOf({ command }: ToolRun): string {
  if (command[0]?.endsWith('ffprobe') === true) return 'ffprobe';
  const has = (word: string): boolean =>
    command.some((one) => (word.endsWith('=') || word === 'ebur128' ? one.includes(word) : one === word));
  return steps.find(({ word }) => has(word))?.name ?? 'others';
}

/** Milliseconds between two moments during which no tool ran. */
export function idleMs(runs: readonly ToolRun[], from: number, to: number): number {
  let idle = 0;
  let covered = from;
  for (const { startedAt, endedAt } of runs.toSorted((a, b) => a.startedAt - b.startedAt)) {
    idle += Math.max(0, Math.min(startedAt, to) - covered);
    covered = Math.max(covered, endedAt);
  }
  return idle + Math.max(0, to - covered);
}
