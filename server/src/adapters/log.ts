import pino, { type Logger } from 'pino';
import type { RequestLog } from '../ports/index.ts';
import { atOnce, inBlocks, type Lines, type LogFile, outputSink, peopleSink, rotatingFileSink } from './log-sinks.ts';

export type LogSettings = {
  readonly level: string;
  readonly format: 'auto' | 'json' | 'pretty';
  readonly file: LogFile | undefined;
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

/** What must never be written, wherever it stands in a line. */
const secrets = ['token', 'password', 'old_password', 'new_password', 'authorization', 'cookie'];
const redactedPaths = secrets.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);

/** Structured lines to standard output (for people on a terminal, JSON elsewhere) and, if wanted, to a rotating file. */
export function createLogger(settings: LogSettings): Log {
  const toPeople = settings.format === 'pretty' || (settings.format === 'auto' && process.stdout.isTTY);
  const output = toPeople ? peopleSink() : outputSink();
  const file = settings.file === undefined ? undefined : rotatingFileSink(settings.file);
  const sinks = file === undefined ? [output] : [output, file];
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
      for (const sink of sinks) await sink.close();
    },
  };
}

/** Writes what pino would, without its general way: names that are known, and text only where a caller chose it. */
function requestLogOf(logger: Logger, time: () => string, lines: Lines): RequestLog {
  if (!logger.isLevelEnabled('info')) return { write: () => undefined };
  const start = `{"level":${logger.levels.values['info']}`;
  return {
    write: ({ requestId, method, path, operation, status, code, durationMs, userId, address }) => {
      // In one expression: each piece that is added to a text by itself is an object more for the collector.
      lines.write(
        `${start}${time()},"requestId":"${requestId}","method":"${method}","path":${quoted(path)}` +
          `${operation === undefined ? '' : `,"operation":"${operation}"`},"status":${status}` +
          `${code === undefined ? '' : `,"code":${code}`},"durationMs":${Math.round(durationMs * 100) / 100}` +
          `${userId === undefined ? '' : `,"userId":${userId}`},"address":${quoted(address)},"msg":"request"}\n`,
      );
    },
  };
}

/** Nothing that JSON spells otherwise. */
const plain = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;
/** Of what a caller chose. Methods are node's own list, and ids ours. */
const quoted = (text: string): string => (plain.test(text) ? `"${text}"` : JSON.stringify(text));

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
