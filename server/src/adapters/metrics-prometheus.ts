import { performance } from 'node:perf_hooks';
import type { Registry } from 'prom-client';
import { type Backlog, lanes, type Metrics, type Readings } from '../ports/index.ts';
import { createRequestHistogram } from './request-histogram.ts';

export type PrometheusMetrics = Metrics & {
  readonly contentType: string;
  /** Everything that is counted, as text; answers within a second or two whatever the engines do. */
  text(): Promise<string>;
};

/** What asks the database is waited for this long; then its gauges are left out of this answer. */
const backlogTimeoutMs = 1_000;
const jobBucketsSeconds = [0.005, 0.025, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3_600];
const toolBucketsSeconds = [0.05, 0.1, 0.25, 0.5, 1, 2, 5, 15, 60, 300, 900, 3_600];

/** Counts for Prometheus. prom-client is loaded here and nowhere else, so that it costs no memory where nobody looks. */
export async function createPrometheusMetrics(): Promise<PrometheusMetrics> {
  const { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } = await import('prom-client');
  const registry = new Registry();
  const registers = [registry];
  const requests = createRequestHistogram();
  const cacheLookups = new Counter({
    name: 'tiktok_cache_lookups_total',
    help: 'Values looked up, by the tier that had them.',
    labelNames: ['family', 'tier'],
    registers,
  });
  // By `name`: `job` is Prometheus' own label, of the scrape.
  const jobs = new Counter({
    name: 'tiktok_jobs_total',
    help: 'Runs of jobs that have ended.',
    labelNames: ['name', 'outcome'],
    registers,
  });
  const jobSeconds = new Histogram({
    name: 'tiktok_job_duration_seconds',
    help: 'How long runs of jobs took.',
    labelNames: ['name'],
    buckets: jobBucketsSeconds,
    registers,
  });
  const retries = new Counter({
    name: 'tiktok_transaction_retries_total',
    help: 'Transactions that were run again.',
    labelNames: ['reason'],
    registers,
  });
  const tools = new Counter({
    name: 'tiktok_tool_runs_total',
    help: 'Runs of ffmpeg and ffprobe that have ended.',
    labelNames: ['tool', 'outcome'],
    registers,
  });
  const toolSeconds = new Histogram({
    name: 'tiktok_tool_duration_seconds',
    help: 'How long runs of ffmpeg and ffprobe took.',
    labelNames: ['tool'],
    buckets: toolBucketsSeconds,
    registers,
  });
  const toolsRunning = new Gauge({
    name: 'tiktok_tools_running',
    help: 'Runs of ffmpeg and ffprobe that are under way.',
    labelNames: ['tool'],
    registers,
  });
  const spansLost = new Counter({
    name: 'tiktok_spans_lost_total',
    help: 'Spans that no collector got.',
    registers,
  });
  collectDefaultMetrics({ register: registry });
  const readings: { -readonly [R in keyof Readings]?: Readings[R] } = {};
  const refresh = await createGauges(registry, readings);
  return {
    requestEnded: requests.add,
    cacheLookups: (family, tier, count) => {
      if (count > 0) cacheLookups.inc({ family, tier }, count);
    },
    jobEnded: (name, outcome, durationMs) => {
      jobs.inc({ name, outcome });
      jobSeconds.observe({ name }, durationMs / 1_000);
    },
    transactionRetried: (reason) => retries.inc({ reason }),
    toolStarted: (tool) => toolsRunning.inc({ tool }),
    toolEnded: (tool, outcome, durationMs) => {
      toolsRunning.dec({ tool });
      tools.inc({ tool, outcome });
      toolSeconds.observe({ tool }, durationMs / 1_000);
    },
    spansLost: (count) => spansLost.inc(count),
    watch: (more) => Object.assign(readings, more),
    contentType: registry.contentType,
    text: async () => {
      await refresh();
      return `${requests.text()}\n${await registry.metrics()}`;
    },
  };
}

/** The gauges that are read when somebody looks; what the result does is to read them. */
async function createGauges(registry: Registry, readings: Partial<Readings>): Promise<() => Promise<void>> {
  const { Gauge } = await import('prom-client');
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Gauge({ name, help, labelNames, registers: [registry] });
  const requestsInFlight = gauge('tiktok_requests_in_flight', 'Requests under way, media and health checks left out.');
  const uploadsInFlight = gauge('tiktok_uploads_in_flight', 'Uploads under way.');
  const queueJobs = gauge('tiktok_queue_jobs', 'Jobs that this process has taken and not finished.');
  const connections = gauge('tiktok_database_connections', 'Connections of the pool.', ['state']);
  const waiting = gauge('tiktok_database_waiting', 'Queries and transactions that wait for a connection.');
  const utilization = gauge('tiktok_event_loop_utilization', 'Part of the time since the last scrape that was busy.');
  const outboxUp = gauge('tiktok_outbox_up', 'Whether the outbox could be read for this answer (1) or not (0).');
  const rows = gauge('tiktok_outbox_rows', 'Rows of the outbox, counted up to 10,000.', ['lane', 'state']);
  const oldest = gauge('tiktok_outbox_oldest_due_seconds', 'How long the oldest due row has been due.', ['lane']);
  const lag = gauge('tiktok_outbox_lag_seconds', 'The same among rows that no worker has.', ['lane']);

  let lastUse = performance.eventLoopUtilization();
  const readProcess = (): void => {
    const use = performance.eventLoopUtilization();
    utilization.set(performance.eventLoopUtilization(use, lastUse).utilization);
    lastUse = use;
    for (const [one, reading] of [
      [requestsInFlight, readings.requestsInFlight],
      [uploadsInFlight, readings.uploadsInFlight],
      [queueJobs, readings.queueDepth],
    ] as const) {
      if (reading === undefined) one.remove();
      else one.set(reading());
    }
    const pool = readings.pool?.();
    if (pool === undefined) {
      waiting.remove();
      return;
    }
    connections.set({ state: 'in_use' }, pool.inUse);
    connections.set({ state: 'idle' }, pool.idle);
    waiting.set(pool.waiting);
  };
  const readBacklog = async (): Promise<void> => {
    const backlog = await backlogOf();
    for (const one of [rows, oldest, lag]) one.reset();
    outboxUp.set(backlog === undefined ? 0 : 1);
    if (backlog === undefined) return;
    for (const lane of lanes) {
      const due = backlog.lanes.find((one) => one.lane === lane);
      rows.set({ lane, state: 'due' }, due?.dueRows ?? 0);
      oldest.set({ lane }, (due?.oldestDueMs ?? 0) / 1_000);
      lag.set({ lane }, (due?.lagMs ?? 0) / 1_000);
    }
    rows.set({ lane: 'any', state: 'later' }, backlog.laterRows);
    rows.set({ lane: 'any', state: 'dead' }, backlog.deadRows);
  };
  const backlogOf = boundedBacklog(() => readings.backlog?.());
  return async () => {
    readProcess();
    await readBacklog();
  };
}

/** One question at a time, however many ask: a database that does not answer is not asked again until it has. */
function boundedBacklog(ask: () => Promise<Backlog> | undefined): () => Promise<Backlog | undefined> {
  let asking: Promise<Backlog | undefined> | undefined;
  return async () => {
    asking ??= Promise.resolve()
      .then(ask)
      .catch(() => undefined)
      .finally(() => {
        asking = undefined;
      });
    let late: NodeJS.Timeout | undefined;
    const timeout = new Promise<undefined>((resolve) => {
      late = setTimeout(resolve, backlogTimeoutMs, undefined);
    });
    try {
      return await Promise.race([asking, timeout]);
    } finally {
      clearTimeout(late);
    }
  };
}
