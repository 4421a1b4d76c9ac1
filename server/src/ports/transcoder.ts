/**
 * Runs ffprobe and ffmpeg. What to run is decided by the pure functions of `media/`; this port only runs it, under
 * limits, since every input is hostile.
 */
export type ToolLimits = {
  /** Killed (SIGKILL) after this. */
  readonly timeoutMs: number;
  /** Standard output past this many bytes kills the tool. */
  readonly maxOutputBytes: number;
  readonly signal?: AbortSignal;
  /** Lowest scheduling priority, for work that nobody waits for. */
  readonly background?: boolean;
  /** Called with each line of standard output, for `-progress pipe:1`. */
  readonly onLine?: (line: string) => void;
};

export type ToolEnd = 'exit' | 'timeout' | 'output-limit' | 'aborted';

export type ToolResult = {
  readonly end: ToolEnd;
  /** Exit code when `end` is `exit`, else null. */
  readonly exitCode: number | null;
  readonly stdout: Buffer;
  /** The last 4 KiB of standard error: for the log, never for a user, since it holds paths. */
  readonly stderrTail: string;
};

export type TranscoderInfo = {
  /** Path of the ffmpeg program. */
  readonly ffmpeg: string;
  readonly ffprobe: string;
  /** First line of `-version`, shortened to the version. */
  readonly version: string;
  /** Where it came from: `FFMPEG_PATH`, the system, or the old build that npm brings along. */
  readonly source: 'configured' | 'system' | 'bundled';
};

export interface Transcoder {
  readonly info: TranscoderInfo;
  /** Never rejects for what the tool does with its input; only if the program cannot be started at all. */
  run(tool: 'ffmpeg' | 'ffprobe', args: readonly string[], limits: ToolLimits): Promise<ToolResult>;
  /** Kills what is running and resolves when it is gone. */
  close(): Promise<void>;
}
