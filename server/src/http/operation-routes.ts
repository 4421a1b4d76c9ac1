import { METHODS } from 'node:http';
import {
  DomainError,
  limits,
  type Operation,
  type OperationName,
  operationNames,
  operations,
} from '@tiktok-server/contract';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Sessions } from '../features/account/sessions.ts';
import { type Call, type Caller, type Handlers, ReadyAnswer, StreamAnswer } from '../features/handler.ts';
import type { BlobStore, StagedBlob } from '../ports/index.ts';
import type { Slots } from './admission.ts';
import { answerHeaders, languageOf, successBody } from './envelope.ts';
import type { EventStreams } from './event-stream.ts';
import { discardAll, fileTooLarge, readMultipart } from './multipart.ts';
import { parseParameters, type RawParameters, rawParameters } from './parameters.ts';

export type OperationDeps = {
  readonly handlers: Handlers;
  readonly sessions: Sessions;
  readonly blobs: BlobStore;
  readonly uploads: { readonly slots: Slots; readonly perUser: number; readonly perAddress: number };
  readonly eventStreams: EventStreams;
  /** Bound of a file part, by its name. */
  readonly maxFileBytes: (part: string) => number;
  /** Scheme and host under which this caller reaches us. */
  readonly baseUrlOf: (request: FastifyRequest) => string;
};

/** What a multipart body has beside its files, in bytes: generous for fields and boundaries. */
const multipartOverheadBytes = 1024 * 1024;
/** Whatever node reads as a method, but CONNECT, which asks for a tunnel and never gets here. */
const methods = METHODS.filter((method) => method !== 'CONNECT');
/** Those whose body is read; that of any other is passed over, so that nothing in it decides about the answer. */
const methodsWithBody: readonly string[] = ['GET', 'HEAD', 'POST'];

/** The explicit list of routes under /douyin/: the contract's operations, each with its handler. */
export function registerOperations(app: FastifyInstance, deps: OperationDeps): void {
  for (const method of methods) {
    if (!methodsWithBody.includes(method)) app.addHttpMethod(method, { hasBody: false, overrideExisting: true });
  }
  for (const name of operationNames) registerOperation(app, deps, name);
}

function registerOperation<N extends OperationName>(app: FastifyInstance, deps: OperationDeps, name: N): void {
  const operation: Operation = operations[name];
  const config = { operation, operationName: name };
  const handle = Object.keys(operation.files).length > 0 ? handleWithFiles : handlePlain;
  app.route({
    method: operation.method,
    url: operation.path,
    config,
    handler: (request, reply) => handle(deps, name, request, reply),
  });
  const refuse = async (_request: FastifyRequest, reply: FastifyReply): Promise<never> => {
    reply.header('allow', operation.method === 'GET' ? 'GET, HEAD' : operation.method);
    throw new DomainError('ErrMethodNotAllowed', {
      detail: { en: `use ${operation.method}`, zh: `请使用 ${operation.method}` },
    });
  };
  const others = methods.filter(
    (method) => method !== operation.method && !(method === 'HEAD' && operation.method === 'GET'),
  );
  app.route({
    method: others,
    url: operation.path,
    config,
    exposeHeadRoute: false,
    // Before the body is looked at: a bad one must not hide that the method is wrong.
    onRequest: refuse,
    handler: refuse,
  });
}

async function handlePlain<N extends OperationName>(
  deps: OperationDeps,
  name: N,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  let body = request.body;
  if (request.isMultipart()) {
    // No file is expected here: they are read over, the fields count.
    body = (await readMultipart(request, deps.blobs, new Map(), undefined)).fields;
  }
  const raw = rawParameters(request.query, body);
  const caller = await callerOf(deps, name, request, raw);
  return await run(deps, name, raw, caller, new Map(), reply);
}

async function handleWithFiles<N extends OperationName>(
  deps: OperationDeps,
  name: N,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  if (!request.isMultipart()) return await handlePlain(deps, name, request, reply);
  const operation: Operation = operations[name];
  const limitsByPart = new Map(Object.keys(operation.files).map((part) => [part, deps.maxFileBytes(part)]));
  const { slots, perUser, perAddress } = deps.uploads;
  const releases = [slots.take()];
  let files: ReadonlyMap<string, StagedBlob> = new Map();
  try {
    // A token that is there before the body decides before gigabytes are written; one in the body has to be waited for.
    const early = rawParameters(request.query, undefined);
    let refusal = sizeRefusal(request, limitsByPart);
    let caller: Caller | undefined;
    if (refusal === undefined && tokenOf(request, early) !== undefined) {
      try {
        caller = await callerOf(deps, name, request, early);
        releases.push(slots.takeFor(`user ${caller.userId}`, perUser));
      } catch (error) {
        if (!(error instanceof DomainError)) throw error;
        refusal = error;
      }
    }
    if (caller === undefined) releases.push(slots.takeFor(`address ${request.ip}`, perAddress));
    const multipart = await readMultipart(request, deps.blobs, limitsByPart, refusal);
    files = multipart.files;
    const raw = rawParameters(request.query, multipart.fields);
    if (caller === undefined) {
      caller = await callerOf(deps, name, request, raw);
      releases.push(slots.takeFor(`user ${caller.userId}`, perUser));
    }
    if (multipart.refusal !== undefined) throw multipart.refusal;
    return await run(deps, name, raw, caller, files, reply);
  } finally {
    await discardAll(files);
    for (const release of releases) release();
  }
}

function sizeRefusal(request: FastifyRequest, limitsByPart: ReadonlyMap<string, number>): DomainError | undefined {
  const announced = Number(request.headers['content-length'] ?? 0);
  const allowed = [...limitsByPart.values()].reduce((sum, bytes) => sum + bytes, multipartOverheadBytes);
  const [[part, maxBytes] = ['file', 0]] = limitsByPart;
  return announced > allowed ? fileTooLarge(part, maxBytes) : undefined;
}

async function run<N extends OperationName>(
  deps: OperationDeps,
  name: N,
  raw: RawParameters,
  caller: Caller,
  files: ReadonlyMap<string, StagedBlob>,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const input = parseParameters(name, raw);
  const call = callOf(name, { input, caller, files: Object.fromEntries(files) });
  const answer = await deps.handlers[name](call);
  reply.request.statusCodeSent = 0;
  if (answer instanceof StreamAnswer) return deps.eventStreams.send(answer, caller, reply);
  reply.headers(answerHeaders);
  return reply.send(answer instanceof ReadyAnswer ? answer.body : successBody(answer));
}

/** What was checked against the contract at run time is what the handler's type says. */
function callOf<N extends OperationName>(name: N, call: object): Call<N>;
function callOf(_name: OperationName, call: object): object {
  return call;
}

export function tokenOf(request: FastifyRequest, raw: RawParameters): string | undefined {
  const parameter = raw('token');
  if (parameter !== undefined && parameter !== '') return parameter;
  const header = request.headers.authorization;
  if (header === undefined || header.slice(0, 7).toLowerCase() !== 'bearer ') return undefined;
  return header.slice(7, 7 + limits.tokenMaxCharacters + 1).trim();
}

async function callerOf(
  deps: OperationDeps,
  name: OperationName,
  request: FastifyRequest,
  raw: RawParameters,
): Promise<Caller> {
  const { access } = operations[name];
  const guest: Caller = {
    userId: undefined,
    address: request.ip,
    baseUrl: deps.baseUrlOf(request),
    language: languageOf(request.headers['accept-language']),
  };
  if (access === 'none') return guest;
  const token = tokenOf(request, raw);
  if (token === undefined) {
    if (access === 'optional') return guest;
    throw new DomainError('ErrTokenInvalid', { detail: { en: 'token is required', zh: '缺少 token' } });
  }
  const session = await deps.sessions.verify(token);
  if (session.ok) {
    request.callerId = session.userId;
    return { ...guest, userId: session.userId };
  }
  if (access === 'optional') return guest;
  throw new DomainError(session.why === 'expired' ? 'ErrExpired' : 'ErrTokenInvalid');
}
