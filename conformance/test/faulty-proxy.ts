/** A real HTTP proxy in front of a server that does one thing wrong, so that a check can be seen to fail. */
import { createServer, type IncomingMessage, request as requestHttp } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isRow, type Row } from '../client.ts';

export type Request = {
  readonly method: string;
  path: string;
  query: URLSearchParams;
  headers: Record<string, string>;
  body: Buffer;
};
export type Answer = { status: number; headers: Record<string, string>; body: Buffer };

/** What is done wrong: with requests, which may be answered without the server, or with its answers. */
export type Fault = {
  readonly request?: (
    request: Request,
    send: () => Promise<Answer>,
  ) => Promise<Answer | undefined> | Answer | undefined;
  readonly answer?: (answer: Answer, request: Request) => Answer;
};

export type FaultyProxy = { readonly base: string; setFault(fault: Fault): void; close(): Promise<void> };

export async function startProxy(target: string): Promise<FaultyProxy> {
  let fault: Fault = {};
  const server = createServer((incoming, outgoing) => {
    answerTo(incoming).then(
      ({ status, headers, body }) => outgoing.writeHead(status, headers).end(body),
      () => outgoing.destroy(),
    );
  });

  async function answerTo(incoming: IncomingMessage): Promise<Answer> {
    const [path = '/', query = ''] = (incoming.url ?? '/').split('?', 2);
    const request: Request = {
      method: incoming.method ?? 'GET',
      path,
      query: new URLSearchParams(query),
      headers: textHeaders(incoming),
      body: await bodyOf(incoming),
    };
    const send = (): Promise<Answer> => forward(target, request);
    const own = await fault.request?.(request, send);
    if (own !== undefined) return own;
    const answer = await send();
    return fault.answer?.(answer, request) ?? answer;
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    base: `http://127.0.0.1:${isAddress(address) ? address.port : 0}`,
    setFault: (next) => {
      fault = next;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const isAddress = (address: AddressInfo | string | null): address is AddressInfo => typeof address === 'object';

function textHeaders(message: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(message.headers)) {
    if (name !== 'content-length' && name !== 'transfer-encoding' && name !== 'connection')
      headers[name] = String(value);
  }
  return headers;
}

async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

async function forward(target: string, { method, path, query, headers, body }: Request): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const length = body.length === 0 ? {} : { 'content-length': body.length };
  // The path as it came: the tests are about spellings that a URL object would repair.
  const text = query.toString();
  const request = requestHttp(
    target,
    { method, path: text === '' ? path : `${path}?${text}`, headers: { ...headers, ...length }, agent: false },
    (response) => {
      bodyOf(response).then(
        (content) => resolve({ status: response.statusCode ?? 502, headers: textHeaders(response), body: content }),
        reject,
      );
    },
  );
  request.on('error', reject);
  request.end(body);
  return await promise;
}

export function rowOf(answer: Answer): Row | undefined {
  if (!(answer.headers['content-type'] ?? '').includes('json')) return undefined;
  const value: unknown = JSON.parse(answer.body.toString());
  return isRow(value) ? value : undefined;
}

export const answerOf = (body: unknown, status = 200): Answer => ({
  status,
  headers: { 'content-type': 'application/json; charset=utf-8' },
  body: Buffer.from(JSON.stringify(body)),
});
