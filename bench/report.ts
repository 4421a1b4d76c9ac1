/** Figures in, the report out, as Markdown for people and JSON for programs. Pure. */
import { type Summary, summarize } from './statistics.ts';

export type Unit = 'ms' | 'MB' | 'MB/s' | 'requests/s' | 'µs' | '%' | '';

export type Measurement = {
  readonly label: string;
  readonly unit: Unit;
  /** One value per run. */
  readonly values: readonly number[];
  /** Holds if the median of the runs does. */
  readonly goal?: Goal;
};
export type Goal = { readonly relation: 'below' | 'at least'; readonly value: number };

export type Outcome =
  | { readonly kind: 'measured'; readonly measurements: readonly Measurement[]; readonly notes: readonly string[] }
  /** This machine lacks what is needed. */
  | { readonly kind: 'unavailable'; readonly reason: string }
  /** The measurement itself went wrong. */
  | { readonly kind: 'failed'; readonly reason: string };

export type Figure = {
  readonly name: string;
  readonly title: string;
  /** How it is measured. */
  readonly method: string;
  /** Of an earlier run: when, and of which commit. */
  readonly since?: string | undefined;
  readonly outcome: Outcome;
};

export type Report = {
  readonly date: string;
  readonly mode: 'full' | 'quick';
  /** What it was measured on, and with: name and value. */
  readonly conditions: Readonly<Record<string, string>>;
  readonly figures: readonly Figure[];
};

export function goalHolds(goal: Goal, measured: number): boolean {
  return goal.relation === 'below' ? measured < goal.value : measured >= goal.value;
}

/** The report as data; it differs from its input by the statistics. */
export function renderJson(report: Report): string {
  const figures = report.figures.map(({ outcome, ...figure }) => ({
    ...figure,
    outcome:
      outcome.kind === 'measured'
        ? { ...outcome, measurements: outcome.measurements.map((one) => ({ ...one, ...verdictOf(one) })) }
        : outcome,
  }));
  return `${JSON.stringify({ ...report, figures }, null, 2)}\n`;
}

export function renderMarkdown(report: Report): string {
  const lines = [
    '# Benchmark report',
    '',
    `Written by \`npm run bench\` on ${report.date}${report.mode === 'quick' ? ' (quick: few runs, small input)' : ''}. Do not edit. How to read it: [README.md](README.md).`,
    '',
    '## Goals',
    '',
    ...table(['what', 'median', 'lowest – highest', 'runs', 'goal', 'holds'], report.figures.flatMap(goalRows)),
    '',
    '## Conditions',
    '',
    ...table(['what', 'value'], Object.entries(report.conditions)),
  ];
  for (const figure of report.figures) {
    const since = figure.since === undefined ? [] : [`Of an earlier run: ${figure.since}.`, ''];
    lines.push('', `## ${figure.title}`, '', ...since, ...sectionOf(figure));
  }
  return `${lines.join('\n')}\n`;
}

type Verdict = { readonly summary: Summary; readonly holds: boolean | undefined };

function verdictOf({ values, goal }: Measurement): Verdict {
  const summary = summarize(values);
  return { summary, holds: goal === undefined ? undefined : goalHolds(goal, summary.median) };
}

function goalRows({ title, outcome }: Figure): string[][] {
  if (outcome.kind !== 'measured') return [[title, `not measured (${outcome.kind})`, '', '', '', '']];
  return outcome.measurements.flatMap((one) => {
    const { summary, holds } = verdictOf(one);
    return one.goal === undefined
      ? []
      : [[one.label, ...cells(one.unit, summary), goalText(one.goal, one.unit), holds === true ? 'yes' : '**no**']];
  });
}

function sectionOf({ method, outcome }: Figure): string[] {
  if (outcome.kind === 'unavailable') return [method, '', `Not measured: this machine ${outcome.reason}.`];
  if (outcome.kind === 'failed') return [method, '', `**The measurement failed**: ${outcome.reason}`];
  const rows = outcome.measurements.map((one) => [
    one.label,
    ...cells(one.unit, verdictOf(one).summary),
    one.values.map(numberText).join(' · '),
  ]);
  return [
    method,
    '',
    ...table(['what', 'median', 'lowest – highest', 'runs', 'each run'], rows),
    ...(outcome.notes.length > 0 ? [''] : []),
    ...outcome.notes.map((note) => `- ${note}`),
  ];
}

const cells = (unit: Unit, { median, lowest, highest, runs }: Summary): string[] => [
  withUnit(numberText(median), unit),
  withUnit(`${numberText(lowest)} – ${numberText(highest)}`, unit),
  String(runs),
];

const goalText = ({ relation, value }: Goal, unit: Unit): string => `${relation} ${withUnit(numberText(value), unit)}`;

const withUnit = (text: string, unit: Unit): string => (unit === '' ? text : `${text} ${unit}`);

/** Three digits that count; no more of them are ever true. */
export function numberText(value: number): string {
  if (Math.abs(value) >= 100) return String(Math.round(value));
  return String(Number(value.toPrecision(3)));
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cellTexts: readonly string[]): string =>
    `| ${cellTexts.map((text) => text.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)];
}
