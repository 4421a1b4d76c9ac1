import { isAbsolute, join, resolve } from 'node:path';
import type { Environment } from './environment.ts';
import { ConfigError } from './parse.ts';
import { type Setting, settings } from './settings.ts';

/** Everything that can be set, checked once and never changed. Durations are milliseconds, sizes bytes, paths absolute. */
export type Config = {
  readonly role: 'all';
  readonly host: string;
  readonly port: number;
  readonly publicUrl: string | undefined;
  readonly trustProxy: false | number | readonly string[];
  readonly dataDir: string;
  readonly database: { readonly kind: 'sqlite'; readonly path: string };
  readonly cache: { readonly kind: 'memory' };
  readonly queue: { readonly kind: 'outbox' };
  readonly blobs: { readonly kind: 'disk'; readonly root: string };
  readonly jwtSecret: string | undefined;
  readonly rateLimit: boolean;
  readonly demo: boolean;
  readonly log: {
    readonly level: string;
    readonly format: 'auto' | 'json' | 'pretty';
    readonly file: { readonly path: string; readonly maxBytes: number; readonly generations: number } | undefined;
  };
  readonly timeZone: string;
  readonly ffmpegPath: string | undefined;
  readonly uploads: {
    readonly maxBytes: number;
    readonly maxDurationMs: number;
    readonly maxPixels: number;
    readonly perUser: number;
    readonly total: number;
    readonly pictureMaxBytes: number;
  };
  readonly http: {
    readonly requestTimeoutMs: number;
    readonly headersTimeoutMs: number;
    readonly maxInFlight: number;
    readonly maxConnections: number;
  };
  readonly shutdownTimeoutMs: number;
  readonly mediaWorkers: number;
};

type Values = { readonly [N in keyof typeof settings]: (typeof settings)[N] extends Setting<infer T> ? T : never };

/** Checks every setting; throws a {@link ConfigError} for the first that is wrong. */
export function loadConfig(input: { readonly environment: Environment; readonly workingDirectory: string }): Config {
  const { environment, workingDirectory } = input;
  const given = (name: keyof Values): string | undefined => {
    const value = environment[name]?.trim();
    return value === undefined || value === '' ? undefined : value;
  };
  const read = <N extends keyof Values>(name: N): Values[N] => readSetting(name, given(name) ?? settings[name].default);
  const optional = <N extends keyof Values>(name: N): Values[N] | undefined =>
    given(name) === undefined ? undefined : read(name);
  const absolute = (path: string): string => (isAbsolute(path) ? path : resolve(workingDirectory, path));

  // Set or not, these two have nothing to read yet; a value is refused with the reason.
  optional('REDIS_URL');
  optional('AMQP_URL');
  const dataDir = absolute(read('DATA_DIR'));
  const logFile = optional('LOG_FILE');
  const ffmpegPath = optional('FFMPEG_PATH');
  const headersTimeoutMs = read('HEADERS_TIMEOUT');
  const requestTimeoutMs = read('REQUEST_TIMEOUT');
  if (headersTimeoutMs > requestTimeoutMs) {
    throw new ConfigError('HEADERS_TIMEOUT', 'must not be longer than REQUEST_TIMEOUT');
  }
  const uploads = { perUser: read('UPLOADS_PER_USER'), total: read('UPLOADS_TOTAL') };
  if (uploads.perUser > uploads.total) throw new ConfigError('UPLOADS_PER_USER', 'must not be more than UPLOADS_TOTAL');
  return deepFreeze({
    role: read('ROLE'),
    host: read('HOST'),
    port: read('PORT'),
    publicUrl: optional('PUBLIC_URL'),
    trustProxy: read('TRUST_PROXY'),
    dataDir,
    database: { kind: 'sqlite', path: absolute(optional('DATABASE_URL') ?? join(dataDir, 'tiktok.sqlite')) },
    cache: { kind: 'memory' },
    queue: { kind: 'outbox' },
    blobs: { kind: 'disk', root: absolute(optional('STORAGE_URL') ?? join(dataDir, 'media')) },
    jwtSecret: optional('JWT_SECRET'),
    rateLimit: read('RATE_LIMIT'),
    demo: read('DEMO'),
    log: {
      level: read('LOG_LEVEL'),
      format: read('LOG_FORMAT'),
      file:
        logFile === undefined
          ? undefined
          : { path: absolute(logFile), maxBytes: read('LOG_FILE_MAX_SIZE'), generations: read('LOG_FILE_GENERATIONS') },
    },
    timeZone: optional('TZ') ?? new Intl.DateTimeFormat().resolvedOptions().timeZone,
    ffmpegPath: ffmpegPath === undefined ? undefined : absolute(ffmpegPath),
    uploads: {
      ...uploads,
      maxBytes: read('UPLOAD_MAX_SIZE'),
      maxDurationMs: read('UPLOAD_MAX_DURATION'),
      maxPixels: read('UPLOAD_MAX_PIXELS'),
      pictureMaxBytes: read('PICTURE_MAX_SIZE'),
    },
    http: {
      requestTimeoutMs,
      headersTimeoutMs,
      maxInFlight: read('MAX_REQUESTS_IN_FLIGHT'),
      maxConnections: read('MAX_CONNECTIONS'),
    },
    shutdownTimeoutMs: read('SHUTDOWN_TIMEOUT'),
    mediaWorkers: read('MEDIA_WORKERS'),
  });
}

function readSetting<N extends keyof Values>(name: N, text: string): Values[N];
function readSetting(name: keyof Values, text: string): unknown {
  return settings[name].parse(text, (rule) => {
    throw new ConfigError(name, rule);
  });
}

function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) if (typeof inner === 'object' && inner !== null) deepFreeze(inner);
  return Object.freeze(value);
}
