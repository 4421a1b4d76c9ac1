/** Kinds of setting that say where something is: hosts, addresses, engines, time zones. */
import { isIP } from 'node:net';
import type { Text } from '@tiktok-server/contract';
import { shown } from './config-error.ts';
import { type Kind, path } from './kinds.ts';

export const host: Kind<string> = {
  takes: { en: 'IP address or host name', zh: 'IP 地址或主机名' },
  parse: (text, fail) =>
    isIP(text) !== 0 || /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/i.test(text)
      ? text
      : fail(`must be an IP address or a host name, not ${shown(text)}`),
};

/** Scheme, host and port alone; gives the origin, without a trailing slash. */
export const publicUrl: Kind<string> = {
  takes: { en: 'http or https address without a path', zh: '不带路径的 http 或 https 地址' },
  parse: (text, fail) => {
    const url = URL.parse(text);
    const isOrigin =
      url !== null &&
      /^https?:$/.test(url.protocol) &&
      [url.username, url.password, url.search, url.hash].every((part) => part === '') &&
      url.pathname === '/';
    return isOrigin
      ? url.origin
      : fail(`must be an http or https address without a path, such as https://videos.example.org, not ${shown(text)}`);
  },
};

const namedRanges = ['loopback', 'linklocal', 'uniquelocal'];

function isAddressOrRange(text: string): boolean {
  if (namedRanges.includes(text)) return true;
  const [address = '', bits, ...rest] = text.split('/');
  const version = address.includes('%') ? 0 : isIP(address);
  if (version === 0 || rest.length > 0) return false;
  // A range of 0 bits is everyone.
  return bits === undefined || (/^[1-9]\d{0,2}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}

/** Reverse proxies that are believed about who their client is. */
export const trustProxy: Kind<false | number | readonly string[]> = {
  takes: {
    en: '`off`, the number of proxies in front, or a list of addresses and ranges (`10.0.0.0/8,loopback`)',
    zh: '`off`、前置代理的层数，或地址与网段列表（`10.0.0.0/8,loopback`）',
  },
  parse: (text, fail) => {
    if (text === 'off') return false;
    if (/^[1-9]\d?$/.test(text)) return Number(text);
    const addresses = text.split(',').map((one) => one.trim());
    return addresses.every(isAddressOrRange)
      ? addresses
      : fail(
          `must be off, the number of proxies in front (1 to 99), or their addresses and ranges (10.0.0.0/8,loopback), not ${shown(text)}; trusting everyone would let anyone pretend to be any address`,
        );
  },
};

/** A name that Intl knows; gives its canonical spelling. With `:FILE`, as some systems have it, the system's own. */
export const timeZone: Kind<string | undefined> = {
  takes: { en: 'IANA time zone, such as `Asia/Shanghai`', zh: 'IANA 时区，如 `Asia/Shanghai`' },
  parse: (text, fail) => {
    if (text.startsWith(':')) return undefined;
    try {
      return new Intl.DateTimeFormat('en-US', { timeZone: text }).resolvedOptions().timeZone;
    } catch {
      return fail(`must be an IANA time zone such as Asia/Shanghai or UTC, not ${shown(text)}`);
    }
  },
};

/** `sqlite:PATH` or `file:PATH`: gives the path. The text is never shown, since addresses of engines hold passwords. */
export function pathAddress(scheme: 'sqlite:' | 'file:', others: string): Kind<string> {
  const takes: Text = { en: `\`${scheme}PATH\``, zh: `\`${scheme}路径\`` };
  return {
    takes,
    parse: (text, fail) => {
      const given = text.startsWith(scheme) ? text.slice(scheme.length).trim() : undefined;
      if (given === undefined) return fail(`must be ${scheme}PATH: ${others} is not supported by this version`);
      if (given === '') return fail(`must be ${scheme}PATH: the path is missing`);
      if (given.startsWith(':')) return fail(`must be ${scheme}PATH: what is only in memory would be lost`);
      // In scheme://a/b, `a` is a machine and not a folder.
      if (given.startsWith('//') && !given.startsWith('///')) {
        return fail(`must be ${scheme}PATH without //, such as ${scheme}./data/x or ${scheme}/var/lib/x`);
      }
      return path.parse(given, fail);
    },
  };
}

/** What this process does. The other roles divide the work among machines, which embedded engines cannot. */
export const role: Kind<'all'> = {
  takes: { en: '`all`', zh: '`all`' },
  parse: (text, fail) => {
    if (text === 'all') return 'all';
    return ['api', 'worker', 'migrate'].includes(text)
      ? fail(
          `must be all, not ${shown(text)}: that role needs the production engines (MySQL, Redis, RabbitMQ, S3), which this version does not have`,
        )
      : fail(`must be all, not ${shown(text)}`);
  },
};
