/** Settings that choose engines and roles, and what one of them asks of others. */
import { expect, test } from 'vitest';
import { load, refusal } from '../../test/load-config.ts';
import type { Environment } from './index.ts';

/** Everything that several processes need. */
const production = {
  DATABASE_URL: 'mysql://me:p%40ss@db.example.org:3307/site?tls=on',
  REDIS_URL: 'rediss://:pw@cache:6380/2',
  AMQP_URL: 'amqps://me:pw@queue:5671/site',
  STORAGE_URL: 's3://videos?endpoint=http://minio:9000/&region=eu-1',
  JWT_SECRET: 'x'.repeat(32),
};

test('engines are told apart by their addresses', () => {
  expect(
    load({ ...production, ROLE: 'api', DATABASE_POOL: '5', STORAGE_ACCESS_KEY: 'k', STORAGE_SECRET_KEY: 's' }),
  ).toMatchObject({
    role: 'api',
    database: {
      kind: 'mysql',
      host: 'db.example.org',
      port: 3307,
      user: 'me',
      password: 'p@ss',
      database: 'site',
      tls: true,
      poolSize: 5,
    },
    cache: { kind: 'redis', url: production.REDIS_URL },
    queue: { kind: 'rabbitmq', url: production.AMQP_URL },
    blobs: {
      kind: 's3',
      bucket: 'videos',
      endpoint: 'http://minio:9000',
      region: 'eu-1',
      pathStyle: true,
      credentials: { accessKeyId: 'k', secretAccessKey: 's' },
      publicUrl: undefined,
    },
  });
  expect(load({ STORAGE_URL: 's3://videos', STORAGE_PUBLIC_URL: 'https://cdn.example.org/v/' }).blobs).toMatchObject({
    endpoint: undefined,
    pathStyle: false,
    credentials: undefined,
    publicUrl: 'https://cdn.example.org/v',
  });
  expect(load({ ROLE: 'migrate', DATABASE_URL: 'mysql://me@h/d' }).database).toMatchObject({
    port: 3306,
    tls: false,
  });
  expect(load({ ADMIN_PORT: '9100' }).admin).toEqual({ host: '127.0.0.1', port: 9100 });
  expect(load({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://x:4318/' }).otlpEndpoint).toBe('http://x:4318');
});

const bad: readonly (readonly [Environment, RegExp])[] = [
  [{ ROLE: 'worker' }, /^DATABASE_URL must be mysql:.*ROLE=worker is one of several processes/],
  [{ ...production, ROLE: 'api', STORAGE_URL: 'file:x' }, /^STORAGE_URL must be s3:.*ROLE=api/],
  [{ ...production, ROLE: 'api', AMQP_URL: '' }, /^AMQP_URL must be set \(amqp:.*ROLE=api/],
  [{ ...production, ROLE: 'worker', REDIS_URL: '' }, /^REDIS_URL must be set \(redis:/],
  [{ ...production, REDIS_URL: '' }, /^REDIS_URL must be set .*what one caches the others must know$/],
  [{ ...production, JWT_SECRET: '' }, /^JWT_SECRET must be set .*the same secret$/],
  [{ DATABASE_URL: 'postgres://me:pw@host/db' }, /^DATABASE_URL must be sqlite:PATH or mysql:.*DATABASE$/],
  [{ DATABASE_URL: 'mysql://host/db' }, /^DATABASE_URL must be .*user is missing$/],
  [{ DATABASE_URL: 'mysql://me:pw@/db' }, /^DATABASE_URL must be /],
  [{ DATABASE_URL: 'mysql://me:pw@host' }, /^DATABASE_URL must be .*the database is missing/],
  [{ DATABASE_URL: 'mysql://me:pw@host/a/b' }, /^DATABASE_URL must be .*not a name/],
  [{ DATABASE_URL: 'mysql://me:pw@host/db?ssl=on' }, /^DATABASE_URL must not have the parameter ssl: only tls$/],
  [{ DATABASE_URL: 'mysql://me:pw@host/db?tls=yes' }, /^DATABASE_URL must have tls=on or tls=off$/],
  [{ DATABASE_URL: 'mysql://me:%zz@host/db' }, /^DATABASE_URL must be .*%25/],
  [{ DATABASE_POOL: '20' }, /^DATABASE_POOL is set, but means nothing without DATABASE_URL=mysql:/],
  [{ STORAGE_URL: 's3://bucket?endpoint=x' }, /^STORAGE_URL must be .*the endpoint is not an http/],
  [{ STORAGE_URL: 's3://B' }, /^STORAGE_URL must be .*the bucket is missing, or not a name/],
  [{ STORAGE_URL: 's3://bucket/folder' }, /^STORAGE_URL must be .*the bucket/],
  [{ STORAGE_URL: 's3://bucket?acl=public' }, /^STORAGE_URL must not have the parameter acl/],
  [{ STORAGE_URL: 's3://key:secret@bucket' }, /^STORAGE_URL must not hold keys.*STORAGE_ACCESS_KEY/],
  [{ STORAGE_URL: 'ftp://x' }, /^STORAGE_URL must be file:FOLDER or s3:/],
  [{ STORAGE_ACCESS_KEY: 'x', STORAGE_SECRET_KEY: 'y' }, /^STORAGE_ACCESS_KEY is set, but means nothing without/],
  [{ STORAGE_ACCESS_KEY: 'x', STORAGE_URL: 's3://bucket' }, /^STORAGE_ACCESS_KEY is set, but STORAGE_SECRET_KEY/],
  [{ STORAGE_PUBLIC_URL: 'https://x.org' }, /^STORAGE_PUBLIC_URL is set, but STORAGE_URL/],
  [{ STORAGE_PUBLIC_URL: 'https://x.org', STORAGE_URL: 'file:x' }, /^STORAGE_PUBLIC_URL is set, but means nothing/],
  [{ ACCEL_REDIRECT: 'protected' }, /^ACCEL_REDIRECT must be a path that begins and ends with \/.*\/protected-media\//],
  [{ ACCEL_REDIRECT: '/media/x/' }, /^ACCEL_REDIRECT must not lie below \/media\//],
  [{ ACCEL_REDIRECT: '/files/', STORAGE_URL: 's3://bucket' }, /^ACCEL_REDIRECT is set, but STORAGE_URL is s3:/],
  [{ REDIS_URL: 'http://x' }, /^REDIS_URL must be redis:/],
  [{ REDIS_URL: 'redis:///1' }, /^REDIS_URL must be .*the host is missing$/],
  [{ AMQP_URL: 'rabbit' }, /^AMQP_URL must be amqp:/],
  [{ ADMIN_PORT: 'x' }, /^ADMIN_PORT must be a whole number/],
  [{ ADMIN_HOST: '0.0.0.0' }, /^ADMIN_HOST is set, but ADMIN_PORT/],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'localhost:4318' }, /^OTEL_EXPORTER_OTLP_ENDPOINT must be an http or https/],
];
test.each(bad)('%o is refused', (environment, message) => {
  expect(refusal(environment)).toMatch(message);
});
