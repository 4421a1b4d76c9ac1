import type { Config } from '../config/index.ts';
import type { Database, QueryObserver } from '../db/index.ts';
import type { Cache, Metrics, Profiler, Queue, RequestLog, Tracer, Transcoder } from '../ports/index.ts';
import type { Log } from './log.ts';
import { noMetrics } from './metrics-none.ts';
import { createPrometheusMetrics, type PrometheusMetrics } from './metrics-prometheus.ts';
import { observedCache, observedDatabase, observedQueue, observedTranscoder } from './observed-engines.ts';
import { createV8Profiler } from './profiler-v8.ts';
import { createOtlpTracer } from './tracer-otlp.ts';

/** Metrics, profiles and traces, as far as they are on. What is off is not loaded, and wraps nothing. */
export type Observability = {
  readonly metrics: Metrics;
  readonly tracer: Tracer | undefined;
  /** What the admin port shows; undefined where there is none. */
  readonly admin: { readonly metrics: PrometheusMetrics; readonly profiler: Profiler } | undefined;
  /** Takes one line per request, for the log and for whatever counts. */
  readonly requestLog: RequestLog;
  /** For the engine to tell of its queries. */
  readonly queries: QueryObserver | undefined;
  database(database: Database): Database;
  cache(cache: Cache, tiers: 'near' | 'several'): Cache;
  queue(queue: Queue): Queue;
  transcoder(transcoder: Transcoder): Transcoder;
  close(): Promise<void>;
};

export async function openObservability(
  { admin, otlpEndpoint, role }: Pick<Config, 'admin' | 'otlpEndpoint' | 'role'>,
  { logger, requestLog }: Log,
  version: string,
): Promise<Observability> {
  const counted = admin === undefined ? undefined : await createPrometheusMetrics();
  const profiler = admin === undefined ? undefined : await createV8Profiler();
  const metrics = counted ?? noMetrics;
  const tracer =
    otlpEndpoint === undefined
      ? undefined
      : await createOtlpTracer({ endpoint: otlpEndpoint, version, role, log: logger, metrics });
  const watchers = { metrics, tracer };
  const on = counted !== undefined || tracer !== undefined;
  return {
    metrics,
    tracer,
    admin: counted === undefined || profiler === undefined ? undefined : { metrics: counted, profiler },
    requestLog: counted === undefined ? requestLog : both(requestLog, counted),
    queries: tracer === undefined ? undefined : queriesOf(tracer),
    database: (database) => observedDatabase(database, watchers),
    cache: (cache, tiers) => (on ? observedCache(cache, watchers, tiers) : cache),
    queue: (queue) => observedQueue(queue, watchers),
    transcoder: (transcoder) => (on ? observedTranscoder(transcoder, watchers) : transcoder),
    close: async () => {
      await tracer?.close();
      await profiler?.close();
    },
  };
}

const both = (log: RequestLog, metrics: Metrics): RequestLog => ({
  write: (line) => {
    log.write(line);
    metrics.requestEnded(line);
  },
});

const queriesOf =
  (tracer: Tracer): QueryObserver =>
  ({ sql, durationMs, failed }) =>
    tracer.ended(`database ${sql.split(' ', 1)[0]}`, durationMs, { 'db.query.text': sql }, failed);
