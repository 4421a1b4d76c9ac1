import { DomainError } from '@tiktok-server/contract';
import type { FastifyInstance } from 'fastify';

/** What `/readyz` asks, each within a bound; a part that does not answer is named. */
export type HealthChecks = Readonly<Record<'database' | 'cache' | 'queue' | 'blobs', () => Promise<void>>>;

const checkTimeoutMs = 2_000;

/** `/healthz`: the process serves requests. `/readyz`: so do database, cache, queue and blobs. */
export function registerHealth(app: FastifyInstance, checks: HealthChecks): void {
  app.get('/healthz', { config: { uncounted: true } }, async () => ({ status_code: 0, status_msg: '' }));
  app.get('/readyz', async (_request, reply) => {
    const failing = await failingChecks(checks);
    if (failing.length > 0) {
      const names = failing.join(', ');
      reply.header('cache-control', 'no-store');
      throw new DomainError('ErrOverloaded', {
        detail: { en: `not ready: ${names}`, zh: `尚未就绪：${names}` },
        retryAfterSeconds: 2,
      });
    }
    return { status_code: 0, status_msg: '', ...Object.fromEntries(Object.keys(checks).map((name) => [name, 'ok'])) };
  });
}

/** Names of the parts that do not answer. */
export async function failingChecks(checks: HealthChecks): Promise<string[]> {
  const results = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => ({ name, ok: await answers(check) })),
  );
  return results.filter(({ ok }) => !ok).map(({ name }) => name);
}

async function answers(check: () => Promise<void>): Promise<boolean> {
  const timeout = AbortSignal.timeout(checkTimeoutMs);
  const late = new Promise<boolean>((resolve) => timeout.addEventListener('abort', () => resolve(false)));
  return await Promise.race([
    // Called within the chain: one that throws at once has failed like any other.
    Promise.resolve()
      .then(check)
      .then(
        () => true,
        () => false,
      ),
    late,
  ]);
}
