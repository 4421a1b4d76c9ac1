/** Engines with somebody who watches do what they do without: each runs against the suite of its port. */
import { afterAll, beforeAll, describe } from 'vitest';
import { type Collector, startCollector } from '../../test/collector.ts';
import { createManualClock } from '../../test/manual-clock.ts';
import { openTemporaryDatabase } from '../../test/temporary-database.ts';
import { databaseConformance } from '../db/database.conformance.ts';
import { cacheConformance } from '../ports/cache.conformance.ts';
import { queueConformance } from '../ports/queue.conformance.ts';
import { transcoderConformance } from '../ports/transcoder.conformance.ts';
import { createMemoryCache } from './cache-memory.ts';
import { createPrometheusMetrics } from './metrics-prometheus.ts';
import {
  observedCache,
  observedDatabase,
  observedQueue,
  observedTranscoder,
  type Watchers,
} from './observed-engines.ts';
import { createMemoryQueue } from './queue-memory.ts';
import { createOtlpTracer, type OtlpTracer } from './tracer-otlp.ts';
import { createFfmpegTranscoder } from './transcoder-ffmpeg.ts';

let collector: Collector;
let tracer: OtlpTracer;
let watchers: Watchers;
beforeAll(async () => {
  collector = await startCollector();
  const metrics = await createPrometheusMetrics();
  tracer = await createOtlpTracer({
    endpoint: collector.url,
    version: '0.0.0',
    role: 'all',
    log: { warn: () => undefined },
    metrics,
  });
  watchers = { metrics, tracer };
});
afterAll(async () => {
  await tracer.close();
  collector.close();
});

describe('a database', () => {
  databaseConformance(async () => {
    const store = await openTemporaryDatabase();
    return {
      database: observedDatabase(store.database, watchers),
      reopen: async () => observedDatabase(await store.reopen(), watchers),
      dispose: store.remove,
    };
  });
});

describe('a cache', () => {
  cacheConformance(async () => {
    const clock = createManualClock();
    const cache = observedCache(createMemoryCache({ clock }), watchers, 'near');
    return { cache, passTime: async (ms) => clock.advance(ms), dispose: () => cache.close() };
  });
});

describe('a queue', () => {
  queueConformance(async (options) => {
    const queue = observedQueue(createMemoryQueue(options), watchers);
    return { queue, dispose: () => queue.close() };
  });
});

describe('a transcoder', () => {
  transcoderConformance(async () => {
    const searchPath = ['/usr/local/bin', '/usr/bin', '/bin'];
    return observedTranscoder(
      await createFfmpegTranscoder({ ffmpegPath: undefined, searchPath, mediaPriority: 'normal' }),
      watchers,
    );
  });
});
