import { accessSync, constants, mkdirSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { finished } from 'node:stream/promises';
import pino, { type DestinationStream, type Logger } from 'pino';
import pretty from 'pino-pretty';
import { createStream, type RotatingFileStream } from 'rotating-file-stream';

export type LogSettings = {
  readonly level: string;
  readonly format: 'auto' | 'json' | 'pretty';
  readonly file: { readonly path: string; readonly maxBytes: number; readonly generations: number } | undefined;
};

export type Log = {
  readonly logger: Logger;
  /**
   * For lines of a fixed shape, written thousands of times a second, whose fields cannot hold a secret: looking for one in
   * each line costs more than answering the request (measured: a third of the throughput of the guest feed).
   */
  readonly requestLogger: Logger;
  /** Writes out what is buffered, and ends. */
  close(): Promise<void>;
};

/** Lines are written in blocks of this size, or after the interval: a system call for each would be most of the cost. */
const blockBytes = 8 * 1024;
const flushEveryMs = 500;
/** The longest wait for the last lines to be taken. */
const closeTimeoutMs = 1_000;

/** What must never be written, wherever it stands in a line. */
const secrets = ['token', 'password', 'old_password', 'new_password', 'authorization', 'cookie'];
const redactedPaths = secrets.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);

/** Structured lines to standard output (for people on a terminal, JSON elsewhere) and, if wanted, to a rotating file. */
export function createLogger(settings: LogSettings): Log {
  const file = settings.file === undefined ? undefined : openLogFile(settings.file);
  const toPeople = settings.format === 'pretty' || (settings.format === 'auto' && process.stdout.isTTY);
  const block = pino.destination({ fd: 1, sync: false, minLength: blockBytes });
  const output: DestinationStream = toPeople
    ? pretty({ colorize: process.stdout.isTTY, ignore: 'pid,hostname', sync: true })
    : block;
  const stream =
    file === undefined
      ? output
      : pino.multistream([
          { stream: output, level: 'trace' },
          { stream: file, level: 'trace' },
        ]);
  const options = {
    level: settings.level,
    base: null,
    timestamp: isoTime(),
    serializers: { err: describeError },
  };
  const logger = pino({ ...options, redact: { paths: redactedPaths, censor: '[redacted]' } }, stream);
  const requestLogger = pino(options, stream);
  const flusher = setInterval(() => block.flush(), flushEveryMs).unref();
  return {
    logger,
    requestLogger,
    close: async () => {
      clearInterval(flusher);
      if (!toPeople) await flush(block);
      if (file !== undefined) {
        file.end();
        await finished(file);
      }
    },
  };
}

/**
 * Writes out what is buffered, within a bound. Not with `flushSync`, which tries again for ever when whoever read the
 * other end of a pipe is gone.
 */
async function flush(block: ReturnType<typeof pino.destination>): Promise<void> {
  const flushed = new Promise<void>((resolve) => block.flush(() => resolve()));
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
