import type { Database } from '../db/index.ts';
import type {
  Cache,
  CacheFamily,
  CacheRegion,
  Metrics,
  Queue,
  ToolResult,
  Tracer,
  Transcoder,
} from '../ports/index.ts';

/**
 * The engines with somebody who watches: each wrapper does what it wraps does, and counts or measures it. They are put around
 * only where metrics or traces are on, so that nobody else pays for them.
 */
export type Watchers = { readonly metrics: Metrics; readonly tracer: Tracer | undefined };

type Span = <T>(name: string, attributes: Parameters<Tracer['span']>[1], work: () => Promise<T>) => Promise<T>;
const spanOf = (tracer: Tracer | undefined): Span =>
  tracer === undefined ? (_name, _attributes, work) => work() : tracer.span;

/** A span for each transaction; those of its queries come from the engine (`QueryObserver`). */
export function observedDatabase(database: Database, { tracer }: Watchers): Database {
  if (tracer === undefined) return database;
  return {
    ...database,
    transaction: (work) =>
      tracer.span('database transaction', { 'db.system.name': database.engine }, () => database.transaction(work)),
  };
}

/**
 * Counts what no cache had, and, of the cache in this process's memory, what it had: one with several tiers counts its hits
 * itself, since only it knows which tier they came from.
 */
export function observedCache(cache: Cache, { metrics, tracer }: Watchers, tiers: 'near' | 'several'): Cache {
  const span = spanOf(tracer);
  function region<V>(family: CacheFamily<V>): CacheRegion<V> {
    const inner = cache.region(family);
    return {
      lookUp: (ids) =>
        span('cache look-up', { 'cache.family': family.name, 'cache.keys': ids.length }, async () => {
          const found = await inner.lookUp(ids);
          const hits = found.filter(({ hit }) => hit).length;
          if (tiers === 'near') metrics.cacheLookups(family.name, 'near', hits);
          metrics.cacheLookups(family.name, 'database', found.length - hits);
          return found;
        }),
      fill: (entries) => inner.fill(entries),
    };
  }
  return {
    ...cache,
    region,
    delete: (keys) => span('cache delete', { 'cache.keys': keys.length }, () => cache.delete(keys)),
  };
}

/** Who publishes is the relay, which is in no span. */
export function observedQueue(queue: Queue, { tracer }: Watchers): Queue {
  if (tracer === undefined) return queue;
  return {
    ...queue,
    publish: (messages) =>
      tracer.background('queue publish', { 'messaging.batch.message_count': messages.length }, () =>
        queue.publish(messages),
      ),
  };
}

export function observedTranscoder(transcoder: Transcoder, { metrics, tracer }: Watchers): Transcoder {
  const span = spanOf(tracer);
  return {
    ...transcoder,
    run: (tool, args, limits) =>
      span(tool, {}, async () => {
        const startedAt = performance.now();
        let outcome = 'not-started';
        metrics.toolStarted(tool);
        try {
          const result = await transcoder.run(tool, args, limits);
          outcome = outcomeOf(result);
          return result;
        } finally {
          metrics.toolEnded(tool, outcome, performance.now() - startedAt);
        }
      }),
  };
}

function outcomeOf({ end, exitCode }: ToolResult): string {
  if (end !== 'exit') return end;
  return exitCode === 0 ? 'ok' : 'failed';
}
