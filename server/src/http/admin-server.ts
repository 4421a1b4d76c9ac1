import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type Profiler, ProfilerBusyError } from '../ports/index.ts';
import { failingChecks, type HealthChecks } from './health-routes.ts';

/**
 * The port for operators: metrics, health and profiles, in plain HTTP and plain words. It has a server of its own, so that it
 * answers in every role and when the public one refuses, and so that it need not be where the public is.
 */
export type AdminServer = {
  /** `http://` with the address that it listens on. */
  readonly url: string;
  close(): Promise<void>;
};

export type AdminDeps = {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly metrics: { readonly contentType: string; text(): Promise<string> };
  readonly profiler: Profiler;
  readonly checks: HealthChecks;
  /** Whether the process is ending: then it is not ready, whatever answers. */
  readonly ending: () => boolean;
};

/** Who is here is a scraper, an orchestrator or a person. */
const maxConnections = 32;
const headersTimeoutMs = 5_000;
const headersMaxBytes = 8 * 1024;
const keepAliveMs = 65_000;
const profileDefaultSeconds = 30;
const profileMaxSeconds = 60;

type Answer = {
  readonly status: number;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
};

/** Listens, or rejects with what the setting is and why it cannot be used. */
export async function createAdminServer(deps: AdminDeps): Promise<AdminServer> {
  const closing = new AbortController();
  const server = createServer(
    { headersTimeout: headersTimeoutMs, requestTimeout: headersTimeoutMs, maxHeaderSize: headersMaxBytes },
    (request, response) => void respond(deps, closing.signal, request, response),
  );
  server.maxConnections = maxConnections;
  server.keepAliveTimeout = keepAliveMs;
  await listen(server, deps);
  return {
    url: urlOf(server),
    close: async () => {
      // A profile that is being taken ends here, and is sent as far as it is.
      closing.abort();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
        setTimeout(() => server.closeAllConnections(), closeTimeoutMs).unref();
      });
    },
  };
}

const closeTimeoutMs = 1_000;

async function listen(server: Server, { host, port }: AdminDeps): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: Error & { code?: string }) => reject(new Error(refusalOf(error, host, port))));
    server.listen(port, host, resolve);
  });
}

function refusalOf(error: Error & { code?: string }, host: string, port: number): string {
  if (error.code === 'EADDRINUSE')
    return `ADMIN_PORT: ${port} on ${host} is taken by another program. Set another one.`;
  if (error.code === 'EACCES') return `ADMIN_PORT: ${port} needs privileges. Set one from 1024 on.`;
  return `ADMIN_HOST: ${error.message}. Set it to an address of this computer.`;
}

function urlOf(server: Server): string {
  const address = server.address();
  if (address === null || typeof address === 'string') return '';
  return `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`;
}

async function respond(
  deps: AdminDeps,
  closing: AbortSignal,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  request.resume();
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  let answer: Answer;
  try {
    answer = await answerTo(deps, request, AbortSignal.any([gone.signal, closing]));
  } catch (error) {
    answer = said(500, error instanceof Error ? error.message : String(error));
  }
  response.writeHead(answer.status, {
    'content-type': answer.type ?? 'text/plain; charset=utf-8',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'content-length': Buffer.byteLength(answer.body),
    ...(closing.aborted && { connection: 'close' }),
    ...answer.headers,
  });
  response.end(answer.body);
}

const said = (status: number, words: string, headers: Answer['headers'] = {}): Answer => ({
  status,
  headers,
  body: `${words}\n`,
});

const paths = ['/metrics', '/healthz', '/readyz', '/debug/pprof/profile', '/debug/pprof/heap'];

async function answerTo(deps: AdminDeps, request: IncomingMessage, signal: AbortSignal): Promise<Answer> {
  const [path = '', query = ''] = (request.url ?? '').split('?', 2);
  if (!paths.includes(path)) return said(404, `There is: ${paths.join(' ')}`);
  if (request.method !== 'GET') return said(405, 'use GET', { allow: 'GET' });
  if (path === '/metrics') return { status: 200, type: deps.metrics.contentType, body: await deps.metrics.text() };
  if (path === '/healthz') return said(200, 'ok');
  if (path === '/readyz') {
    const failing = deps.ending() ? ['this process is ending'] : await failingChecks(deps.checks);
    return failing.length === 0
      ? said(200, 'ok')
      : said(503, `not ready: ${failing.join(', ')}`, { 'retry-after': '2' });
  }
  if (path === '/debug/pprof/heap') return profile('heap', await deps.profiler.heap());
  return await cpuProfile(deps.profiler, new URLSearchParams(query).get('seconds'), signal);
}

const profile = (name: string, body: Uint8Array): Answer => ({
  status: 200,
  type: 'application/octet-stream',
  headers: { 'content-disposition': `attachment; filename="${name}.pb.gz"` },
  body,
});

async function cpuProfile(profiler: Profiler, text: string | null, signal: AbortSignal): Promise<Answer> {
  const seconds = text === null ? profileDefaultSeconds : Number(text);
  const known = text === null || /^[0-9]{1,2}$/.test(text);
  if (!known || seconds < 1 || seconds > profileMaxSeconds) {
    return said(400, `seconds must be a whole number from 1 to ${profileMaxSeconds}`);
  }
  try {
    return profile('cpu', await profiler.cpu(seconds, signal));
  } catch (error) {
    if (!(error instanceof ProfilerBusyError)) throw error;
    return said(409, 'a CPU profile is being taken already: one at a time');
  }
}
