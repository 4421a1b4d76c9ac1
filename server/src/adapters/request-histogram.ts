import type { RequestLine } from '../ports/index.ts';

const name = 'tiktok_request_duration_seconds';
/** From an answer that lay ready to an upload. */
const boundsMs = Float64Array.of(0.1, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000);

type Series = { readonly labels: string; readonly buckets: Float64Array; sumMs: number };

/**
 * Requests by what they asked for and how they ended, with their durations. By hand, because prom-client's histogram puts the
 * names of a series together anew for each observation: here an observation is two look-ups and two additions.
 */
export function createRequestHistogram(): {
  readonly add: (line: RequestLine) => void;
  /** In Prometheus' text format (https://prometheus.io/docs/instrumenting/exposition_formats/). */
  readonly text: () => string;
} {
  const groups = new Map<string, Map<number, Series>>();

  function open(line: RequestLine, key: number): Series {
    let group = groups.get(line.group);
    if (group === undefined) {
      group = new Map();
      groups.set(line.group, group);
    }
    const labels = `operation="${line.group}",status_code="${line.code ?? 'none'}",http_status="${line.status}"`;
    const series: Series = { labels, buckets: new Float64Array(boundsMs.length + 1), sumMs: 0 };
    group.set(key, series);
    return series;
  }

  return {
    add: (line) => {
      // One number of two: codes of the contract are whole, an HTTP status has three digits.
      const key = (line.code ?? -1) * 1_000 + line.status;
      const series = groups.get(line.group)?.get(key) ?? open(line, key);
      const bucket = bucketOf(line.durationMs);
      series.buckets[bucket] = (series.buckets[bucket] ?? 0) + 1;
      series.sumMs += line.durationMs;
    },
    text: () => {
      const lines = [
        `# HELP ${name} Requests that have ended, with the time from their first byte to the last of their answer.`,
        `# TYPE ${name} histogram`,
      ];
      for (const group of groups.values()) for (const series of group.values()) lines.push(...linesOf(series));
      return `${lines.join('\n')}\n`;
    },
  };
}

function bucketOf(durationMs: number): number {
  let bucket = 0;
  while (bucket < boundsMs.length && durationMs > (boundsMs[bucket] ?? 0)) bucket += 1;
  return bucket;
}

function linesOf({ labels, buckets, sumMs }: Series): string[] {
  const lines: string[] = [];
  let count = 0;
  buckets.forEach((added, position) => {
    count += added;
    const bound = boundsMs[position];
    lines.push(`${name}_bucket{${labels},le="${bound === undefined ? '+Inf' : bound / 1_000}"} ${count}`);
  });
  return [...lines, `${name}_sum{${labels}} ${sumMs / 1_000}`, `${name}_count{${labels}} ${count}`];
}
