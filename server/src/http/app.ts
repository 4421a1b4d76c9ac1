import { createServer, type RequestListener, type Server } from 'node:http';
import multipart from '@fastify/multipart';
import { DomainError, type ErrorName } from '@tiktok-server/contract';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { ReadyHandler } from '../features/handler.ts';
import {
  BlobStoreFullError,
  BlobStoreUnavailableError,
  type Metrics,
  type RequestLog,
  type Tracer,
} from '../ports/index.ts';
import type { FormerFiles } from '../read/index.ts';
import { createSlots, once } from './admission.ts';
import { clientErrorAnswer } from './client-errors.ts';
import { answerHeaders, type Failure, failureOf, languageOf, requestIdHeader, securityHeaders } from './envelope.ts';
import { createEventStreams } from './event-stream.ts';
import { type HealthChecks, registerHealth } from './health-routes.ts';
import { registerMedia } from './media-routes.ts';
import { type OperationDeps, registerOperations } from './operation-routes.ts';
import { cutOffSlowBodies } from './pace.ts';
import { registerPages } from './page-routes.ts';
import { readForm, readJson } from './parameters.ts';
import { createReadyLane, type ReadyLane } from './ready-lane.ts';
import { logRequests } from './request-log.ts';
import { type ResumableDeps, registerResumable } from './resumable-routes.ts';

export type HttpSettings = {
  readonly publicUrl: string | undefined;
  readonly trustProxy: false | number | readonly string[];
  readonly requestTimeoutMs: number;
  readonly headersTimeoutMs: number;
  readonly maxInFlight: number;
  readonly maxConnections: number;
  readonly accelRedirect: string | undefined;
  readonly uploadsTotal: number;
  readonly uploadsPerUser: number;
};

export type AppDeps = Omit<OperationDeps, 'uploads' | 'eventStreams' | 'baseUrlOf'> & {
  readonly formerFiles: FormerFiles;
  readonly resumable: ResumableDeps['resumable'];
  readonly ready: ReadyHandler<'feed'>;
  /** What has to be over before `ready` is asked, if anything. */
  readonly settled: () => Promise<void> | undefined;
  readonly settings: HttpSettings;
  readonly log: { readonly error: (fields: object, message: string) => void };
  readonly requestLog: RequestLog;
  readonly metrics: Pick<Metrics, 'watch'>;
  /** Undefined: no traces. */
  readonly tracer: Tracer | undefined;
  readonly checks: HealthChecks;
  /** What an error of the database stands for, if that is no bug. */
  readonly databaseFailureOf: (error: unknown) => ErrorName | undefined;
  readonly version: string;
};

export type App = FastifyInstance;

/** Bytes of a JSON, form or other body that is not multipart. */
const bodyMaxBytes = 64 * 1024;
const headersMaxBytes = 16 * 1024;
/** A connection on which nothing moves is closed after this. */
const idleConnectionMs = 5 * 60_000;
const keepAliveMs = 72_000;
/** How often node looks for requests that take too long to arrive; by itself, every 30 s. */
const lookForSlowEveryMs = 1_000;
const closeIdleEveryMs = 50;
/** Of the uploads at once, what one address may take before it has said whose they are: it cannot keep all others out. */
const addressShareOfUploads = 0.75;

/** Builds the server; it listens when told to. */
export async function createApp(deps: AppDeps): Promise<App> {
  const { settings, log } = deps;
  const nextRequestId = requestIds();
  const lane = createReadyLane({
    ready: deps.ready,
    settled: deps.settled,
    publicUrl: settings.publicUrl,
    direct: settings.trustProxy === false,
    nextRequestId,
    log: deps.requestLog,
    tracer: deps.tracer,
  });
  const app = Fastify({
    serverFactory: (handler) =>
      serverOf(settings, (request, response) => {
        lane.answer(request, response, () => handler(request, response));
      }),
    genReqId: nextRequestId,
    bodyLimit: bodyMaxBytes,
    trustProxy: trusted(settings.trustProxy),
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    routerOptions: { ignoreTrailingSlash: true },
    clientErrorHandler: clientErrorAnswer,
    // An address that cannot be decoded: no route and no hook sees it.
    frameworkErrors: (error, request, reply) => {
      reply.headers(securityHeaders).header(requestIdHeader, request.id);
      fail(new DomainError('ErrPathNotFound', { cause: error }), request, reply);
    },
  });
  closeWhatIsIdle(app, lane);
  // Old clients send a form with GET requests.
  app.addHttpMethod('GET', { hasBody: true, overrideExisting: true });
  app.decorateRequest('callerId', undefined);
  app.decorateRequest('statusCodeSent', undefined);
  app.decorateRequest('span', undefined);
  app.decorateRequest('leave', undefined);
  app.decorateRequest('streams', false);
  acceptBodies(app);
  await app.register(multipart);
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(securityHeaders).header(requestIdHeader, request.id);
    done();
  });
  const requestsInFlight = limitInFlight(app, settings.maxInFlight);
  cutOffSlowBodies(app);
  logRequests(app, deps.requestLog, deps.tracer);

  const failing = (error: unknown, request: FastifyRequest): Failure => {
    const failure = failureOf(
      asDomainError(error, deps.databaseFailureOf),
      request.routeOptions.config?.operation,
      languageOf(request.headers['accept-language']),
    );
    request.statusCodeSent = failure.code;
    if (failure.ours) log.error({ err: error, requestId: request.id, code: failure.code }, 'request failed');
    return failure;
  };
  const fail = (error: unknown, request: FastifyRequest, reply: FastifyReply): void => {
    const failure = failing(error, request);
    if (failure.retryAfterSeconds !== undefined) reply.header('retry-after', failure.retryAfterSeconds);
    reply.code(failure.status).headers(answerHeaders).send(failure.body);
  };
  app.setErrorHandler(fail);
  app.setNotFoundHandler((request, reply) => fail(new DomainError('ErrPathNotFound'), request, reply));

  const baseUrlOf = baseUrls(app, settings.publicUrl);
  const uploads = {
    slots: createSlots({ total: settings.uploadsTotal }),
    perUser: settings.uploadsPerUser,
    perAddress: Math.ceil(settings.uploadsTotal * addressShareOfUploads),
  };
  deps.metrics.watch({ requestsInFlight, uploadsInFlight: uploads.slots.taken });
  registerOperations(app, { ...deps, uploads, eventStreams: createEventStreams(app, failing), baseUrlOf });
  registerMedia(app, { ...deps, accelRedirect: settings.accelRedirect });
  await registerResumable(app, { ...deps, ...settings, uploads });
  registerHealth(app, deps.checks);
  await registerPages(app, { version: deps.version, publicUrl: settings.publicUrl, baseUrlOf });
  return app;
}

/**
 * While the server closes: a connection whose last answer still said "keep-alive" is idle only now, and would be waited
 * for.
 */
function closeWhatIsIdle(app: FastifyInstance, lane: ReadyLane): void {
  let timer: NodeJS.Timeout | undefined;
  app.addHook('preClose', async () => {
    lane.close();
    timer = setInterval(() => app.server.closeIdleConnections(), closeIdleEveryMs);
  });
  app.addHook('onClose', async () => clearInterval(timer));
}

function serverOf(settings: HttpSettings, listener: RequestListener): Server {
  const server = createServer(
    {
      maxHeaderSize: headersMaxBytes,
      headersTimeout: settings.headersTimeoutMs,
      requestTimeout: settings.requestTimeoutMs,
      connectionsCheckingInterval: lookForSlowEveryMs,
      keepAliveTimeout: keepAliveMs,
    },
    listener,
  );
  server.setTimeout(idleConnectionMs);
  server.maxConnections = settings.maxConnections;
  return server;
}

/** Ids that no other process and no other request has. */
function requestIds(): () => string {
  const prefix = `${Date.now().toString(36)}-`;
  let requests = 0;
  return () => {
    requests += 1;
    return `${prefix}${requests.toString(36)}`;
  };
}

/** Fastify's form of TRUST_PROXY: addresses, or the number of proxies in front. */
function trusted(
  setting: HttpSettings['trustProxy'],
): boolean | string[] | ((address: string, hop: number) => boolean) {
  if (typeof setting === 'number') return (_address, hop) => hop < setting;
  return setting === false ? false : [...setting];
}

/** Every body type that a client may send; parameters in one that is not understood are simply not there. */
function acceptBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  const read =
    (parse: (body: string) => Record<string, unknown>) =>
    async (_request: FastifyRequest, body: string): Promise<Record<string, unknown>> =>
      parse(body);
  app.addContentTypeParser('application/json', { parseAs: 'string' }, read(readJson));
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, read(readForm));
  app.addContentTypeParser('*', { parseAs: 'buffer' }, async () => ({}));
}

/**
 * Beyond the bound a request is refused at once, before any work: waiting would make all of them late. A file that somebody
 * reads slowly is no work, and whoever asks whether the server is alive is always told. Returns how many there are.
 */
function limitInFlight(app: FastifyInstance, maxInFlight: number): () => number {
  let inFlight = 0;
  app.addHook('onRequest', (request, reply, done) => {
    if (request.routeOptions.config.uncounted === true) {
      done();
      return;
    }
    inFlight += 1;
    request.leave = once(() => {
      inFlight -= 1;
    });
    // Comes however it ends; Fastify's own hook does not when the client has gone.
    reply.raw.once('close', request.leave);
    done(inFlight > maxInFlight ? new DomainError('ErrOverloaded', { retryAfterSeconds: 1 }) : undefined);
  });
  return () => inFlight;
}

/** Fastify's own refusals, and what the database cannot do now, in the words of the contract. */
function asDomainError(error: unknown, databaseFailureOf: AppDeps['databaseFailureOf']): unknown {
  const failure = databaseFailureOf(error);
  if (failure !== undefined) return new DomainError(failure, { cause: error });
  if (error instanceof BlobStoreFullError) return new DomainError('ErrStorageFull', { cause: error });
  if (error instanceof BlobStoreUnavailableError) return new DomainError('ErrObjectStoreUpload', { cause: error });
  if (!(error instanceof Error) || error instanceof DomainError || !('code' in error)) return error;
  const { code } = error;
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return new DomainError('ErrBind', {
      detail: {
        en: `the body must be at most ${bodyMaxBytes / 1024} KiB`,
        zh: `请求体不能超过 ${bodyMaxBytes / 1024} KiB`,
      },
    });
  }
  // The client went away: nobody reads this, and it is nobody's fault here.
  const gone = code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE';
  if (gone || (typeof code === 'string' && code.startsWith('FST_ERR_CTP'))) {
    return new DomainError('ErrBind', {
      detail: { en: 'the body could not be read', zh: '无法读取请求体' },
      cause: error,
    });
  }
  return error;
}

const hostShape = /^(?:[a-z0-9_](?:[a-z0-9_.-]{0,252})|\[[0-9a-f:.]{2,45}\])(?::\d{1,5})?$/i;

/** `PUBLIC_URL` where it is set, else the address by which this request reached us, if it can be one. */
function baseUrls(app: FastifyInstance, publicUrl: string | undefined): (request: FastifyRequest) => string {
  if (publicUrl !== undefined) return () => publicUrl;
  return (request) => {
    // Of a trusted proxy as well: what it hands on may come from anyone.
    const { host, protocol } = request;
    const isWeb = protocol === 'http' || protocol === 'https';
    return isWeb && hostShape.test(host) ? `${protocol}://${host}` : listeningUrl(app);
  };
}

export function listeningUrl(app: FastifyInstance): string {
  const address = app.server.address();
  if (address === null || typeof address === 'string') return 'http://localhost';
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return `http://${host}:${address.port}`;
}
