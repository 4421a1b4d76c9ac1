/** Servers that are wrong in many things: a check without a fault of its own has to fail on one of them. */
import { operations } from '@tiktok-server/contract';
import { answerOf, type Fault, rowOf } from './faulty-proxy.ts';
import { refusal, success } from './tampering.ts';

export const bluntFaults: Readonly<Record<string, Fault>> = {
  'says no to everything': { request: () => refusal() },
  'does nothing and says that it did': {
    // Without users, checks would be blocked and not fail.
    request: ({ method, path }) => (method === 'POST' && path !== operations.register.path ? success() : undefined),
  },
  'says yes to everything': {
    answer: (answer) => {
      const body = rowOf(answer);
      return body === undefined || body['status_code'] === 0
        ? answer
        : answerOf({ ...body, status_code: 0, status_msg: '' });
    },
  },
  'serves files without ETag': {
    answer: ({ headers: { etag: _etag, ...headers }, ...answer }) => ({ ...answer, headers }),
  },
};
