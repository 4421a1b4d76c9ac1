/** Where a process spends its time and its memory, in the format of pprof (gzip of `profile.proto`). */
export interface Profiler {
  /** Samples the call stack for `seconds`, or until `signal` says that nobody waits any more. One at a time. */
  cpu(seconds: number, signal: AbortSignal): Promise<Uint8Array>;
  /** What is alive now of the memory that was taken since the process started to sample. */
  heap(): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** A CPU profile is being taken already. */
export class ProfilerBusyError extends Error {
  override readonly name = 'ProfilerBusyError';
}
