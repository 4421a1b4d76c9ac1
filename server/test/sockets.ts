/** HTTP as it is on the wire: raw sockets, for tests of what no client library would send. */
import { connect, type Socket } from 'node:net';
import { type Answer, parseAnswer, type TestServer } from './server.ts';

export type WireResponse = {
  readonly status: number;
  /** Names in lower case; the last one of a repeated header. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
};

export type Connection = {
  readonly socket: Socket;
  write(data: string | Buffer): void;
  /** The next response that is complete; rejects if the connection ends before. `bodiless` for the answer to HEAD. */
  response(options?: { readonly bodiless?: boolean }): Promise<WireResponse>;
  /** Resolves with everything that came, once the other side has closed. */
  closed(): Promise<string>;
  /** Cuts the connection as a phone does that leaves the network: no goodbye, a reset. */
  reset(): void;
};

/** Starts listening on a free port of the loopback interface and returns it. */
export async function listen(server: TestServer): Promise<number> {
  await server.context.app.listen({ host: '127.0.0.1', port: 0 });
  const address = server.context.app.server.address();
  if (address === null || typeof address === 'string') throw new Error('the server does not listen');
  return address.port;
}

export function open(port: number): Connection {
  const socket = connect(port, '127.0.0.1');
  let received = Buffer.alloc(0);
  let taken = 0;
  let ended = false;
  let wake = (): void => undefined;
  const changed = (): Promise<void> =>
    new Promise((resolve) => {
      wake = resolve;
    });
  socket.on('data', (chunk) => {
    received = Buffer.concat([received, Buffer.from(chunk)]);
    wake();
  });
  socket.on('error', () => undefined);
  socket.on('close', () => {
    ended = true;
    wake();
  });
  return {
    socket,
    write: (data) => {
      socket.write(data);
    },
    response: async ({ bodiless = false } = {}) => {
      for (;;) {
        const found = readResponse(received.subarray(taken), bodiless);
        if (found !== undefined) {
          taken += found.bytes;
          return found.response;
        }
        if (ended) throw new Error(`the connection ended after ${JSON.stringify(received.toString('latin1'))}`);
        await changed();
      }
    },
    closed: async () => {
      while (!ended) await changed();
      return received.toString('utf8');
    },
    reset: () => {
      socket.resetAndDestroy();
    },
  };
}

/** Sends one request on a connection of its own. */
export async function exchange(port: number, request: string | Buffer): Promise<WireResponse> {
  const connection = open(port);
  try {
    connection.write(request);
    return await connection.response({ bodiless: request.slice(0, 5).toString() === 'HEAD ' });
  } finally {
    connection.socket.destroy();
  }
}

/** The text of a request without a body, or with one whose length is announced. */
export function requestText(
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  body = '',
): string {
  const lines = Object.entries({
    host: 'test.local',
    ...(body !== '' && { 'content-length': String(Buffer.byteLength(body)) }),
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`;
}

export const answerOf = (response: WireResponse): Answer => parseAnswer(response.body.toString('utf8'));

function readResponse(bytes: Buffer, bodiless: boolean): { response: WireResponse; bytes: number } | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [statusLine = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(statusLine)?.[1]);
  const headers = Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
    }),
  );
  const start = end + 4;
  if (bodiless || status < 200 || status === 204 || status === 304) {
    return { response: { status, headers, body: Buffer.alloc(0) }, bytes: start };
  }
  if (headers['transfer-encoding'] === 'chunked') {
    const chunked = readChunks(bytes.subarray(start));
    return (
      chunked && { response: { status, headers, body: Buffer.concat(chunked.parts) }, bytes: start + chunked.bytes }
    );
  }
  const length = Number(headers['content-length']);
  if (bytes.length < start + length) return undefined;
  return { response: { status, headers, body: bytes.subarray(start, start + length) }, bytes: start + length };
}

function readChunks(bytes: Buffer): { parts: Buffer[]; bytes: number } | undefined {
  const parts: Buffer[] = [];
  let offset = 0;
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', offset);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(bytes.subarray(offset, lineEnd).toString('latin1'), 16);
    const next = lineEnd + 2 + size + 2;
    if (bytes.length < next) return undefined;
    if (size === 0) return { parts, bytes: next };
    parts.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size));
    offset = next;
  }
}
