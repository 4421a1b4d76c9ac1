/** Results in, the report out, as Markdown for people and JSON for programs; it holds the last run of each form. Pure. */
import { type Static, Type } from 'typebox';
import { Compile } from 'typebox/schema';
import { type MediaResult, settleMaxMs } from './run.ts';

const Run = Type.Object({
  /** The moment of the start, UTC. */
  date: Type.String(),
  seed: Type.Integer(),
  seconds: Type.Number(),
  conditions: Type.Record(Type.String(), Type.String()),
  planned: Type.Integer(),
  points: Type.Array(
    Type.Object({
      number: Type.Integer(),
      stage: Type.String(),
      victim: Type.String(),
      clip: Type.String(),
      delayMs: Type.Number(),
      sentShare: Type.Number(),
      struck: Type.String(),
      upload: Type.String(),
      settledMs: Type.Number(),
      state: Type.String(),
    }),
  ),
  reader: Type.Object({ looks: Type.Integer(), files: Type.Integer(), addresses: Type.Integer() }),
  leftovers: Type.Object({ files: Type.Integer(), received: Type.Integer(), awaitingRemoval: Type.Integer() }),
  violations: Type.Array(Type.String()),
});
export type Run = Static<typeof Run>;

const Runs = Type.Object({ embedded: Type.Optional(Run), production: Type.Optional(Run) });
export type Runs = Static<typeof Runs>;
const runs = Compile(Runs);

/** What an earlier report said; nothing if there is none that is understood. */
export function readRuns(json: string): Runs {
  const value: unknown = JSON.parse(json);
  return runs.Check(value) ? value : {};
}

export const renderJson = (all: Runs): string => `${JSON.stringify(all, null, 2)}\n`;

export function runOf(result: MediaResult, about: Pick<Run, 'date' | 'seed' | 'seconds' | 'conditions'>): Run {
  const { planned, points, reader, leftovers, violations } = result;
  const { files, received, awaitingRemoval } = leftovers;
  return {
    ...about,
    planned,
    points: [...points],
    reader,
    leftovers: { files, received, awaitingRemoval },
    violations: [...violations],
  };
}

export function renderMarkdown(all: Runs): string {
  const forms = [
    ['Embedded form', all.embedded],
    ['Production form', all.production],
  ] as const;
  return [
    '# Videos whose processing was killed',
    '',
    'Written by `npm run chaos:media`. Do not edit. What it proves and how: [README.md](README.md#killed-while-a-video-is-processed).',
    ...forms.flatMap(([title, run]) => (run === undefined ? [] : ['', `## ${title}`, '', ...sectionOf(run)])),
    '',
  ].join('\n');
}

function sectionOf(run: Run): string[] {
  const { points, reader, leftovers, violations } = run;
  const ends = (state: string): number => points.filter((point) => point.state.startsWith(state)).length;
  const slowest = Math.max(0, ...points.map(({ settledMs }) => settledMs));
  const missed = points.filter(({ struck }) => struck.startsWith('nothing')).length;
  return [
    `**${violations.length === 0 ? 'Everything held' : `${violations.length} violations`}**: ${points.length} of ${run.planned} points (seed ${run.seed}, ${run.date}, ${Math.round(run.seconds)} s). ` +
      `${ends('ready')} videos ended \`ready\`, ${ends('failed')} \`failed\`, ${points.filter(({ state }) => state === '').length} were never acknowledged and are not there. ` +
      `From the restart to the end of every video: at most ${(slowest / 1000).toFixed(1)} s (${settleMaxMs / 1000} s are allowed).` +
      (missed === 0 ? '' : ` At ${missed} points nobody was left to be killed.`),
    '',
    `Meanwhile the feed was read ${reader.looks} times and ${reader.files} files that it named were fetched, of ${reader.addresses} addresses. ` +
      `In the end ${leftovers.files} files were stored: ${leftovers.received} received ones that are kept for a day, ${leftovers.awaitingRemoval} of interrupted promotions that a job will remove, and the rest named by videos.`,
    '',
    ...violations.map((words) => `- ${words}`),
    ...(violations.length === 0 ? [] : ['']),
    ...table(
      ['point', 'stage', 'blow', 'clip', 'killed', 'upload', 'video', 'seconds to the end'],
      points.map((point) => [
        String(point.number),
        point.stage,
        point.stage === 'upload' ? `at ${Math.round(point.sentShare * 100)} %` : `after ${point.delayMs} ms`,
        point.clip,
        point.struck,
        point.upload,
        point.state === '' ? '—' : point.state,
        (point.settledMs / 1000).toFixed(1),
      ]),
    ),
    '',
    ...table(['what', 'value'], Object.entries(run.conditions)),
  ];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)];
}
