import { delimiter, isAbsolute, join, resolve } from 'node:path';
import { ConfigError } from './config-error.ts';
import type { DiskAddress, MysqlAddress, S3Address, SqliteAddress } from './engine-kinds.ts';
import type { Environment } from './environment.ts';
import type { Setting } from './setting.ts';
import { settings } from './settings.ts';

export type Role = 'all' | 'api' | 'worker' | 'migrate';

/** Everything that can be set, checked once and never changed. Durations are milliseconds, sizes bytes, paths absolute. */
export type Config = {
  readonly role: Role;
  readonly host: string;
  readonly port: number;
  readonly publicUrl: string | undefined;
  readonly trustProxy: false | number | readonly string[];
  readonly dataDir: string;
  readonly database: SqliteAddress | (MysqlAddress & { readonly poolSize: number });
  readonly cache: { readonly kind: 'memory' } | { readonly kind: 'redis'; readonly url: string };
  readonly queue: { readonly kind: 'memory' } | { readonly kind: 'rabbitmq'; readonly url: string };
  readonly blobs: DiskAddress | S3Storage;
  readonly jwtSecret: string | undefined;
  readonly rateLimit: boolean;
  readonly demo: boolean;
  readonly log: {
    readonly level: string;
    readonly format: 'auto' | 'json' | 'pretty';
    readonly file: { readonly path: string; readonly maxBytes: number; readonly generations: number } | undefined;
  };
  /** Undefined: that of the system. */
  readonly timeZone: string | undefined;
  readonly ffmpegPath: string | undefined;
  /** Folders in which the system's ffmpeg is looked for. */
  readonly searchPath: readonly string[];
  /** ffmpeg's name of the encoder, or `auto`: whatever works here. */
  readonly videoEncoder: Values['VIDEO_ENCODER'];
  readonly uploads: {
    readonly maxBytes: number;
    readonly maxDurationMs: number;
    readonly maxPixels: number;
    readonly perUser: number;
    readonly total: number;
    /** Of one user, of resumable uploads that are not finished. */
    readonly unfinished: { readonly count: number; readonly bytes: number };
    /** After the last byte. */
    readonly expiryMs: number;
    readonly pictureMaxBytes: number;
  };
  readonly http: {
    readonly requestTimeoutMs: number;
    readonly headersTimeoutMs: number;
    readonly maxInFlight: number;
    readonly maxConnections: number;
    /** With a slash at both ends. */
    readonly accelRedirect: string | undefined;
  };
  readonly shutdownTimeoutMs: number;
  readonly mediaWorkers: number;
  /** How conversions compete for the processor. */
  readonly mediaPriority: 'idle' | 'normal';
  /** Where metrics and profiles are; undefined: nowhere. */
  readonly admin: { readonly host: string; readonly port: number } | undefined;
  /** The collector of traces; undefined: there are none. */
  readonly otlpEndpoint: string | undefined;
};

export type S3Storage = S3Address & {
  /** Undefined: what the AWS environment gives. */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined;
  /** Address under which everyone may read the bucket; undefined: clients get signed addresses. */
  readonly publicUrl: string | undefined;
};

/** Where programs are if nobody says. */
const usualPath = ['/usr/local/bin', '/usr/bin', '/bin', '/opt/homebrew/bin'].join(delimiter);

type Settings = typeof settings;
type SettingName = keyof Settings;
type Values = { readonly [N in SettingName]: Settings[N] extends Setting<infer T> ? T : never };

/** Checks every setting, also those that nothing reads here; throws a {@link ConfigError} for the first that is wrong. */
export function loadConfig(input: { readonly environment: Environment; readonly workingDirectory: string }): Config {
  const { environment, workingDirectory } = input;
  const given = (name: string): string | undefined => {
    const value = environment[name]?.trim();
    return value === undefined || value === '' ? undefined : value;
  };
  const read = <N extends SettingName>(name: N): Values[N] => readSetting(name, given(name) ?? settings[name].default);
  const optional = <N extends SettingName>(name: N): Values[N] | undefined =>
    given(name) === undefined ? undefined : read(name);
  const absolute = (path: string): string => resolve(workingDirectory, path);
  checkAll(given);

  const dataDir = absolute(read('DATA_DIR'));
  const role = read('ROLE');
  const logFile = optional('LOG_FILE');
  const ffmpegPath = optional('FFMPEG_PATH');
  const database = optional('DATABASE_URL') ?? { kind: 'sqlite', path: join(dataDir, 'tiktok.sqlite') };
  const storage = optional('STORAGE_URL') ?? { kind: 'disk', root: join(dataDir, 'media') };
  const [accessKeyId, secretAccessKey] = [optional('STORAGE_ACCESS_KEY'), optional('STORAGE_SECRET_KEY')];
  const [redis, amqp, adminPort] = [optional('REDIS_URL'), optional('AMQP_URL'), optional('ADMIN_PORT')];
  checkTogether({ role, database, storage, given });
  return deepFreeze({
    role,
    host: read('HOST'),
    port: read('PORT'),
    publicUrl: optional('PUBLIC_URL'),
    trustProxy: read('TRUST_PROXY'),
    dataDir,
    database:
      database.kind === 'sqlite'
        ? { kind: 'sqlite', path: absolute(database.path) }
        : { ...database, poolSize: read('DATABASE_POOL') },
    cache: redis === undefined ? { kind: 'memory' } : { kind: 'redis', url: redis },
    queue: amqp === undefined ? { kind: 'memory' } : { kind: 'rabbitmq', url: amqp },
    blobs:
      storage.kind === 'disk'
        ? { kind: 'disk', root: absolute(storage.root) }
        : {
            ...storage,
            credentials:
              accessKeyId === undefined || secretAccessKey === undefined ? undefined : { accessKeyId, secretAccessKey },
            publicUrl: optional('STORAGE_PUBLIC_URL'),
          },
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
    timeZone: optional('TZ'),
    ffmpegPath: ffmpegPath === undefined ? undefined : absolute(ffmpegPath),
    searchPath: (environment['PATH'] ?? usualPath).split(delimiter).filter((folder) => isAbsolute(folder)),
    videoEncoder: read('VIDEO_ENCODER'),
    uploads: {
      maxBytes: read('UPLOAD_MAX_SIZE'),
      maxDurationMs: read('UPLOAD_MAX_DURATION'),
      maxPixels: read('UPLOAD_MAX_PIXELS'),
      perUser: read('UPLOADS_PER_USER'),
      total: read('UPLOADS_TOTAL'),
      unfinished: {
        count: read('UPLOAD_UNFINISHED_PER_USER'),
        // Else the largest file that is allowed could never be sent.
        bytes: Math.max(read('UPLOAD_UNFINISHED_SIZE'), read('UPLOAD_MAX_SIZE')),
      },
      expiryMs: read('UPLOAD_EXPIRY'),
      pictureMaxBytes: read('PICTURE_MAX_SIZE'),
    },
    http: {
      requestTimeoutMs: read('REQUEST_TIMEOUT'),
      headersTimeoutMs: read('HEADERS_TIMEOUT'),
      maxInFlight: read('MAX_REQUESTS_IN_FLIGHT'),
      maxConnections: read('MAX_CONNECTIONS'),
      accelRedirect: optional('ACCEL_REDIRECT'),
    },
    shutdownTimeoutMs: read('SHUTDOWN_TIMEOUT'),
    mediaWorkers: read('MEDIA_WORKERS'),
    mediaPriority: read('MEDIA_PRIORITY'),
    admin: adminPort === undefined ? undefined : { host: read('ADMIN_HOST'), port: adminPort },
    otlpEndpoint: optional('OTEL_EXPORTER_OTLP_ENDPOINT'),
  });
}

const settingNames = Object.keys(settings).filter((name): name is SettingName => Object.hasOwn(settings, name));

/** Pairs of which the first must not be more than the second. */
const ordered = [
  ['HEADERS_TIMEOUT', 'REQUEST_TIMEOUT'],
  ['UPLOADS_PER_USER', 'UPLOADS_TOTAL'],
] as const;

function checkAll(given: (name: string) => string | undefined): void {
  for (const name of settingNames) {
    const text = given(name);
    if (text === undefined) continue;
    readSetting(name, text);
    const { needs }: Setting<unknown> = settings[name];
    if (needs !== undefined && given(needs) === undefined) {
      throw new ConfigError(name, `is set, but ${needs}, without which it means nothing, is not`);
    }
  }
  for (const [less, more] of ordered) {
    const [lessText, moreText] = [given(less) ?? settings[less].default, given(more) ?? settings[more].default];
    if (readSetting(less, lessText) <= readSetting(more, moreText)) continue;
    // The one that was given is to blame.
    if (given(less) === undefined)
      throw new ConfigError(more, `must not be less than ${less}, ${lessText}: it is ${moreText}`);
    throw new ConfigError(less, `must not be more than ${more}, ${moreText}: it is ${lessText}`);
  }
}

/** What the choice of an engine or a role asks of other settings. */
function checkTogether(chosen: {
  readonly role: Role;
  readonly database: SqliteAddress | MysqlAddress;
  readonly storage: DiskAddress | S3Address;
  readonly given: (name: string) => string | undefined;
}): void {
  const { role, database, storage, given } = chosen;
  const need = (setting: SettingName, example: string, why: string): void => {
    if (given(setting) === undefined) throw new ConfigError(setting, `must be set (${example}): ${why}`);
  };
  const unused = (setting: SettingName, without: string): void => {
    if (given(setting) !== undefined) throw new ConfigError(setting, `is set, but means nothing without ${without}`);
  };
  if (storage.kind === 'disk') {
    unused('STORAGE_ACCESS_KEY', 'STORAGE_URL=s3://…');
    unused('STORAGE_PUBLIC_URL', 'STORAGE_URL=s3://…');
  } else if (given('ACCEL_REDIRECT') !== undefined) {
    throw new ConfigError(
      'ACCEL_REDIRECT',
      'is set, but STORAGE_URL is s3://…: nginx sends files of a local folder; leave it out, clients fetch them from S3',
    );
  }
  if (role === 'api' || role === 'worker') {
    const why = `ROLE=${role} is one of several processes, which meet there`;
    if (database.kind === 'sqlite') throw new ConfigError('DATABASE_URL', `must be mysql://…: ${why}`);
    if (storage.kind === 'disk') throw new ConfigError('STORAGE_URL', `must be s3://…: ${why}`);
    need('AMQP_URL', 'amqp://…', why);
  }
  if (database.kind === 'sqlite') {
    unused('DATABASE_POOL', 'DATABASE_URL=mysql://…');
    return;
  }
  if (role === 'migrate') return;
  need(
    'REDIS_URL',
    'redis://…',
    'other processes may write to the same MySQL, and what one caches the others must know',
  );
  need('JWT_SECRET', 'at least 32 characters', 'with MySQL, every process must sign tokens with the same secret');
}

function readSetting<N extends SettingName>(name: N, text: string): Values[N];
function readSetting(name: SettingName, text: string): unknown {
  return settings[name].kind.parse(text, (rule) => {
    throw new ConfigError(name, rule);
  });
}

function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) if (typeof inner === 'object' && inner !== null) deepFreeze(inner);
  return Object.freeze(value);
}
