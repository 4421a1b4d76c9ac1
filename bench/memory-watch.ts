import { childrenOf, peakResidentBytes, resetPeakResident, residentBytes } from './process-figures.ts';
import type { ServerProcess } from './server-process.ts';

const sampleEveryMs = 20;

/** Follows the memory of a server and of what it starts: the kernel's own peak where it can be reset, else by looking often. */
export function watchMemory(server: ServerProcess): {
  readonly stop: () => void;
  readonly peakBytes: () => number;
  readonly toolsPeakBytes: () => number;
} {
  let peak = 0;
  let toolsPeak = 0;
  const exact = resetPeakResident(server.pid);
  const look = (): void => {
    peak = Math.max(peak, residentBytes(server.pid) ?? 0, exact ? (peakResidentBytes(server.pid) ?? 0) : 0);
    const children = childrenOf(server.pid).map((pid) => residentBytes(pid) ?? 0);
    toolsPeak = Math.max(
      toolsPeak,
      children.reduce((sum, bytes) => sum + bytes, 0),
    );
  };
  const timer = setInterval(look, sampleEveryMs);
  return {
    stop: () => {
      clearInterval(timer);
      look();
    },
    peakBytes: () => peak,
    toolsPeakBytes: () => toolsPeak,
  };
}
