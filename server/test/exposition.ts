/** Prometheus' text format, read by itself: what a scraper sees. */
export type Metric = {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
};

export type Exposition = {
  readonly samples: readonly Metric[];
  /** Type of each metric by its name. */
  readonly types: ReadonlyMap<string, string>;
  /** The sum of the samples of a name that have these labels; undefined if there is none. */
  value(name: string, labels?: Readonly<Record<string, string>>): number | undefined;
};

const sampleShape = /^([a-z_][a-z0-9_]*)(?:\{(.*)\})? (\S+)$/;
const labelShape = /([a-z_]+)="([^"]*)"(?:,|$)/g;

/** Throws on a line that is none. */
export function readExposition(text: string): Exposition {
  const types = new Map<string, string>();
  const samples: Metric[] = [];
  for (const line of text.split('\n')) {
    const [, name, type] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? [];
    if (name !== undefined && type !== undefined) {
      if (types.has(name)) throw new Error(`${name} is there twice`);
      types.set(name, type);
    }
    if (line === '' || line.startsWith('#')) continue;
    const [, sample, labels = '', value] = sampleShape.exec(line) ?? [];
    if (sample === undefined || value === undefined) throw new Error(`not a sample: ${line}`);
    samples.push({
      name: sample,
      labels: Object.fromEntries([...labels.matchAll(labelShape)].map(([, label = '', text = '']) => [label, text])),
      value: value === '+Inf' ? Number.POSITIVE_INFINITY : Number(value),
    });
  }
  return {
    samples,
    types,
    value: (name, wanted = {}) => {
      const found = samples.filter(
        (one) => one.name === name && Object.entries(wanted).every(([label, text]) => one.labels[label] === text),
      );
      return found.length === 0 ? undefined : found.reduce((sum, { value }) => sum + value, 0);
    },
  };
}

export async function scrape(url: string): Promise<Exposition> {
  const response = await fetch(`${url}/metrics`);
  if (response.status !== 200) throw new Error(`/metrics: ${response.status}`);
  return readExposition(await response.text());
}
