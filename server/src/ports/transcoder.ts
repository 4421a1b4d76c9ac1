/**
 * Runs ffprobe and ffmpeg. What to run is decided by the pure functions of `media/`; this port only runs it, under
 * limits, since every input is hostile.
 */
export type ToolLimits = {
  /** Killed (SIGKILL) after this. Where the system can bound it, its processor time has a bound that follows from this. */
  readonly timeoutMs: number;
  /** Standard output past this many bytes kills the tool. */
  readonly maxOutputBytes: number;
  readonly signal?: AbortSignal;
  /** Runs when nobody else wants the processor, as far as the system can tell: for work that nobody waits for. */
  readonly background?: boolean;
  /** Called with each line of standard output, for `-progress pipe:1`. */
  readonly onLine?: (line: string) => void;
  /**
   * Address space, where the system can bound it; without it, the adapter's own bound. `unlimited` is for encoders of
   * graphics cards, whose drivers map far more than they use.
   */
  readonly maxMemoryBytes?: number | 'unlimited';
  /** Size of each file that it writes, where the system can bound it; without it, the adapter's own bound. */
  readonly maxFileBytes?: number;
};

/**
 * `exit`: it ended by itself, or was killed by somebody else. `timeout`: its time was up, by the clock or of the processor.
 * `output-limit`: too much standard output. `file-limit`: a file grew too large. `memory`: it failed and said that it got no memory; by its limit, by that of one
 * allocation (which a hostile file can provoke), or because there is none.
 */
export type ToolEnd = 'exit' | 'timeout' | 'output-limit' | 'file-limit' | 'memory' | 'aborted';

export type ToolResult = {
  readonly end: ToolEnd;
  /** Null when it was killed, by whomever: `exit` and `memory` may have one. */
  readonly exitCode: number | null;
  readonly stdout: Buffer;
  /** The last 4 KiB of standard error: for the log, never for a user, since it holds paths. */
  readonly stderrTail: string;
};

/**
 * What the system does about every tool beside what the server does itself. `dies-with-server`: a server that is killed takes its tools
 * along. `idle-priority`: background tools run only when nobody else does. `resource-limits`: memory, size of files and processor time are
 * bounded.
 */
export type ToolGuard = 'dies-with-server' | 'idle-priority' | 'resource-limits';

export type TranscoderInfo = {
  /** Path of the ffmpeg program. */
  readonly ffmpeg: string;
  readonly ffprobe: string;
  /** First line of `-version`, shortened to the version. */
  readonly version: string;
  /** Where it came from: `FFMPEG_PATH`, the system, or the old build that npm brings along. */
  readonly source: 'configured' | 'system' | 'bundled';
  /** Found at the start, by running them. */
  readonly guards: readonly ToolGuard[];
};

/** What this build of ffmpeg has, by ffmpeg's names. That an encoder is there does not mean that the machine can run it. */
export type TranscoderCapabilities = {
  readonly filters: ReadonlySet<string>;
  readonly encoders: ReadonlySet<string>;
};

export interface Transcoder {
  readonly info: TranscoderInfo;
  /** Asked of ffmpeg when it is first needed, then remembered. Rejects if ffmpeg does not tell; then the next caller asks again. */
  capabilities(): Promise<TranscoderCapabilities>;
  /** Never rejects for what the tool does with its input; only if the program cannot be started at all. */
  run(tool: 'ffmpeg' | 'ffprobe', args: readonly string[], limits: ToolLimits): Promise<ToolResult>;
  /** Kills what is running and resolves when it is gone. */
  close(): Promise<void>;
}
