/**
 * Raw calls to a server that is not ours. node:http and not fetch, because a GET request may carry a body here and a
 * redirect of a call must be seen, not followed. Each call has a time limit and a connection of its own.
 */
import { type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { shownBody, shownCall, shownValue } from './shown.ts';

type Value = string | number;
/** Parameters; one with a list of values is sent several times, in that order. */
export type Values = Readonly<Record<string, Value | readonly Value[] | undefined>>;
/** A part of a multipart body: a field, or a file with the name that it is said to have. */
export type Part = {
  readonly name: string;
  readonly content: string | Buffer;
  readonly fileName?: string;
  readonly type?: string;
};

export type Call = {
  readonly query?: Values;
  /** An `application/x-www-form-urlencoded` body. */
  readonly form?: Values;
  /** A JSON body; text is sent as it is. */
  readonly json?: unknown;
  /** A `multipart/form-data` body, parts in this order. */
  readonly parts?: readonly Part[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
};

export type Row = Record<string, unknown>;
export const isRow = (value: unknown): value is Row =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What came back, with both sides in words for a report. */
export type Reply = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: Buffer;
  readonly text: string;
  /** The body, if it is a JSON object. */
  readonly body: Row | undefined;
  readonly tookMs: number;
  readonly sent: string;
  readonly received: string;
};

export type Api = {
  /** Address of the server, without a slash at the end. */
  readonly base: string;
  call(method: string, path: string, call?: Call): Promise<Reply>;
  /** Gets a file by its absolute address, as a player does: wherever it is redirected to, such as an object store. */
  fetch(url: string, headers?: Readonly<Record<string, string>>): Promise<Reply>;
};

/** No answer at all: refused, reset, or too late. */
export class NoAnswer extends Error {
  readonly sent: string;
  readonly code: string;

  constructor(sent: string, code: string, words: string) {
    super(words);
    this.name = 'NoAnswer';
    this.sent = sent;
    this.code = code;
  }
}

const callTimeoutMs = 10_000;
/** A server that has not answered this many calls in a row is not asked any more. */
const maxSilences = 4;
/** As many as the players of phones follow at least. */
const maxRedirects = 5;
const answerMaxBytes = 32 * 1024 * 1024;

/** `timeoutMs` bounds the calls that name no time of their own. */
export function createApi(base: string, timeoutMs = callTimeoutMs): Api {
  let silences = 0;

  async function exchange(method: string, url: URL, call: Call, path: string): Promise<Reply> {
    const sent = shownCall(method, path, call);
    if (silences >= maxSilences) throw new NoAnswer(sent, 'silent', `the last ${maxSilences} calls got no answer`);
    try {
      const reply = await send(method, url, { timeoutMs, ...call }, sent);
      silences = 0;
      return reply;
    } catch (error) {
      if (error instanceof NoAnswer && error.code === 'timeout') silences += 1;
      throw error;
    }
  }

  return {
    base,
    call: (method, path, call = {}) => {
      const query = encodeValues(call.query);
      const url = new URL(`${base}${path}${query === '' ? '' : `?${query}`}`);
      return exchange(method, url, call, path);
    },
    fetch: async (url, headers = {}) => {
      let at = new URL(url);
      for (let hops = 0; ; hops += 1) {
        const reply = await exchange('GET', at, { headers }, at.href);
        const next = redirectOf(reply, at);
        if (next === undefined || hops === maxRedirects) return reply;
        at = next;
      }
    },
  };
}

/** Where a player would go on; undefined for an answer that leads nowhere. */
function redirectOf({ status, headers }: Reply, from: URL): URL | undefined {
  const location = headers['location'];
  if (![301, 302, 303, 307, 308].includes(status) || location === undefined) return undefined;
  const next = URL.canParse(location, from.href) ? new URL(location, from.href) : undefined;
  return next?.protocol === 'http:' || next?.protocol === 'https:' ? next : undefined;
}

function encodeValues(values: Values = {}): string {
  const encoded = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    for (const one of typeof value === 'object' ? value : [value]) {
      if (one !== undefined) encoded.append(name, String(one));
    }
  }
  return encoded.toString();
}

const boundary = '----conformance-kit-boundary';

function encodeBody(call: Call): { readonly type: string; readonly content: Buffer } | undefined {
  if (call.parts !== undefined) {
    const chunks: Buffer[] = [];
    for (const part of call.parts) {
      const fileName = part.fileName === undefined ? '' : `; filename="${part.fileName}"`;
      const type = part.type === undefined ? '' : `Content-Type: ${part.type}\r\n`;
      const head = `--${boundary}\r\nContent-Disposition: form-data; name="${part.name}"${fileName}\r\n${type}\r\n`;
      chunks.push(Buffer.from(head), Buffer.from(part.content), Buffer.from('\r\n'));
    }
    chunks.push(Buffer.from(`--${boundary}--\r\n`));
    return { type: `multipart/form-data; boundary=${boundary}`, content: Buffer.concat(chunks) };
  }
  if (call.json !== undefined) {
    const text = typeof call.json === 'string' ? call.json : JSON.stringify(call.json);
    return { type: 'application/json', content: Buffer.from(text) };
  }
  if (call.form === undefined) return undefined;
  return { type: 'application/x-www-form-urlencoded', content: Buffer.from(encodeValues(call.form)) };
}

async function send(
  method: string,
  url: URL,
  call: Call & { readonly timeoutMs: number },
  sent: string,
): Promise<Reply> {
  const body = encodeBody(call);
  const headers: Record<string, string | number> = { accept: '*/*', connection: 'close', ...call.headers };
  if (body !== undefined) {
    headers['content-type'] ??= body.type;
    headers['content-length'] = body.content.length;
  }
  const { timeoutMs } = call;
  const startedMs = performance.now();
  const { promise, resolve, reject } = Promise.withResolvers<Reply>();
  const open = url.protocol === 'https:' ? requestHttps : requestHttp;
  const request: ClientRequest = open(url, { method, headers, agent: false }, (response) => {
    read(response).then(
      (bytes) => resolve(replyOf(response, bytes, performance.now() - startedMs, sent)),
      (error: unknown) => reject(noAnswer(sent, error)),
    );
  });
  const timer = setTimeout(() => {
    reject(new NoAnswer(sent, 'timeout', `nothing within ${timeoutMs / 1000} s`));
    request.destroy();
  }, timeoutMs);
  // A server may refuse before it has read everything: the answer that is on its way counts, not the broken pipe.
  request.on('error', (error) => reject(noAnswer(sent, error)));
  request.end(body?.content);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    request.destroy();
  }
}

function noAnswer(sent: string, error: unknown): NoAnswer {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'broken';
  const words = error instanceof Error && error.message !== '' ? error.message : String(code);
  return new NoAnswer(sent, code, words);
}

async function read(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    chunks.push(Buffer.from(chunk));
    size += chunk.length;
    if (size > answerMaxBytes) throw new Error(`the answer is larger than ${answerMaxBytes / 1024 / 1024} MiB`);
  }
  return Buffer.concat(chunks);
}

function replyOf(response: IncomingMessage, bytes: Buffer, tookMs: number, sent: string): Reply {
  const status = response.statusCode ?? 0;
  const headers = Object.fromEntries(Object.entries(response.headers).map(([name, value]) => [name, String(value)]));
  const type = headers['content-type'] ?? '';
  const isText = type === '' || /json|text|xml|html/i.test(type);
  const text = isText ? bytes.toString('utf8') : '';
  const words = isText ? shownBody(text) : `${bytes.length} bytes of ${type}`;
  const location = headers['location'] === undefined ? '' : ` to ${shownValue(headers['location'])}`;
  return {
    status,
    headers,
    bytes,
    text,
    body: parseObject(text),
    tookMs,
    sent,
    received: `HTTP ${status}${location}: ${words === '' ? '(an empty body)' : words}`,
  };
}

function parseObject(text: string): Row | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRow(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
