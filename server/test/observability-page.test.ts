/** The page on metrics, its alerts and the dashboard name what there is, and all of it. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { operationNames } from '@tiktok-server/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { createPrometheusMetrics, type PrometheusMetrics } from '../src/adapters/metrics-prometheus.ts';
import { settings } from '../src/config/index.ts';
import { type Exposition, readExposition, scrape } from './exposition.ts';
import { startTestServer, type TestServer } from './server.ts';

const read = (name: string): string =>
  readFileSync(fileURLToPath(new URL(`../../docs/${name}`, import.meta.url)), 'utf8');
const page = read('observability.md');

type Documented = { readonly name: string; readonly type: string; readonly labels: readonly string[] };
const documented: readonly Documented[] = page.split('\n').flatMap((line) => {
  const [, name, type, labels] = /^\| `([a-z0-9_]+)` \| (counter|gauge|histogram) \| (.*?) ?\| \S/.exec(line) ?? [];
  if (name === undefined || type === undefined || labels === undefined) return [];
  return [{ name, type, labels: [...labels.matchAll(/`([a-z_]+)`/g)].map(([, label = '']) => label) }];
});
const labelsOf = new Map(documented.map(({ name, labels }) => [name, labels]));

let server: TestServer;
let live: Exposition;
beforeAll(async () => {
  server = await startTestServer({ ADMIN_PORT: '0' });
  live = await scrape(server.context.admin?.url ?? '');
});
afterAll(() => server.close());

/** Everything that can be counted, counted once, so that every label is there. */
async function everything(): Promise<Exposition> {
  const metrics: PrometheusMetrics = await createPrometheusMetrics();
  const line = { requestId: '', method: 'GET', path: '/', durationMs: 1, userId: undefined, address: '' };
  metrics.requestEnded({ ...line, operation: 'feed', group: 'feed', status: 200, code: 0 });
  metrics.cacheLookups('user', 'near', 1);
  metrics.jobEnded('video.prepare', 'done', 1);
  metrics.transactionRetried('deadlock');
  metrics.toolStarted('ffmpeg');
  metrics.toolEnded('ffmpeg', 'ok', 1);
  metrics.spansLost(1);
  metrics.watch({
    requestsInFlight: () => 1,
    uploadsInFlight: () => 1,
    queueDepth: () => 1,
    pool: () => ({ inUse: 1, idle: 1, waiting: 1 }),
    backlog: async () => ({
      lanes: [{ lane: 'quick', dueRows: 1, oldestDueMs: 1, lagMs: 1 }],
      laterRows: 1,
      deadRows: 1,
    }),
  });
  return readExposition(await metrics.text());
}

const family = (sample: string): string => sample.replace(/_(?:bucket|sum|count)$/, '');
const isOurs = (name: string): boolean => name.startsWith('tiktok_');

describe('the page', () => {
  it('has every metric of a server with its type, and no other', () => {
    const expected = [...live.types].filter(([name]) => process.platform === 'linux' || !name.startsWith('process_'));
    const listed = documented
      .map(({ name, type }) => [name, type] as const)
      .filter(([name]) => process.platform === 'linux' || !name.startsWith('process_'));
    expect(new Map(listed)).toEqual(new Map(expected));
    expect(listed).toHaveLength(expected.length);
  });

  it('names settings that there are', () => {
    const named = [...page.matchAll(/\b[A-Z]+(?:_[A-Z]+)+\b/g)].map(([name]) => name);
    // The last one is read by OpenTelemetry itself.
    expect([...Object.keys(settings), 'OTEL_EXPORTER_OTLP_HEADERS']).toEqual(expect.arrayContaining(named));
    expect(named.length).toBeGreaterThan(5);
  });

  it('has the labels of each', async () => {
    const { samples } = await everything();
    const seen = new Map<string, Set<string>>();
    for (const { name, labels } of samples) {
      const known = labelsOf.has(name) ? name : family(name);
      const names = Object.keys(labels).filter((label) => label !== 'le');
      for (const label of names) seen.set(known, (seen.get(known) ?? new Set()).add(label));
    }
    for (const { name, labels } of documented.filter((one) => isOurs(one.name))) {
      expect([name, [...(seen.get(name) ?? [])].sort()]).toEqual([name, [...labels].sort()]);
    }
  });
});

/** What an expression of PromQL speaks of: metrics, and the labels that it selects or groups by. */
function usesOf(expression: string): { readonly metrics: readonly string[]; readonly labels: readonly string[] } {
  const metrics = [...expression.matchAll(/\b(?:tiktok|nodejs|process)_[a-z0-9_]+/g)].map(([name]) => name);
  const selected = [...expression.matchAll(/([a-z_]+)\s*(?:=~|!~|!=|=)\s*"/g)];
  const grouped = [...expression.matchAll(/\b(?:by|ignoring|on)\s*\(([^)]*)\)/g)].flatMap(([, list = '']) =>
    list.split(',').map((label) => ['', label.trim()] as const),
  );
  return { metrics, labels: [...selected, ...grouped].map(([, label = '']) => label) };
}

/** Labels that Prometheus itself puts there, and the one of buckets. */
const scraped = ['instance', 'job', 'le'];

function checkExpression(expression: string): void {
  const { metrics, labels } = usesOf(expression);
  for (const metric of metrics) expect([...labelsOf.keys()]).toContain(labelsOf.has(metric) ? metric : family(metric));
  const known = metrics.flatMap((metric) => labelsOf.get(metric) ?? labelsOf.get(family(metric)) ?? []);
  for (const label of labels)
    expect([expression, [...scraped, ...known]]).toEqual([expression, expect.arrayContaining([label])]);
  for (const [, list = ''] of expression.matchAll(/operation(?:=|!=|=~|!~)"([^"]*)"/g)) {
    for (const name of list.split('|')) expect([...operationNames, 'media', 'page', 'other']).toContain(name);
  }
}

type Json = Readonly<Record<string, unknown>>;
const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null;
/** Every value under `key`, wherever it stands. */
function valuesOf(value: unknown, key: string): unknown[] {
  if (!isJson(value)) return [];
  return Object.entries(value).flatMap(([name, inner]) => [...(name === key ? [inner] : []), ...valuesOf(inner, key)]);
}

describe('the alerts', () => {
  const rules = [...page.matchAll(/```yaml\n(groups:[\s\S]*?)```/g)].map(([, text = '']): unknown => parse(text));

  it('ask for metrics and labels that are there', () => {
    const expressions = valuesOf(rules, 'expr').map(String);
    expect(expressions.length).toBeGreaterThan(10);
    expect(valuesOf(rules, 'alert')).toHaveLength(expressions.length);
    for (const expression of expressions) checkExpression(expression);
  });
});

describe('the dashboard', () => {
  const dashboard: unknown = JSON.parse(read('grafana-dashboard.json'));
  const expressions = valuesOf(dashboard, 'expr').map(String);

  it('asks for metrics and labels that are there', () => {
    for (const expression of expressions) checkExpression(expression);
    for (const definition of valuesOf(dashboard, 'definition')) checkExpression(String(definition));
  });

  it('shows every metric of this server', () => {
    const shown = new Set(expressions.flatMap((expression) => usesOf(expression).metrics));
    const missing = documented
      .map(({ name }) => name)
      .filter((name) => isOurs(name) && ![...shown].some((one) => one === name || family(one) === name));
    expect(missing).toEqual([]);
  });

  it('can be imported anywhere: the data source is a variable, and no panel has the place of another', () => {
    const sources = valuesOf(dashboard, 'datasource').filter(isJson);
    expect(sources.length).toBeGreaterThan(expressions.length);
    expect(new Set(sources.map(({ uid }) => uid))).toEqual(new Set([`$${'{datasource}'}`]));
    const panels = isJson(dashboard) && Array.isArray(dashboard['panels']) ? dashboard['panels'].filter(isJson) : [];
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const places = new Set<string>();
    for (const { gridPos } of panels) {
      const { x, y, w, h } = Object.assign({ x: 0, y: 0, w: 0, h: 0 }, gridPos);
      expect(x + w).toBeLessThanOrEqual(24);
      for (let column = x; column < x + w; column += 1) {
        for (let line = y; line < y + h; line += 1) {
          expect(places).not.toContain(`${column} ${line}`);
          places.add(`${column} ${line}`);
        }
      }
    }
  });
});
