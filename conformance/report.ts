/** Results in words: a table per section, the known faults, the counts, then every failure in detail. */
import { type Check, type FaultName, faults, type SectionName, sections } from './check.ts';
import type { Outcome, Result } from './run.ts';

const outcomes: readonly Outcome[] = ['holds', 'fails', 'blocked', 'not offered', 'not checked'];
const sectionNames = Object.keys(sections).filter((name): name is SectionName => name in sections);
const faultNames = Object.keys(faults).filter((name): name is FaultName => name in faults);

export type FaultState = 'absent' | 'PRESENT' | 'unknown';
export type FaultRow = { readonly fault: FaultName; readonly state: FaultState; readonly checks: readonly string[] };

/** Section 5: a fault is present if one of its checks fails, absent if all of them hold. */
export function faultRows(results: readonly Result[]): FaultRow[] {
  return faultNames.flatMap((fault) => {
    const own = results.filter(({ check }) => check.fault === fault);
    if (own.length === 0) return [];
    const failed = own.filter(({ outcome }) => outcome === 'fails');
    const open = own.filter(({ outcome }) => outcome !== 'holds' && outcome !== 'fails');
    const state = failed.length > 0 ? 'PRESENT' : open.length > 0 ? 'unknown' : 'absent';
    const named = failed.length > 0 ? failed : open.length > 0 ? open : own;
    return [{ fault, state, checks: named.map(({ check }) => check.id) }];
  });
}

export const countOf = (results: readonly Result[], outcome: Outcome): number =>
  results.filter((result) => result.outcome === outcome).length;

/** Whether the server speaks the contract: no check of the contract fails or is blocked. */
export const conforms = (results: readonly Result[]): boolean =>
  results.every(({ check, outcome }) => check.level === 'ours' || (outcome !== 'fails' && outcome !== 'blocked'));

type Colour = 'green' | 'red' | 'yellow' | 'grey' | 'bold';
const colours: Readonly<Record<Colour, number>> = { green: 32, red: 31, yellow: 33, grey: 90, bold: 1 };
const painter =
  (coloured: boolean) =>
  (colour: Colour, text: string): string =>
    coloured ? `\u001b[${colours[colour]}m${text}\u001b[0m` : text;

const colourOf: Readonly<Record<Outcome | FaultState, Colour>> = {
  holds: 'green',
  fails: 'red',
  blocked: 'yellow',
  'not offered': 'grey',
  'not checked': 'grey',
  absent: 'green',
  PRESENT: 'red',
  unknown: 'yellow',
};

const wordOf = (outcome: Outcome): string => (outcome === 'fails' ? 'FAILS' : outcome);

export function textReport(base: string, results: readonly Result[], coloured: boolean): string {
  const paint = painter(coloured);
  const idWidth = Math.max(...results.map(({ check }) => check.id.length), 0);
  const label = (state: Outcome | FaultState): string =>
    paint(colourOf[state], (state === 'fails' ? 'FAILS' : state).padEnd(11));
  const lines: string[] = [];

  for (const name of sectionNames) {
    const own = results.filter(({ check }) => check.section === name);
    if (own.length === 0) continue;
    lines.push('', paint('bold', sections[name]));
    for (const { check, outcome, reason } of own) {
      const extra = check.level === 'ours' && name !== 'extras' ? paint('grey', ' (ours)') : '';
      const because =
        reason === undefined ? '' : paint('grey', `\n${' '.repeat(16 + idWidth)}${reasonOf(outcome, reason)}`);
      lines.push(`  ${label(outcome)} ${check.id.padEnd(idWidth)}  ${check.title}${extra}${because}`);
    }
  }

  const rows = faultRows(results);
  if (rows.length > 0) {
    lines.push('', paint('bold', '5 Known faults of other backends'));
    for (const { fault, state, checks } of rows) {
      const where = state === 'absent' ? '' : paint('grey', `  ← ${checks.join(', ')}`);
      lines.push(`  ${label(state)} ${faults[fault]}${where}`);
    }
  }

  lines.push(...failureLines(results, paint), '', ...countLines(base, results, paint), '');
  return lines.join('\n').trimStart();
}

const reasonOf = (outcome: Outcome, reason: string): string =>
  outcome === 'blocked' ? `blocked by ${reason}` : reason;

type Paint = ReturnType<typeof painter>;

/** Every failure in detail; of what is blocked by no check of its own, the call that went wrong. */
function failureLines(results: readonly Result[], paint: Paint): string[] {
  const failing = new Set(results.filter(({ outcome }) => outcome === 'fails').map(({ check }) => check.id));
  const shown = results.filter(
    ({ outcome, reason }) => outcome === 'fails' || (outcome === 'blocked' && !failing.has(reason ?? '')),
  );
  const seen = new Set<string>();
  const lines: string[] = [];
  for (const result of shown) {
    // Many checks may be blocked by the same thing: once is enough.
    const key = result.outcome === 'fails' ? result.check.id : `blocked by ${result.reason}`;
    if (seen.has(key)) continue;
    seen.add(key);
    lines.push(...detailLines(result, paint));
  }
  return lines.length === 0 ? [] : ['', paint('bold', 'What fails, and why'), ...lines];
}

function detailLines({ check, outcome, finding, reason }: Result, paint: Paint): string[] {
  const head = `${wordOf(outcome)} ${check.id}: ${check.title}`;
  const entries: (readonly [string, string])[] = [];
  if (reason !== undefined) entries.push(['blocked by', reason]);
  if (finding !== undefined) {
    entries.push(['sent', finding.sent], ['came back', finding.received], ['wanted', finding.wanted]);
  }
  if (outcome === 'fails') entries.push(['why', check.why], ['how to fix', check.fix]);
  return [
    '',
    paint(colourOf[outcome], head),
    ...entries.flatMap(([name, text]) =>
      text.split('\n').map((line, index) => `  ${paint('grey', (index === 0 ? name : '').padEnd(10))}  ${line}`),
    ),
  ];
}

function countLines(base: string, results: readonly Result[], paint: Paint): string[] {
  const groups: (readonly [string, readonly Result[]])[] = sectionNames.map((name) => [
    sections[name],
    results.filter(({ check }) => check.section === name),
  ]);
  const table = [...groups.filter(([, own]) => own.length > 0), ['all', results] as const];
  const width = Math.max(...table.map(([name]) => name.length), 0);
  const head = `${'section'.padEnd(width)}  ${outcomes.map((outcome) => outcome.padStart(11)).join('  ')}`;
  const rows = table.map(([name, own]) => {
    const cells = outcomes.map((outcome) => {
      const count = countOf(own, outcome);
      const cell = String(count).padStart(11);
      return count === 0 ? paint('grey', cell) : paint(colourOf[outcome], cell);
    });
    return `${name.padEnd(width)}  ${cells.join('  ')}`;
  });
  const verdict = conforms(results)
    ? paint('green', `${base} speaks the contract, as far as it was checked.`)
    : paint('red', `${base} does not speak the contract yet: see what fails, above.`);
  return [paint('bold', head), ...rows, '', verdict];
}

/** The same for programs. */
export function jsonReport(base: string, results: readonly Result[]): string {
  const report = {
    server: base,
    conforms: conforms(results),
    counts: Object.fromEntries(outcomes.map((outcome) => [outcome, countOf(results, outcome)])),
    checks: results.map(({ check, ...found }) => ({ ...described(check), ...found })),
    knownFaults: faultRows(results).map((row) => ({ ...row, title: faults[row.fault] })),
  };
  return `${JSON.stringify(report, undefined, 2)}\n`;
}

const described = ({ run: _run, ...words }: Check): Omit<Check, 'run'> => words;
