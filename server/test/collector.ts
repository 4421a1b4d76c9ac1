/** A collector of traces: takes OTLP over HTTP, as JSON, and keeps the spans. What it checks is the wire. */
import { createServer } from 'node:http';

export type CollectedSpan = {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  /** 2 is a server's, 1 internal. */
  readonly kind: number;
  readonly failed: boolean;
  readonly durationMs: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** Of the process. */
  readonly resource: Readonly<Record<string, unknown>>;
};

export type Collector = {
  readonly url: string;
  readonly spans: CollectedSpan[];
  /** Requests that it got, whatever it answered. */
  readonly requests: () => number;
  /** From here on it refuses, or never answers. */
  become(what: 'working' | 'refusing' | 'silent'): void;
  close(): void;
};

type Json = Readonly<Record<string, unknown>>;
const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null;
const listOf = (value: unknown): Json[] => (Array.isArray(value) ? value.filter(isJson) : []);

export async function startCollector(): Promise<Collector> {
  const spans: CollectedSpan[] = [];
  let requests = 0;
  let state = 'working';
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(Buffer.from(chunk));
    requests += 1;
    if (state === 'silent') return;
    if (state === 'refusing' || request.method !== 'POST' || request.url !== '/v1/traces') {
      response.writeHead(400).end();
      return;
    }
    spans.push(...spansOf(JSON.parse(Buffer.concat(chunks).toString('utf8'))));
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    spans,
    requests: () => requests,
    become: (what) => {
      state = what;
    },
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function spansOf(body: unknown): CollectedSpan[] {
  return listOf(isJson(body) ? body['resourceSpans'] : undefined).flatMap(({ resource, scopeSpans }) =>
    listOf(scopeSpans).flatMap(({ spans }) =>
      listOf(spans).map((span) => ({
        name: String(span['name']),
        traceId: String(span['traceId']),
        spanId: String(span['spanId']),
        parentSpanId: String(span['parentSpanId'] ?? ''),
        kind: Number(span['kind']),
        failed: isJson(span['status']) && span['status']['code'] === 2,
        durationMs: Number(BigInt(String(span['endTimeUnixNano'])) - BigInt(String(span['startTimeUnixNano']))) / 1e6,
        attributes: attributesOf(span['attributes']),
        resource: attributesOf(isJson(resource) ? resource['attributes'] : undefined),
      })),
    ),
  );
}

const attributesOf = (list: unknown): Record<string, unknown> =>
  Object.fromEntries(
    listOf(list).map(({ key, value }) => [String(key), isJson(value) ? Object.values(value)[0] : undefined]),
  );
