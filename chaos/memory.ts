/** How large the processes of a site become while something is wrong. */
import type { ServerProcess } from './server-process.ts';
import type { Violation } from './verdict.ts';

const sampleEveryMs = 100;
/**
 * A process of the product takes 90 to 200 MB under this load. One that keeps what it cannot deliver goes beyond this
 * within a longer run.
 */
export const residentMaxBytes = 400 * 1024 ** 2;

export class Memory {
  readonly #peaks = new Map<string, number>();
  readonly #timer: NodeJS.Timeout;

  /** Begins to look at once, until {@link stop}. */
  constructor(processes: readonly ServerProcess[]) {
    const sample = (): void => {
      for (const process of processes) {
        const bytes = process.residentBytes() ?? 0;
        this.#peaks.set(process.name, Math.max(bytes, this.#peaks.get(process.name) ?? 0));
      }
    };
    sample();
    this.#timer = setInterval(sample, sampleEveryMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Largest resident memory of each process so far, in bytes. */
  peaks(): Record<string, number> {
    return Object.fromEntries(this.#peaks);
  }

  violations(): Violation[] {
    return [...this.#peaks]
      .filter(([, bytes]) => bytes > residentMaxBytes)
      .map(([name, bytes]) => ({
        rule: 'memory',
        words: `${name} took ${inMb(bytes)} MB, more than ${inMb(residentMaxBytes)}`,
        evidence: [],
      }));
  }
}

export const inMb = (bytes: number): number => Math.round(bytes / 1024 ** 2);
