/** Results in, the report out, as Markdown for people and JSON for programs. Pure. */
import { inMb } from './memory.ts';
import type { ScenarioResult } from './scenario.ts';
import type { Violation } from './verdict.ts';

export type Report = {
  /** The moment of the start, UTC. */
  readonly date: string;
  readonly mode: 'embedded' | 'production';
  readonly seed: number;
  /** From the first start to the last stop, in seconds. */
  readonly seconds: number;
  /** What it ran on, and with: name and value. */
  readonly conditions: Readonly<Record<string, string>>;
  readonly scenarios: readonly ScenarioOutcome[];
};

export type ScenarioOutcome =
  | { readonly kind: 'run'; readonly name: string; readonly result: ScenarioResult }
  /** The scenario itself went wrong, or there was no time left for it. */
  | { readonly kind: 'failed' | 'not run'; readonly name: string; readonly reason: string };

/** A rule that is broken once is often broken a thousand times: of each, this many are shown. */
const shownPerRule = 3;

/** Whether everything that was run held; what there was no time for is named, and not held against it. */
export const passed = ({ scenarios }: Report): boolean =>
  scenarios.every((one) => (one.kind === 'run' ? one.result.violations.length === 0 : one.kind === 'not run'));

export const renderJson = (report: Report): string =>
  `${JSON.stringify({ ...report, scenarios: report.scenarios.map(shortened) }, null, 2)}\n`;

export function renderMarkdown(report: Report): string {
  const { scenarios } = report;
  const violations = scenarios.reduce((sum, one) => sum + (one.kind === 'run' ? one.result.violations.length : 0), 0);
  const run = scenarios.filter(({ kind }) => kind === 'run').length;
  const lines = [
    '# Chaos report',
    '',
    `Written by \`npm run chaos\` on ${report.date} (${report.mode} form, seed ${report.seed}, ${Math.round(report.seconds)} s). Do not edit. What it proves and how to read it: [README.md](README.md).`,
    '',
    `**${passed(report) ? 'Everything held' : 'Not everything held'}**: ${run} of ${scenarios.length} scenarios run, ${violations} violations.`,
    '',
    '## Scenarios',
    '',
    ...table(columns, scenarios.map(rowOf)),
    '',
    '## Conditions',
    '',
    ...table(['what', 'value'], Object.entries(report.conditions)),
  ];
  for (const scenario of scenarios) lines.push(...detailsOf(scenario));
  return `${lines.join('\n')}\n`;
}

const columns = [
  'scenario',
  'seconds',
  'operations',
  'acknowledged',
  'refused',
  'unknown',
  'stale reads, no fault on',
  'stale reads, fault on',
  'largest staleness',
  'recovery',
  'slowest request',
  'largest process',
  'verdict',
];

function rowOf(scenario: ScenarioOutcome): string[] {
  if (scenario.kind !== 'run') return [scenario.name, ...columns.slice(2).map(() => ''), scenario.kind];
  const { figures, durationMs, peakBytes, violations } = scenario.result;
  return [
    scenario.name,
    (durationMs / 1000).toFixed(1),
    String(figures.operations),
    String(figures.acknowledged),
    String(figures.refused),
    String(figures.unanswered),
    String(figures.staleOutside),
    String(figures.staleInside),
    figures.staleInside === 0 ? '–' : `${Math.round(figures.largestStaleMs)} ms`,
    `${Math.round(figures.recoveryMs)} ms`,
    `${Math.round(figures.slowestMs)} ms`,
    `${inMb(Math.max(0, ...Object.values(peakBytes)))} MB`,
    violations.length === 0 ? 'holds' : `**${violations.length} violations**`,
  ];
}

/** One scenario in one line, for whoever watches. */
export function progressLine(scenario: ScenarioOutcome): string {
  if (scenario.kind !== 'run') return `${scenario.name}: ${scenario.kind}: ${scenario.reason}`;
  const { figures, durationMs, violations } = scenario.result;
  const verdict = violations.length === 0 ? 'holds' : `${violations.length} VIOLATIONS`;
  return `${scenario.name}: ${verdict} (${(durationMs / 1000).toFixed(1)} s, ${figures.operations} operations, ${figures.acknowledged} acknowledged, ${figures.staleInside} stale while the fault was on)`;
}

/** What broke in a scenario, in words with evidence; the first of each rule. */
export function violationLines(violations: readonly Violation[]): string[] {
  const byRule = Map.groupBy(violations, ({ rule }) => rule);
  return [...byRule].flatMap(([rule, broken]) => [
    ...broken
      .slice(0, shownPerRule)
      .flatMap(({ words, evidence }) => [`- ${rule}: ${words}`, ...evidence.map((line) => `  - ${line}`)]),
    ...(broken.length > shownPerRule ? [`- ${rule}: and ${broken.length - shownPerRule} more`] : []),
  ]);
}

function detailsOf(scenario: ScenarioOutcome): string[] {
  if (scenario.kind !== 'run') return ['', `## ${scenario.name}`, '', `${scenario.kind}: ${scenario.reason}`];
  const { violations, windows } = scenario.result;
  if (violations.length === 0) return [];
  const when = windows.map(({ fault, startS, endS }) => `${fault} from ${startS.toFixed(3)} to ${endS.toFixed(3)} s`);
  return ['', `## ${scenario.name}`, '', `Faults: ${when.join(', ') || 'none'}.`, '', ...violationLines(violations)];
}

function shortened(scenario: ScenarioOutcome): unknown {
  if (scenario.kind !== 'run') return scenario;
  const { violations, ...result } = scenario.result;
  return { ...scenario, result: { ...result, violations: violations.length, shown: violationLines(violations) } };
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((text) => text.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)];
}
