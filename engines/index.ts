/**
 * Real servers of this machine: each engine of the production form, started from the programs of Debian's packages as a
 * child of this process, on a free port of loopback and in a folder of its own, as root or as any user. They end with this
 * process, even if it is killed. Tests, `npm run chaos`, `npm run stack` and the bench use them; the product does not.
 * The room imports nothing of ours.
 */

export { type CutProxy, startProxy } from './cut-proxy.ts';
export { type Engine, EngineMissingError, type EngineName, type EngineOptions } from './engine.ts';
export { missingOf } from './installed.ts';
export { type MysqlOptions, startMysql } from './mariadb.ts';
export { type RabbitmqOptions, type RabbitmqUser, startRabbitmq } from './rabbitmq.ts';
export { type RedisOptions, startRedis } from './redis.ts';
export { startS3 } from './s3.ts';
export * from './s3-buckets.ts';
