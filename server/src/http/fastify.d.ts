import type { Operation, OperationName } from '@tiktok-server/contract';
import type { RequestSpan } from '../ports/index.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The signed-in caller, once known: for the log. */
    callerId: number | undefined;
    /** The `status_code` of the answer, where it has one: for the log. */
    statusCodeSent: number | undefined;
    /** Gives back its place among the requests in flight, before its answer has ended. */
    leave: (() => void) | undefined;
    /** Whether its answer goes on until somebody ends it. */
    streams: boolean;
    /** What this request does is within it, where traces are on. */
    span: RequestSpan | undefined;
  }
  interface FastifyContextConfig {
    operation?: Operation;
    operationName?: OperationName;
    /** Not one of the requests in flight that are bounded. */
    uncounted?: boolean;
  }
}
