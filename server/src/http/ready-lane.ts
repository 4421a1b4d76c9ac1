import type { IncomingMessage, ServerResponse } from 'node:http';
import { type OperationName, operations } from '@tiktok-server/contract';
import type { ReadyHandler } from '../features/handler.ts';
import type { RequestLine, RequestLog, Tracer } from '../ports/index.ts';
import { answerHeaders, requestIdHeader, securityHeaders } from './envelope.ts';
import { parseParameters, rawParameters, readForm } from './parameters.ts';
import { requestAttributes, traceparentOf } from './request-log.ts';

/**
 * The way of an answer that lies ready: straight from node's server, before Fastify sees the request. The framework costs
 * more than sending bytes does (bench/report.md, "Guest feed"), and there is nothing here that it could decide. Whatever
 * is not plainly a guest's request without a body takes the ordinary way, where the same bytes come out.
 */
export type ReadyLane = {
  /** Answers the request, or leaves it to `otherwise`. */
  readonly answer: (request: IncomingMessage, response: ServerResponse, otherwise: () => void) => void;
  /** From here on every request takes the ordinary way. */
  readonly close: () => void;
};

const operation = 'feed' satisfies OperationName;
const { path } = operations[operation];
const bare = path.slice(0, -1);
/** Addresses beyond this are not a guest's request for the feed. */
const maxUrlCharacters = 200;

export function createReadyLane(deps: {
  readonly ready: ReadyHandler<typeof operation>;
  /** What has to be over before `ready` is asked, if anything. */
  readonly settled: () => Promise<void> | undefined;
  /** `PUBLIC_URL`; without it, media addresses begin with the host that the request names. */
  readonly publicUrl: string | undefined;
  /** Whether clients reach this server without a trusted proxy, whose headers would say who they are. */
  readonly direct: boolean;
  readonly nextRequestId: () => string;
  readonly log: RequestLog;
  readonly tracer: Tracer | undefined;
}): ReadyLane {
  const { ready, settled, publicUrl, nextRequestId, log, tracer } = deps;
  let open = deps.direct;

  /** Whether there was an answer. */
  function send(request: IncomingMessage, response: ServerResponse, query: string, startedAt: number): boolean {
    const input = query === '' ? noInput : guestInput(query);
    if (input === undefined) return false;
    const answer = ready(input, publicUrl ?? `http://${request.headers.host}`);
    if (answer === undefined) return false;
    const span = tracer?.request(operation, traceparentOf(request));
    const requestId = nextRequestId();
    response.writeHead(200, {
      ...securityHeaders,
      [requestIdHeader]: requestId,
      ...answerHeaders,
      'content-length': answer.body.length,
    });
    response.end(answer.body);
    const line: RequestLine = {
      requestId,
      method: 'GET',
      path: request.url?.startsWith(path) === true ? path : bare,
      operation,
      group: operation,
      status: 200,
      code: 0,
      durationMs: performance.now() - startedAt,
      userId: undefined,
      address: request.socket.remoteAddress ?? '',
    };
    log.write(line);
    span?.end(requestAttributes(line), false);
    return true;
  }

  return {
    close: () => {
      open = false;
    },
    answer: (request, response, otherwise) => {
      const query = open ? guestQuery(request) : undefined;
      if (query === undefined) {
        otherwise();
        return;
      }
      const startedAt = performance.now();
      const settling = settled();
      if (settling === undefined) {
        if (!send(request, response, query, startedAt)) otherwise();
        return;
      }
      void settling.then(() => {
        if (!send(request, response, query, startedAt)) otherwise();
      });
    },
  };
}

const noInput = parseParameters(operation, rawParameters(undefined, undefined));

function guestInput(query: string): typeof noInput | undefined {
  const raw = rawParameters(readForm(query), undefined);
  return (raw('token') ?? '') === '' ? parseParameters(operation, raw) : undefined;
}

/** The query of what is plainly a guest's request for the feed. */
function guestQuery({ method, url = '', headers }: IncomingMessage): string | undefined {
  if (method !== 'GET' || !url.startsWith(bare) || url.length > maxUrlCharacters) return undefined;
  if (headers.authorization !== undefined) return undefined;
  if (headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined) return undefined;
  const rest = url.slice(bare.length);
  if (rest === '' || rest === '/') return '';
  if (rest.startsWith('/?')) return rest.slice(2);
  return rest.startsWith('?') ? rest.slice(1) : undefined;
}
