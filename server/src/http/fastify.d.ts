import type { Operation, OperationName } from '@tiktok-server/contract';

declare module 'fastify' {
  interface FastifyRequest {
    /** The signed-in caller, once known: for the log. */
    callerId: number | undefined;
    /** The `status_code` of the answer, where it has one: for the log. */
    statusCodeSent: number | undefined;
  }
  interface FastifyContextConfig {
    operation?: Operation;
    operationName?: OperationName;
    /** Not one of the requests in flight that are bounded. */
    uncounted?: boolean;
  }
}
