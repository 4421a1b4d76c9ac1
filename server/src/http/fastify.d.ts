import type { Operation, OperationName } from '@tiktok-server/contract';
import type { RequestSpan } from '../ports/index.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The signed-in caller, once known: for the log. */
    callerId: number | undefined;
    /** The `status_code` of the answer, where it has one: for the log. */
    statusCodeSent: number | undefined;
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
