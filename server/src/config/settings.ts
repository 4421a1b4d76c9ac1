/** The table of everything that can be set: validation, `--help` and the documentation come from here. */
import { host, internalLocation, publicUrl, timeZone, trustProxy } from './address-kinds.ts';
import { amqpAddress, databaseAddress, redisAddress, storageAddress, webAddress } from './engine-kinds.ts';
import { duration, integer, oneOf, onOff, path, secret, size } from './kinds.ts';
import { mediaSettings } from './media-settings.ts';
import { setting } from './setting.ts';

/** Names the file of settings; it can only be given by the environment, so it is not one of them. */
export const configFileVariable = 'CONFIG_FILE';

export const settings = {
  ROLE: setting({
    default: 'all',
    kind: oneOf('all', 'api', 'worker', 'migrate'),
    doc: {
      en: '`all`; or `api` (answers), `worker` (jobs behind them), with MySQL, Redis, RabbitMQ and S3; or `migrate` (tables)',
      zh: '`all` 全部；或使用 MySQL、Redis、RabbitMQ、S3 时的 `api`（处理请求）与 `worker`（后台任务）；或 `migrate`（建表）',
    },
  }),
  HOST: setting({
    default: '127.0.0.1',
    kind: host,
    doc: { en: 'Address to listen on; `0.0.0.0` lets other devices in', zh: '监听地址；`0.0.0.0` 允许其他设备访问' },
  }),
  PORT: setting({
    default: '8080',
    kind: integer(0, 65_535),
    doc: { en: 'Port to listen on; `0` takes any free one', zh: '监听端口；`0` 表示任意空闲端口' },
  }),
  DATA_DIR: setting({
    default: './data',
    kind: path,
    doc: { en: 'Folder of everything that is kept: database, files, secret', zh: '数据目录：数据库、文件、密钥' },
  }),
  PUBLIC_URL: setting({
    default: '',
    kind: publicUrl,
    doc: {
      en: 'Address under which clients reach the site, used in media addresses; without it, the address of each request',
      zh: '客户端访问本站的地址，用于媒体地址；不设置则使用每个请求自身的地址',
    },
  }),
  TRUST_PROXY: setting({
    default: 'off',
    kind: trustProxy,
    doc: {
      en: 'Reverse proxies whose `X-Forwarded-*` headers count: their number or addresses',
      zh: '信任哪些反向代理的 `X-Forwarded-*` 头：数量或地址',
    },
  }),
  DATABASE_URL: setting({
    default: '',
    kind: databaseAddress,
    doc: {
      en: 'SQLite or MySQL (`?tls=on` to encrypt); without it, `sqlite:` with `tiktok.sqlite` in `DATA_DIR`',
      zh: 'SQLite 或 MySQL（`?tls=on` 加密）；默认为 `DATA_DIR` 下的 `tiktok.sqlite`',
    },
  }),
  DATABASE_POOL: setting({
    default: '10',
    kind: integer(2, 1_000),
    doc: { en: 'Connections of this process to MySQL at most', zh: '本进程到 MySQL 的最大连接数' },
  }),
  STORAGE_URL: setting({
    default: '',
    kind: storageAddress,
    doc: {
      en: 'Folder or S3 bucket (`&region=`, `&path_style=`) of videos and pictures; without it, `media` in `DATA_DIR`',
      zh: '视频与图片的目录或 S3 存储桶（`&region=`、`&path_style=`）；默认为 `DATA_DIR` 下的 `media`',
    },
  }),
  STORAGE_ACCESS_KEY: setting({
    default: '',
    needs: 'STORAGE_SECRET_KEY',
    kind: secret(1),
    doc: {
      en: "S3 access key; without it, what the AWS environment gives (`AWS_*`, the machine's role)",
      zh: 'S3 访问密钥 ID；默认使用 AWS 环境提供的凭证（`AWS_*`、实例角色）',
    },
  }),
  STORAGE_SECRET_KEY: setting({
    default: '',
    needs: 'STORAGE_ACCESS_KEY',
    kind: secret(1),
    doc: { en: 'Its secret', zh: '对应的私有密钥' },
  }),
  STORAGE_PUBLIC_URL: setting({
    default: '',
    needs: 'STORAGE_URL',
    kind: webAddress,
    doc: {
      en: 'Where everyone may read the bucket (a CDN, say); without it, clients are sent to signed addresses',
      zh: '存储桶的公开读取地址（如 CDN）；默认把客户端重定向到签名地址',
    },
  }),
  ACCEL_REDIRECT: setting({
    default: '',
    kind: internalLocation,
    doc: {
      en: 'Internal location of the nginx in front that sends files in our place (`X-Accel-Redirect`); its `alias` is the folder of files',
      zh: '前置 nginx 中代为发送文件的 internal location（`X-Accel-Redirect`），其 `alias` 指向文件目录',
    },
  }),
  REDIS_URL: setting({
    default: '',
    kind: redisAddress,
    doc: {
      en: 'Redis 7 or newer as cache (`rediss:` to encrypt); without it, the memory of this process',
      zh: '使用 Redis 7 及以上作为缓存（`rediss:` 加密）；默认为进程内存',
    },
  }),
  AMQP_URL: setting({
    default: '',
    kind: amqpAddress,
    doc: {
      en: 'RabbitMQ as carrier of jobs (`amqps:` to encrypt); without it, this process does them itself',
      zh: '使用 RabbitMQ 传递任务（`amqps:` 加密）；默认由本进程执行',
    },
  }),
  JWT_SECRET: setting({
    default: '',
    kind: secret(32),
    doc: {
      en: 'Signs tokens, the same in every process; without it, one is made and kept in `DATA_DIR`; needed with MySQL',
      zh: 'token 签名密钥，至少 32 个字符，各进程相同；默认自动生成并保存在 `DATA_DIR`；使用 MySQL 时必须设置',
    },
  }),
  RATE_LIMIT: setting({
    default: 'on',
    kind: onOff,
    doc: { en: '`off` for benchmarks and black-box tests', zh: '压测和黑盒测试时设为 `off`' },
  }),
  DEMO: setting({
    default: 'on',
    kind: onOff,
    doc: { en: 'Publish three demo clips on an empty site', zh: '空站点首次启动时发布三个演示短片' },
  }),
  LOG_LEVEL: setting({
    default: 'info',
    kind: oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
    doc: { en: 'Least severe level that is logged', zh: '日志级别' },
  }),
  LOG_FORMAT: setting({
    default: 'auto',
    kind: oneOf('auto', 'json', 'pretty'),
    doc: { en: '`auto`: for people on a terminal, JSON elsewhere', zh: '`auto`：终端中易读格式，其他情况为 JSON' },
  }),
  LOG_FILE: setting({
    default: '',
    kind: path,
    doc: { en: 'Also log to this file, which rotates', zh: '同时写入该日志文件（自动轮转）' },
  }),
  LOG_FILE_MAX_SIZE: setting({
    default: '10MB',
    needs: 'LOG_FILE',
    kind: size(4_096, 10 * 1024 ** 3),
    doc: { en: 'Size at which the log file rotates', zh: '日志文件轮转大小' },
  }),
  LOG_FILE_GENERATIONS: setting({
    default: '7',
    needs: 'LOG_FILE',
    kind: integer(1, 1_000),
    doc: { en: 'Compressed older log files that are kept', zh: '保留的历史日志（压缩）数量' },
  }),
  TZ: setting({
    default: '',
    kind: timeZone,
    doc: {
      en: 'Time zone of the dates of comments; without it, that of the system',
      zh: '评论日期所用时区；默认为系统时区',
    },
  }),
  ...mediaSettings,
  REQUEST_TIMEOUT: setting({
    default: '10m',
    kind: duration(1_000, 24 * 3_600_000),
    doc: { en: 'Longest time for a request to arrive, uploads included', zh: '接收一个请求（含上传）的最长时间' },
  }),
  HEADERS_TIMEOUT: setting({
    default: '10s',
    kind: duration(500, 3_600_000),
    doc: { en: 'Longest time for the headers of a request to arrive', zh: '接收请求头的最长时间' },
  }),
  MAX_REQUESTS_IN_FLIGHT: setting({
    default: '2000',
    kind: integer(1, 1_000_000),
    doc: { en: 'Requests at once; more are refused with 503', zh: '同时处理的请求数，超出返回 503' },
  }),
  MAX_CONNECTIONS: setting({
    default: '10000',
    kind: integer(1, 1_000_000),
    doc: { en: 'Connections at once', zh: '同时连接数' },
  }),
  SHUTDOWN_TIMEOUT: setting({
    default: '20s',
    kind: duration(100, 3_600_000),
    doc: { en: 'Longest wait for what is in flight when stopping', zh: '停止时等待进行中请求的最长时间' },
  }),
  ADMIN_PORT: setting({
    default: '',
    kind: integer(0, 65_535),
    doc: {
      en: 'Port of `/metrics` (Prometheus) and `/debug/pprof/`, not for the public; without it, neither; `0`: any free one',
      zh: '`/metrics`（Prometheus）与 `/debug/pprof/`（性能分析）的端口，不应公开；默认不开启；`0` 表示任意空闲端口',
    },
  }),
  ADMIN_HOST: setting({
    default: '127.0.0.1',
    needs: 'ADMIN_PORT',
    kind: host,
    doc: { en: 'Address that `ADMIN_PORT` listens on', zh: '`ADMIN_PORT` 的监听地址' },
  }),
  OTEL_EXPORTER_OTLP_ENDPOINT: setting({
    default: '',
    kind: webAddress,
    doc: {
      en: 'OpenTelemetry collector (OTLP/HTTP) of traces, such as `http://localhost:4318`; without it, there are none',
      zh: '接收链路追踪的 OpenTelemetry 收集器（OTLP/HTTP），如 `http://localhost:4318`；默认不追踪',
    },
  }),
} as const;
