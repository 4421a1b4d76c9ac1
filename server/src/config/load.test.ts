import { isAbsolute } from 'node:path';
import { compile } from '@fastify/proxy-addr';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { load, refusal } from '../../test/load-config.ts';
import { type Config, ConfigError, type Environment, settings } from './index.ts';

const pathOf = ({ database }: Config): string | undefined => (database.kind === 'sqlite' ? database.path : undefined);
const rootOf = ({ blobs }: Config): string | undefined => (blobs.kind === 'disk' ? blobs.root : undefined);

/** Settings without which another one means nothing. */
function meaning(name: string): Environment {
  if (name.startsWith('LOG_FILE_')) return { LOG_FILE: 'x.log' };
  if (name === 'ADMIN_HOST') return { ADMIN_PORT: '0' };
  if (name !== 'DATABASE_POOL') return {};
  return { DATABASE_URL: 'mysql://me@db/site', REDIS_URL: 'redis://cache', JWT_SECRET: 'x'.repeat(32) };
}

describe('defaults', () => {
  test('everything has one, and paths are absolute', () => {
    expect(load({})).toEqual({
      role: 'all',
      host: '127.0.0.1',
      port: 8080,
      publicUrl: undefined,
      trustProxy: false,
      dataDir: '/srv/site/data',
      database: { kind: 'sqlite', path: '/srv/site/data/tiktok.sqlite' },
      cache: { kind: 'memory' },
      queue: { kind: 'memory' },
      blobs: { kind: 'disk', root: '/srv/site/data/media' },
      jwtSecret: undefined,
      rateLimit: true,
      demo: true,
      log: { level: 'info', format: 'auto', file: undefined },
      timeZone: undefined,
      ffmpegPath: undefined,
      searchPath: ['/usr/local/bin', '/usr/bin', '/bin', '/opt/homebrew/bin'],
      uploads: {
        maxBytes: 512 * 1024 ** 2,
        maxDurationMs: 600_000,
        maxPixels: 4096 * 2304,
        perUser: 2,
        total: 8,
        unfinished: { count: 5, bytes: 2 * 1024 ** 3 },
        expiryMs: 24 * 60 * 60_000,
        pictureMaxBytes: 10 * 1024 ** 2,
      },
      http: {
        requestTimeoutMs: 600_000,
        headersTimeoutMs: 10_000,
        maxInFlight: 2000,
        maxConnections: 10_000,
        accelRedirect: undefined,
      },
      shutdownTimeoutMs: 20_000,
      mediaWorkers: 1,
      mediaPriority: 'idle',
      videoEncoder: 'auto',
      admin: undefined,
      otlpEndpoint: undefined,
    });
  });

  test('an empty or blank value is the same as none', () => {
    const blank = Object.fromEntries(Object.keys(settings).map((name, index) => [name, index % 2 === 0 ? '' : '  ']));
    expect(load(blank)).toEqual(load({}));
  });

  test('each default keeps the rule of its own setting', () => {
    for (const [name, { default: value }] of Object.entries(settings)) {
      if (value === '') continue;
      expect(() => load({ ...meaning(name), [name]: value }), name).not.toThrow();
    }
  });

  test('the result cannot be changed, at any depth', () => {
    const config = load({ LOG_FILE: 'x.log', TRUST_PROXY: '10.0.0.1,loopback' });
    const visit = (value: unknown): void => {
      if (typeof value !== 'object' || value === null) return;
      expect(Object.isFrozen(value)).toBe(true);
      Object.values(value).forEach(visit);
    };
    visit(config);
  });
});

describe('values', () => {
  const good: readonly (readonly [Environment, (config: Config) => unknown, unknown])[] = [
    [{ PORT: '0' }, (c) => c.port, 0],
    [{ PATH: '/opt/a:relative::/opt/b' }, (c) => c.searchPath, ['/opt/a', '/opt/b']],
    [{ HOST: '::1' }, (c) => c.host, '::1'],
    [{ HOST: 'video.example.org' }, (c) => c.host, 'video.example.org'],
    [{ DATA_DIR: '/var/lib/x/' }, (c) => pathOf(c), '/var/lib/x/tiktok.sqlite'],
    [{ DATA_DIR: '../x' }, (c) => rootOf(c), '/srv/x/media'],
    [{ DATABASE_URL: 'sqlite:a.db' }, (c) => pathOf(c), '/srv/site/a.db'],
    [{ DATABASE_URL: 'sqlite:///a/b.db' }, (c) => pathOf(c), '/a/b.db'],
    [{ STORAGE_URL: 'file:/media' }, (c) => rootOf(c), '/media'],
    [{ PUBLIC_URL: 'https://Videos.example.org:443/' }, (c) => c.publicUrl, 'https://videos.example.org'],
    [{ TRUST_PROXY: '2' }, (c) => c.trustProxy, 2],
    [{ TRUST_PROXY: 'off' }, (c) => c.trustProxy, false],
    [{ TRUST_PROXY: '10.0.0.0/8, ::1,loopback' }, (c) => c.trustProxy, ['10.0.0.0/8', '::1', 'loopback']],
    [{ JWT_SECRET: 'x'.repeat(32) }, (c) => c.jwtSecret, 'x'.repeat(32)],
    [{ RATE_LIMIT: 'off', DEMO: 'off' }, (c) => [c.rateLimit, c.demo], [false, false]],
    [{ LOG_LEVEL: 'silent', LOG_FORMAT: 'json' }, (c) => [c.log.level, c.log.format], ['silent', 'json']],
    [
      { LOG_FILE: 'log/x', LOG_FILE_MAX_SIZE: '5mb', LOG_FILE_GENERATIONS: '3' },
      (c) => c.log.file,
      { path: '/srv/site/log/x', maxBytes: 5 * 1024 ** 2, generations: 3 },
    ],
    [{ LOG_FILE: '/x.log' }, (c) => c.log.file, { path: '/x.log', maxBytes: 10 * 1024 ** 2, generations: 7 }],
    [{ TZ: 'asia/shanghai' }, (c) => c.timeZone, 'Asia/Shanghai'],
    [{ TZ: ':/etc/localtime' }, (c) => c.timeZone, undefined],
    [{ FFMPEG_PATH: 'bin/ffmpeg' }, (c) => c.ffmpegPath, '/srv/site/bin/ffmpeg'],
    [{ UPLOAD_MAX_SIZE: '1GB' }, (c) => c.uploads.maxBytes, 1024 ** 3],
    [{ UPLOAD_MAX_SIZE: '2048' }, (c) => c.uploads.maxBytes, 2048],
    [{ UPLOAD_MAX_DURATION: '90s' }, (c) => c.uploads.maxDurationMs, 90_000],
    [{ HEADERS_TIMEOUT: '1500ms' }, (c) => c.http.headersTimeoutMs, 1500],
    [{ SHUTDOWN_TIMEOUT: '1h' }, (c) => c.shutdownTimeoutMs, 3_600_000],
  ];
  test.each(good)('%o', (environment, pick, expected) => {
    expect(pick(load(environment))).toEqual(expected);
  });

  const bad: readonly (readonly [Environment, RegExp])[] = [
    [{ ROLE: 'boss' }, /^ROLE must be one of all, api, worker, migrate, not "boss"$/],
    [{ HOST: 'http://x' }, /^HOST must be an IP address or a host name, not "http:\/\/x"$/],
    [{ PORT: '65536' }, /^PORT must be a whole number from 0 to 65535, not "65536"$/],
    [{ PORT: '8080.0' }, /^PORT /],
    [{ PORT: '-1' }, /^PORT /],
    [{ PUBLIC_URL: 'https://x.org/videos' }, /^PUBLIC_URL .* without a path.* not "https:\/\/x.org\/videos"$/],
    [{ PUBLIC_URL: 'https://x.org?a=1' }, /^PUBLIC_URL /],
    [{ PUBLIC_URL: 'ftp://x.org' }, /^PUBLIC_URL /],
    [{ PUBLIC_URL: 'x.org' }, /^PUBLIC_URL /],
    [{ TRUST_PROXY: 'true' }, /^TRUST_PROXY must be off.* not "true"; trusting everyone would let anyone pretend/],
    [{ TRUST_PROXY: 'all' }, /^TRUST_PROXY .*trusting everyone/],
    [{ TRUST_PROXY: '0' }, /^TRUST_PROXY /],
    [{ TRUST_PROXY: '0.0.0.0/0' }, /^TRUST_PROXY /],
    [{ TRUST_PROXY: '::/0' }, /^TRUST_PROXY /],
    [{ TRUST_PROXY: '10.0.0.0/33' }, /^TRUST_PROXY /],
    [{ TRUST_PROXY: '10.0.0.1,' }, /^TRUST_PROXY /],
    [{ DATABASE_URL: 'sqlite:' }, /^DATABASE_URL .*missing$/],
    [{ DATABASE_URL: 'sqlite::memory:' }, /^DATABASE_URL .*lost$/],
    [{ DATABASE_URL: 'sqlite://a/b' }, /^DATABASE_URL .*without \/\//],
    [{ JWT_SECRET: 'short' }, /^JWT_SECRET must be at least 32 characters long; it has 5$/],
    [{ RATE_LIMIT: 'yes' }, /^RATE_LIMIT must be one of on, off, not "yes"$/],
    [{ LOG_LEVEL: 'verbose' }, /^LOG_LEVEL must be one of trace, .* not "verbose"$/],
    [{ LOG_FILE: 'a\0b' }, /^LOG_FILE must be a path/],
    [{ LOG_FILE_GENERATIONS: '3' }, /^LOG_FILE_GENERATIONS is set, but LOG_FILE.* is not$/],
    [{ LOG_FILE_MAX_SIZE: 'big' }, /^LOG_FILE_MAX_SIZE must be a size .*not "big"$/],
    [{ TZ: 'Mars/Base' }, /^TZ must be an IANA time zone .*not "Mars\/Base"$/],
    [{ UPLOAD_MAX_SIZE: '1.5GB' }, /^UPLOAD_MAX_SIZE must be a size such as .* from 1KB to 1TB, not "1.5GB"$/],
    [{ UPLOAD_MAX_DURATION: '10' }, /^UPLOAD_MAX_DURATION must be a duration .* from 1s to 24h, not "10"$/],
    [{ UPLOAD_MAX_DURATION: '10 m' }, /^UPLOAD_MAX_DURATION /],
    [{ HEADERS_TIMEOUT: '11m' }, /^HEADERS_TIMEOUT must not be more than REQUEST_TIMEOUT, 10m: it is 11m$/],
    [{ REQUEST_TIMEOUT: '5s' }, /^REQUEST_TIMEOUT must not be less than HEADERS_TIMEOUT, 10s: it is 5s$/],
    [{ UPLOADS_TOTAL: '1' }, /^UPLOADS_TOTAL must not be less than UPLOADS_PER_USER, 2: it is 1$/],
  ];
  test.each(bad)('%o is refused', (environment, message) => {
    expect(refusal(environment)).toMatch(message);
  });

  test('the first setting of the table that is wrong is the one that is named', () => {
    expect(refusal({ MEDIA_WORKERS: 'x', PORT: 'x' })).toMatch(/^PORT /);
  });
});

describe('whatever is given', () => {
  const names = fc.constantFrom(...Object.keys(settings));
  const value = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc.string({ unit: 'grapheme-ascii', maxLength: 20 }),
    fc.integer().map(String),
    fc.double().map(String),
    fc.webUrl({ withFragments: true, withQueryParameters: true }),
    fc
      .tuple(fc.nat(), fc.constantFrom('B', 'KB', 'MB', 'TB', 's', 'ms', 'm', 'h', 'd'))
      .map(([n, unit]) => `${n}${unit}`),
    fc.constantFrom(
      'on',
      'off',
      'true',
      'all',
      'null',
      '0x10',
      '1e3',
      '+1',
      '١',
      '８０８０',
      '../..',
      '\u2028x\u0085y',
      '\u001b[2J',
    ),
  );

  test('a setting is read, or refused with one line that names it', () => {
    fc.assert(
      fc.property(names, value, (name, text) => {
        try {
          const config = load({ ...meaning(name), [name]: text });
          for (const path of [config.dataDir, rootOf(config), pathOf(config)]) {
            if (path !== undefined) expect(isAbsolute(path)).toBe(true);
          }
        } catch (error) {
          if (!(error instanceof ConfigError)) throw error;
          expect(error.message.startsWith(`${name} `)).toBe(true);
          expect(error.message).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]/u);
          expect(error.message.length).toBeLessThan(600);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test('numbers outside of their range are refused, those inside are taken', () => {
    const ranges = { PORT: [0, 65_535], MEDIA_WORKERS: [1, 64], MAX_CONNECTIONS: [1, 1_000_000] } as const;
    for (const [name, [min, max]] of Object.entries(ranges)) {
      fc.assert(
        fc.property(fc.oneof(fc.maxSafeInteger(), fc.integer({ min: min - 5, max: max + 5 })), (given) => {
          if (given >= min && given <= max) load({ [name]: String(given) });
          else expect(refusal({ [name]: String(given) })).toMatch(new RegExp(`^${name} must be a whole number`));
        }),
      );
    }
  });

  test('no message shows a secret', () => {
    const hidden = fc.stringMatching(/^[a-z0-9]{12,24}$/);
    fc.assert(
      fc.property(hidden, (text) => {
        expect(refusal({ JWT_SECRET: text })).not.toContain(text);
        for (const name of [
          'DATABASE_URL',
          'STORAGE_URL',
          'REDIS_URL',
          'AMQP_URL',
          'PUBLIC_URL',
          'HOST',
          'TRUST_PROXY',
        ]) {
          expect(refusal({ [name]: `mysql://me:${text}@db:3306/x` })).not.toContain(text);
        }
      }),
    );
  });

  test('proxies that are taken are ones that Fastify can read', () => {
    const bits = fc.option(fc.integer({ min: 0, max: 140 }), { nil: undefined });
    const range = fc
      .tuple(fc.oneof(fc.ipV4(), fc.ipV6()), bits)
      .map(([ip, n]) => (n === undefined ? ip : `${ip}/${n}`));
    fc.assert(
      fc.property(fc.array(range, { minLength: 1, maxLength: 4 }), (list) => {
        let taken: Config['trustProxy'];
        try {
          taken = load({ TRUST_PROXY: list.join(',') }).trustProxy;
        } catch {
          return;
        }
        if (typeof taken !== 'object') throw new Error(`not a list: ${taken}`);
        expect(() => compile([...taken])).not.toThrow();
      }),
    );
  });
});
