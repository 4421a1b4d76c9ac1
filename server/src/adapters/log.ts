import pino, { type Logger } from 'pino';
import type { RequestLog } from '../ports/index.ts';
import { atOnce, inBlocks, type LogFile, outputSink, peopleSink, rotatingFileSink } from './log-sinks.ts';
import { createRepeats, isAbsence } from './repeated-failures.ts';
import { createRequestLog } from './request-lines.ts';

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
  const isoTime = isoTimes();
  const repeats = createRepeats();
  const logger = pino(
    {
      level: settings.level,
      base: null,
      timestamp: () => `,"time":"${isoTime()}"`,
      serializers: { err: describeError },
      redact: { paths: redactedPaths, censor: '[redacted]' },
      hooks: {
        logMethod(args, method) {
          const [fields, message]: readonly unknown[] = args;
          const error = typeof fields === 'object' && fields !== null && 'err' in fields ? fields.err : undefined;
          if (!(error instanceof Error && isAbsence(error))) return method.apply(this, args);
          const repeat = repeats(String(message), error, performance.now());
          if (repeat === undefined) return undefined;
          return repeat.leftOut === 0
            ? method.apply(this, args)
            : method.call(this, { ...Object(fields), ...repeat }, String(message));
        },
      },
    },
    lines,
  );
  return {
    logger,
    requestLog: logger.isLevelEnabled('info')
      ? createRequestLog(lines, pino.levels.values['info'] ?? 30, isoTime)
      : { write: () => undefined },
    close: async () => {
      clearInterval(flusher);
      lines.flush();
      for (const sink of sinks) await sink.close();
    },
  };
}

/** The moment as text, made once per millisecond. */
function isoTimes(): () => string {
  let madeFor = 0;
  let made = '';
  return () => {
    const now = Date.now();
    if (now !== madeFor) {
      madeFor = now;
      made = new Date(now).toISOString();
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
    ...(!isAbsence(error) && { stack: withoutQueries(error.stack ?? '') }),
    ...('code' in error && { code: error.code }),
    ...(error.cause !== undefined && depth < maxCauses && { cause: describeError(error.cause, depth + 1) }),
  };
}

/** Query strings carry tokens. */
const withoutQueries = (text: string): string => text.replace(/\?[^\s'"]*=[^\s'"]*/g, '?[redacted]');
