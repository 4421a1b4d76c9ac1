/**
 * Kinds of setting that choose an engine: embedded (a path), or a server somewhere (an address). What was given is never
 * shown when it is refused, since such addresses hold passwords.
 */
import type { Parse } from './kinds.ts';
import { type Kind, path } from './kinds.ts';

export type SqliteAddress = { readonly kind: 'sqlite'; readonly path: string };
export type MysqlAddress = {
  readonly kind: 'mysql';
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** Whether the connection is encrypted, and the server's certificate checked. */
  readonly tls: boolean;
};
export type DiskAddress = { readonly kind: 'disk'; readonly root: string };
export type S3Address = {
  readonly kind: 's3';
  readonly bucket: string;
  /** Undefined: that of AWS for the region. */
  readonly endpoint: string | undefined;
  readonly region: string;
  /** Whether the bucket stands in the path (`endpoint/bucket/key`) instead of the host name. */
  readonly pathStyle: boolean;
};
/** An address that its client library reads as it stands; checked for what every one needs. */
export type ServerUrl = string;

const sqliteForm = 'sqlite:PATH';
const mysqlForm = 'mysql://USER:PASSWORD@HOST:PORT/DATABASE';
const fileForm = 'file:FOLDER';
const s3Form = 's3://BUCKET?endpoint=https://HOST';

type Fail = Parameters<Parse<unknown>>[1];

/** `SCHEME:PATH` gives the path. */
function pathAfter(scheme: 'sqlite:' | 'file:', text: string, fail: Fail): string {
  const given = text.slice(scheme.length).trim();
  if (given === '') return fail(`must be ${scheme}PATH: the path is missing`);
  if (given.startsWith(':')) return fail(`must be ${scheme}PATH: what is only in memory would be lost`);
  // In scheme://a/b, `a` is a machine and not a folder.
  if (given.startsWith('//') && !given.startsWith('///')) {
    return fail(`must be ${scheme}PATH without //, such as ${scheme}./data/x or ${scheme}/var/lib/x`);
  }
  return path.parse(given, fail);
}

/** The value of a query parameter that is on or off. */
function switchIn(url: URL, name: string, otherwise: boolean, fail: Fail): boolean {
  const value = url.searchParams.get(name) ?? (otherwise ? 'on' : 'off');
  return value === 'on' || value === 'off' ? value === 'on' : fail(`must have ${name}=on or ${name}=off`);
}

function onlyParameters(url: URL, known: readonly string[], fail: Fail): void {
  for (const name of url.searchParams.keys()) {
    if (!known.includes(name)) fail(`must not have the parameter ${name.slice(0, 40)}: only ${known.join(', ')}`);
  }
}

function decoded(text: string, fail: Fail): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return fail('must be an address whose % signs are encoded as %25');
  }
}

export const databaseAddress: Kind<SqliteAddress | MysqlAddress> = {
  takes: { en: `\`${sqliteForm}\` or \`${mysqlForm}\``, zh: `\`sqlite:路径\` 或 \`${mysqlForm}\`` },
  parse: (text, fail) => {
    if (text.startsWith('sqlite:')) return { kind: 'sqlite', path: pathAfter('sqlite:', text, fail) };
    const url = text.startsWith('mysql://') ? URL.parse(text) : null;
    if (url === null) return fail(`must be ${sqliteForm} or ${mysqlForm}`);
    onlyParameters(url, ['tls'], fail);
    const database = decoded(url.pathname.slice(1), fail);
    if (url.hostname === '') return fail(`must be ${mysqlForm}: the host is missing`);
    if (url.username === '') return fail(`must be ${mysqlForm}: the user is missing`);
    if (!/^[A-Za-z0-9_$-]{1,64}$/.test(database)) {
      return fail(`must be ${mysqlForm}: the database is missing, or not a name of letters, digits, _ and -`);
    }
    return {
      kind: 'mysql',
      host: url.hostname,
      port: url.port === '' ? 3306 : Number(url.port),
      user: decoded(url.username, fail),
      password: decoded(url.password, fail),
      database,
      tls: switchIn(url, 'tls', false, fail),
    };
  },
};

const bucketShape = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;

export const storageAddress: Kind<DiskAddress | S3Address> = {
  takes: { en: `\`${fileForm}\` or \`${s3Form}\``, zh: `\`file:路径\` 或 \`${s3Form}\`` },
  parse: (text, fail) => {
    if (text.startsWith('file:')) return { kind: 'disk', root: pathAfter('file:', text, fail) };
    const url = text.startsWith('s3://') ? URL.parse(text) : null;
    if (url === null) return fail(`must be ${fileForm} or ${s3Form}`);
    onlyParameters(url, ['endpoint', 'region', 'path_style'], fail);
    if (url.username !== '' || url.password !== '') {
      return fail('must not hold keys: they go into STORAGE_ACCESS_KEY and STORAGE_SECRET_KEY');
    }
    if (!bucketShape.test(url.hostname) || !['', '/'].includes(url.pathname)) {
      return fail(`must be ${s3Form}: the bucket is missing, or not a name of 3 to 63 letters, digits, . and -`);
    }
    const given = url.searchParams.get('endpoint');
    const endpoint = given === null ? undefined : URL.parse(given);
    if (endpoint === null || (endpoint !== undefined && !/^https?:$/.test(endpoint.protocol))) {
      return fail(`must be ${s3Form}: the endpoint is not an http or https address`);
    }
    return {
      kind: 's3',
      bucket: url.hostname,
      endpoint: endpoint?.origin,
      region: url.searchParams.get('region') ?? 'us-east-1',
      pathStyle: switchIn(url, 'path_style', endpoint !== undefined, fail),
    };
  },
};

function serverUrl(form: string, protocols: readonly string[]): Kind<ServerUrl> {
  return {
    takes: { en: `\`${form}\``, zh: `\`${form}\`` },
    parse: (text, fail) => {
      const url = URL.parse(text);
      if (url === null || !protocols.includes(url.protocol)) return fail(`must be ${form}`);
      return url.hostname === '' ? fail(`must be ${form}: the host is missing`) : text;
    },
  };
}

export const redisAddress = serverUrl('redis://USER:PASSWORD@HOST:PORT/NUMBER', ['redis:', 'rediss:']);
export const amqpAddress = serverUrl('amqp://USER:PASSWORD@HOST:PORT/VHOST', ['amqp:', 'amqps:']);

/** An http or https address that may have a path; gives it without a trailing slash. */
export const webAddress: Kind<string> = {
  takes: { en: 'http or https address', zh: 'http 或 https 地址' },
  parse: (text, fail) => {
    const url = URL.parse(text);
    return url !== null && /^https?:$/.test(url.protocol) && url.search === '' && url.hash === '' && url.username === ''
      ? `${url.origin}${url.pathname}`.replace(/\/+$/, '')
      : fail('must be an http or https address without a query');
  },
};
