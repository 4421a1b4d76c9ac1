/** Calls to one process of the site, with how they ended: acknowledged, refused or not answered. Never rejects. */
import { type Agent, type ClientRequest, type IncomingMessage, request } from 'node:http';
import { type OperationName, operations } from '@tiktok-server/contract';
import type { Outcome } from './history.ts';

/** Above {@link slowestAllowedMs} of verdict.ts, so that a request which hangs is seen to hang. */
export const callTimeoutMs = 8_000;
const answerMaxBytes = 8 * 1024 * 1024;

export type Row = Readonly<Record<string, unknown>>;
export const isRow = (value: unknown): value is Row =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
export const rowsOf = (body: Row, name: string): Row[] => {
  const list = body[name];
  return Array.isArray(list) ? list.filter(isRow) : [];
};

/** One process that answers requests. */
export type Api = { readonly name: string; readonly url: string; readonly agent: Agent };

export type Answered = {
  readonly startMs: number;
  readonly endMs: number;
  readonly outcome: Outcome;
  /** Empty unless acknowledged. */
  readonly body: Row;
};

export type Call = {
  readonly parameters?: Readonly<Record<string, string | number>>;
  readonly token?: string | undefined;
  /** The part `data` of a multipart body; parameters stay in the query. */
  readonly file?: Buffer;
};

const boundary = '----chaos-boundary';

export async function callApi(api: Api, name: OperationName, call: Call): Promise<Answered> {
  const { method, path } = operations[name];
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(call.parameters ?? {})) query.set(key, String(value));
  if (call.token !== undefined) query.set('token', call.token);
  const startMs = performance.now();
  try {
    const { status, headers, bytes } = await exchange(api, method, `${path}?${query}`, multipart(call.file));
    const body = parse(bytes);
    const code = body?.['status_code'];
    const endMs = performance.now();
    if (code === 0 && body !== undefined) return { startMs, endMs, outcome: { kind: 'acknowledged' }, body };
    const retryAfter = headers['retry-after'] !== undefined;
    const refused = { kind: 'refused', status, code: typeof code === 'number' ? code : -1, retryAfter } as const;
    return { startMs, endMs, outcome: refused, body: {} };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { startMs, endMs: performance.now(), outcome: { kind: 'unanswered', why }, body: {} };
  }
}

function multipart(file: Buffer | undefined): { readonly type: string; readonly content: Buffer } | undefined {
  if (file === undefined) return undefined;
  const head = `--${boundary}\r\nContent-Disposition: form-data; name="data"; filename="clip.mp4"\r\nContent-Type: video/mp4\r\n\r\n`;
  return {
    type: `multipart/form-data; boundary=${boundary}`,
    content: Buffer.concat([Buffer.from(head), file, Buffer.from(`\r\n--${boundary}--\r\n`)]),
  };
}

type Exchanged = {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly bytes: Buffer;
};

export async function exchange(
  api: Pick<Api, 'url' | 'agent'>,
  method: string,
  pathAndQuery: string,
  body?: { readonly type: string; readonly content: Buffer },
): Promise<Exchanged> {
  const headers = body === undefined ? {} : { 'content-type': body.type, 'content-length': body.content.length };
  const { promise, resolve, reject } = Promise.withResolvers<Exchanged>();
  const sent: ClientRequest = request(`${api.url}${pathAndQuery}`, { method, headers, agent: api.agent }, (response) =>
    read(response).then(
      (bytes) => resolve({ status: response.statusCode ?? 0, headers: response.headers, bytes }),
      reject,
    ),
  );
  const timer = setTimeout(() => sent.destroy(new Error(`nothing within ${callTimeoutMs / 1000} s`)), callTimeoutMs);
  sent.on('error', reject);
  sent.end(body?.content);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
  }
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

function parse(bytes: Buffer): Row | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    return isRow(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
