import { accessSync, constants, mkdirSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { finished } from 'node:stream/promises';
import pino, { type Logger } from 'pino';
import pretty from 'pino-pretty';
import { createStream, type RotatingFileStream } from 'rotating-file-stream';
import type { RequestLog } from '../ports/index.ts';

export type LogSettings = {
  readonly level: string;
  readonly format: 'auto' | 'json' | 'pretty';
  readonly file: { readonly path: string; readonly maxBytes: number; readonly generations: number } | undefined;
};

export type Log = {
  readonly logger: Logger;
  /**
   * One line per request, of a fixed shape whose fields cannot hold a secret: neither looked through for one nor taken
   * apart (docs/decisions/request-log-cost.md has the measurement).
   */
  readonly requestLog: RequestLog;
  /** Writes out what is buffered, and ends. */
  close(): Promise<void>;
};

/** Lines are written in blocks of this size, or after the interval: a system call for each would be most of the cost. */
const blockBytes = 32 * 1024;
const flushEveryMs = 500;
/** What a reader of standard output who does not read may leave lying here; beyond it, lines are lost. */
const unreadMaxBytes = 16 * 1024 * 1024;
/** The longest wait for the last lines to be taken. */
const closeTimeoutMs = 1_000;

/** What must never be written, wherever it stands in a line. */
const secrets = ['token', 'password', 'old_password', 'new_password', 'authorization', 'cookie'];
const redactedPaths = secrets.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);

/** Structured lines to standard output (for people on a terminal, JSON elsewhere) and, if wanted, to a rotating file. */
export function createLogger(settings: LogSettings): Log {
  const file = settings.file === undefined ? undefined : openLogFile(settings.file);
  const toPeople = settings.format === 'pretty' || (settings.format === 'auto' && process.stdout.isTTY);
  const output = toPeople
    ? undefined
    : pino.destination({ fd: 1, sync: false, contentMode: 'buffer', maxLength: unreadMaxBytes });
  const people = toPeople ? pretty({ colorize: process.stdout.isTTY, ignore: 'pid,hostname', sync: true }) : undefined;
  const sinks = [output, people, file].filter((sink) => sink !== undefined);
  const lines = toPeople ? atOnce(sinks) : inBlocks(sinks, Math.min(blockBytes, settings.file?.maxBytes ?? blockBytes));
  const flusher = setInterval(lines.flush, flushEveryMs).unref();
  const time = isoTime();
  const logger = pino(
    {
      level: settings.level,
      base: null,
      timestamp: time,
      serializers: { err: describeError },
      redact: { paths: redactedPaths, censor: '[redacted]' },
    },
    lines,
  );
  return {
    logger,
    requestLog: requestLogOf(logger, time, lines),
    close: async () => {
      clearInterval(flusher);
      lines.flush();
      if (output !== undefined) await flush(output);
      if (file !== undefined) {
        file.end();
        await finished(file);
      }
    },
  };
}

/** Text or bytes; the rotating file takes either, and so does sonic-boom in its mode for bytes. */
type Sink = { write(data: string | Buffer): unknown };
type Lines = { write(line: string): void; flush(): void };

/**
 * Gathers lines as bytes, in blocks, before the stream does: sonic-boom measures the text that it has gathered from its
 * beginning at each line, and a long text of many pieces is dear to put together once its pieces have left the CPU's
 * cache. Together that was a quarter of what a request for the guest feed cost.
 */
function inBlocks(sinks: readonly Sink[], sizeBytes: number): Lines {
  let block = Buffer.alloc(0);
  let used = 0;
  const flush = (): void => {
    if (used === 0) return;
    const full = block.subarray(0, used);
    used = 0;
    block = Buffer.alloc(0);
    for (const sink of sinks) sink.write(full);
  };
  return {
    write: (line) => {
      const mostBytes = line.length * 3;
      if (used + mostBytes > block.length) {
        flush();
        // A new one each time, since the sinks are still at the one before.
        block = Buffer.allocUnsafeSlow(Math.max(sizeBytes, mostBytes));
      }
      used += block.write(line, used);
    },
    flush,
  };
}

/** For people, who see a line when it is written. */
function atOnce(sinks: readonly Sink[]): Lines {
  return {
    write: (line) => {
      for (const sink of sinks) sink.write(line);
    },
    flush: () => undefined,
  };
}

/** Writes what pino would, without its general way: names that are known, and text only where a caller chose it. */
function requestLogOf(logger: Logger, time: () => string, lines: Lines): RequestLog {
  if (!logger.isLevelEnabled('info')) return { write: () => undefined };
  const start = `{"level":${logger.levels.values['info']}`;
  return {
    write: ({ requestId, method, path, operation, status, code, durationMs, userId, address }) => {
      let line = `${start}${time()},"requestId":"${requestId}","method":${JSON.stringify(method)},"path":${JSON.stringify(path)}`;
      if (operation !== undefined) line += `,"operation":"${operation}"`;
      line += `,"status":${status}`;
      if (code !== undefined) line += `,"code":${code}`;
      line += `,"durationMs":${Math.round(durationMs * 100) / 100}`;
      if (userId !== undefined) line += `,"userId":${userId}`;
      lines.write(`${line},"address":${JSON.stringify(address)},"msg":"request"}\n`);
    },
  };
}

/**
 * Writes out what is buffered, within a bound. Not with `flushSync`, which tries again for ever when whoever read the
 * other end of a pipe is gone.
 */
async function flush(output: ReturnType<typeof pino.destination>): Promise<void> {
  const flushed = new Promise<void>((resolve) => output.flush(() => resolve()));
  const late = new Promise<void>((resolve) => setTimeout(resolve, closeTimeoutMs).unref());
  await Promise.race([flushed, late]);
}

/** The moment as pino wants it, made once per millisecond. */
function isoTime(): () => string {
  let madeFor = 0;
  let made = '';
  return () => {
    const now = Date.now();
    if (now !== madeFor) {
      madeFor = now;
      made = `,"time":"${new Date(now).toISOString()}"`;
    }
    return made;
  };
}

function openLogFile(settings: NonNullable<LogSettings['file']>): RotatingFileStream {
  const folder = dirname(settings.path);
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK);
  } catch (error) {
    throw new Error(`LOG_FILE: ${settings.path} cannot be written to. Name a file in a folder that you may write to.`, {
      cause: error,
    });
  }
  return createStream(basename(settings.path), {
    path: folder,
    size: `${settings.maxBytes}B`,
    maxFiles: settings.generations,
    compress: 'gzip',
  });
}

/** A cause chain of this length is enough to understand anything. */
const maxCauses = 5;

function describeError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return error;
  return {
    type: error.name,
    message: withoutQueries(error.message),
    stack: withoutQueries(error.stack ?? ''),
    ...('code' in error && { code: error.code }),
    ...(error.cause !== undefined && depth < maxCauses && { cause: describeError(error.cause, depth + 1) }),
  };
}

/** Query strings carry tokens. */
const withoutQueries = (text: string): string => text.replace(/\?[^\s'"]*=[^\s'"]*/g, '?[redacted]');
