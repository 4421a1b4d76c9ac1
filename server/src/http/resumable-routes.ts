/**
 * Uploads that can be resumed, by the tus protocol (https://tus.io/protocols/resumable-upload, version 1.0.0). Other than
 * below /douyin/, statuses are those of HTTP, because programs that speak tus go by them; the body of a refusal is the
 * envelope of everywhere else. docs/uploads.md describes it for who uses it.
 */
import type { IncomingMessage } from 'node:http';
import { DomainError, errors } from '@tiktok-server/contract';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Sessions } from '../features/account/sessions.ts';
import { AlreadyPublishedError, type UploadService } from '../features/upload/upload.service.ts';
import { UploadLockedError } from '../features/upload/upload-locks.ts';
import type { UploadPublisher } from '../features/upload/upload-publisher.ts';
import { BlobStoreFullError } from '../ports/index.ts';
import type { Slots } from './admission.ts';
import { StatusError } from './envelope.ts';
import { type IncomingBody, incomingBody } from './incoming-body.ts';
import { tokenOf } from './operation-routes.ts';
import { rawParameters } from './parameters.ts';
import { createTusServer, type TusCall, uploadsPath } from './tus-server.ts';

export type ResumableDeps = {
  readonly sessions: Sessions;
  readonly resumable: {
    readonly uploads: UploadService;
    readonly publisher: UploadPublisher;
    readonly maxBytes: number;
  };
  readonly uploads: { readonly slots: Slots; readonly perUser: number };
  /** Of whole requests. */
  readonly requestTimeoutMs: number;
};

/**
 * Of the time that a request may take, what is given to its bytes: one that takes longer is answered with how far it has come,
 * and its client goes on. Cut off with 408 as any other, tus-js-client would give up.
 */
const chunkShare = 0.8;

const bytesType = 'application/offset+octet-stream';
const collectionMethods = ['POST', 'OPTIONS'];
const uploadMethods = ['HEAD', 'PATCH', 'DELETE', 'OPTIONS', 'POST'];
const otherMethods = ['GET', 'PUT'];
const videoHeader = 'upload-video-id';

/** What tus' own code sends along that is ours to say, or nobody's: pages of other sites may not call this. */
const droppedHeader = /^(?:content-type|content-length|connection|access-control-.*)$/;

export async function registerResumable(app: FastifyInstance, deps: ResumableDeps): Promise<void> {
  const { uploads, publisher } = deps.resumable;
  const tus = createTusServer(deps.resumable);

  async function handle(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const method = methodOf(request);
    const body = incomingBody(request.raw, deps.requestTimeoutMs * chunkShare);
    const releases: (() => void)[] = [];
    let call: TusCall | undefined;
    try {
      if (method === 'POST' && idOf(request) !== undefined) throw new DomainError('ErrMethodNotAllowed');
      call = await callOf(request, method, body);
      if (hasBytes(request, method)) {
        releases.push(deps.uploads.slots.take());
        releases.push(deps.uploads.slots.takeFor(`user ${call.userId}`, deps.uploads.perUser));
      }
      const url = new URL(request.url, 'http://localhost');
      const response = await tus({ method, url, headers: headersOf(request.raw) }, call);
      if (response.status >= 400) throw call.refusal ?? { status_code: response.status, body: await response.text() };
      await addOutcome(request, method, call, reply);
      for (const [name, value] of response.headers) if (!droppedHeader.test(name)) reply.header(name, value);
      reply.header('cache-control', 'no-store').code(response.status);
    } catch (error) {
      // Nobody was told where it is; what cannot be removed now expires.
      if (call?.created !== undefined) await uploads.remove(call.created).catch(() => undefined);
      if (error instanceof AlreadyPublishedError) reply.header(videoHeader, error.videoId);
      throw refusalOf(error, method);
    } finally {
      for (const release of releases) release();
      // A client that is still sending would see a reset connection and not the answer.
      if (!(await body.drain())) reply.header('connection', 'close');
    }
    return reply.send(method === 'HEAD' ? undefined : '');
  }

  async function callOf(request: FastifyRequest, method: string, body: IncomingBody): Promise<TusCall> {
    // What this speaks is no secret, and asked before there is a token.
    if (method === 'OPTIONS') return { body, userId: 0, query: '' };
    const header = tokenOf(request, () => undefined);
    const given =
      header === undefined ? (rawParameters(request.query, undefined)('token') ?? tokenInMetadata(request)) : undefined;
    const token = header ?? given;
    if (token === undefined || token === '') {
      const detail = {
        en: 'send the token as "Authorization: Bearer TOKEN"',
        zh: '请以 "Authorization: Bearer TOKEN" 发送 token',
      };
      throw new DomainError('ErrTokenInvalid', { detail });
    }
    const session = await deps.sessions.verify(token);
    if (!session.ok) throw new DomainError(session.why === 'expired' ? 'ErrExpired' : 'ErrTokenInvalid');
    request.callerId = session.userId;
    return { body, userId: session.userId, query: given === undefined ? '' : `?token=${encodeURIComponent(given)}` };
  }

  /** Says until when the upload is kept, or what became of it: who lost the last answer asks for it again. */
  async function addOutcome(
    request: FastifyRequest,
    method: string,
    call: TusCall,
    reply: FastifyReply,
  ): Promise<void> {
    if (call.videoId !== undefined) reply.header(videoHeader, call.videoId);
    const id = idOf(request) ?? call.created;
    if (method === 'DELETE' || method === 'OPTIONS' || id === undefined || call.videoId !== undefined) return;
    const upload = await uploads.find(call.userId, id);
    if (upload.state === 'open') reply.header('upload-expires', new Date(upload.expires_at).toUTCString());
    else reply.header(videoHeader, await publisher.publish(id));
  }

  await app.register(async (scope) => {
    // Read here as it comes, and never into memory.
    scope.addContentTypeParser(bytesType, (_request, _payload, done) => done(null));
    const routes = [
      { url: `${uploadsPath}/`, methods: collectionMethods, others: [...otherMethods, 'HEAD', 'PATCH', 'DELETE'] },
      { url: `${uploadsPath}/:id`, methods: uploadMethods, others: otherMethods },
    ];
    for (const { url, methods, others } of routes) {
      scope.route({ method: methods, url, exposeHeadRoute: false, handler: handle });
      const refuse = async (_request: FastifyRequest, reply: FastifyReply): Promise<never> => {
        reply.header('allow', methods.join(', '));
        throw new DomainError('ErrMethodNotAllowed');
      };
      scope.route({ method: others, url, exposeHeadRoute: false, onRequest: refuse, handler: refuse });
    }
  });
}

function idOf({ params }: FastifyRequest): string | undefined {
  const { id } = Object.assign({ id: undefined }, params);
  return typeof id === 'string' ? id : undefined;
}

/** What is meant where a network lets only POST through. */
function methodOf({ method, headers }: FastifyRequest): string {
  const meant = headers['x-http-method-override'];
  return method === 'POST' && (meant === 'PATCH' || meant === 'DELETE') ? meant : method;
}

const hasBytes = (request: FastifyRequest, method: string): boolean =>
  method === 'PATCH' || (method === 'POST' && request.headers['content-type'] === bytesType);

function headersOf({ headers }: IncomingMessage): Headers {
  const plain = new Headers();
  // An empty one says nothing, as Upload-Metadata of a client that has none to give.
  for (const [name, value] of Object.entries(headers))
    if (typeof value === 'string' && value !== '') plain.set(name, value);
  return plain;
}

function tokenInMetadata({ headers }: FastifyRequest): string | undefined {
  const metadata = headers['upload-metadata'];
  if (typeof metadata !== 'string') return undefined;
  const [, value] =
    metadata
      .split(',')
      .map((pair) => pair.trim().split(' '))
      .find(([key]) => key === 'token') ?? [];
  return value === undefined ? undefined : Buffer.from(value, 'base64').toString('utf8');
}

/** The status is what programs go by: tus-js-client tries again after 409, 423 and 5xx, and begins anew if HEAD fails otherwise. */
function refusalOf(error: unknown, method: string): unknown {
  const [status, known] = meaningOf(error);
  if (known === undefined) return error;
  // What is only away for a moment must not make it begin anew.
  const sent = method === 'HEAD' && (status >= 500 || status === 429) ? 423 : status;
  const { row, detail, retryAfterSeconds, cause } = known;
  return new StatusError(sent, row, {
    ...(detail !== undefined && { detail }),
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
    cause: cause ?? error,
  });
}

function meaningOf(error: unknown): readonly [status: number, known: DomainError | undefined] {
  if (error instanceof AlreadyPublishedError) return [422, error];
  // It has not been refused for good: who is told 5xx comes again.
  if (error instanceof DomainError) return [error.row === 'ErrTooManyRequests' ? 503 : errors[error.row].status, error];
  if (error instanceof UploadLockedError) {
    const detail = { en: 'another request is writing to this upload', zh: '另一个请求正在写入此上传' };
    return [423, new DomainError('ErrTooManyRequests', { detail, retryAfterSeconds: 1 })];
  }
  if (error instanceof BlobStoreFullError) return [507, new DomainError('ErrStorageFull', { cause: error })];
  const { status_code: status, body } = Object.assign({ status_code: 0, body: '' }, error);
  if (error instanceof Error || typeof status !== 'number' || status < 400) return [500, undefined];
  const words = String(body).trim();
  if (status === 404) return [404, new DomainError('ErrUploadNotFound')];
  return [status, new DomainError('ErrValidation', { detail: { en: words, zh: words } })];
}
