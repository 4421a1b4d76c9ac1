/** Kinds of setting that say where something is: hosts, public addresses, proxies, time zones. */
import { isIP } from 'node:net';
import { shown } from './config-error.ts';
import type { Kind } from './kinds.ts';

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

const locationShape = /^\/(?:[A-Za-z0-9_~-][A-Za-z0-9._~-]*\/)+$/;

/** A path in the configuration of a proxy, to which keys of files are added. */
export const internalLocation: Kind<string> = {
  takes: { en: 'path that begins and ends with `/`', zh: '以 `/` 开头和结尾的路径' },
  parse: (text, fail) => {
    if (!locationShape.test(text)) {
      return fail(`must be a path that begins and ends with /, such as /protected-media/, not ${shown(text)}`);
    }
    return text.startsWith('/media/') ? fail('must not lie below /media/, where clients ask for files') : text;
  },
};
