/** `npm run chaos:media`: kills who processes videos at many moments, and writes what became of them. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readConditions } from '../conditions.ts';
import { startEmbeddedSystem } from '../embedded-system.ts';
import { startProductionSystem } from '../production-system.ts';
import type { System } from '../system.ts';
import { makeClips } from './clips.ts';
import { planPoints } from './plan.ts';
import { type Run, type Runs, readRuns, renderJson, renderMarkdown, runOf } from './report.ts';
import { type PointOutcome, runPoints } from './run.ts';

const defaultPoints = 30;
const maxPoints = 1_000;
const defaultMinutes = 30;
const maxMinutes = 600;

const helpText = `Usage: npm run chaos:media -- [options]

Uploads videos, one after the other, and kills the server, the worker, or the ffmpeg that runs, at a random moment between
the first byte of the upload and the commit of what was made. Then every video has to end ready or failed within 60 s, every
file that the feed names has to answer all the time, and nothing may be left over. What is proven: chaos/README.md

  --form FORM      embedded (what npm start runs), production (two api processes and a worker on MySQL, Redis, RabbitMQ and
                   S3, all started here), or both (both)
  --points N       how many blows for each form (${defaultPoints})
  --seed N         repeats the plan of a run; without it, one is made up and printed
  --minutes N      after this no further blow of a form falls (${defaultMinutes})
  --output FOLDER  where media-report.md and media-report.json go, in which the last run of the other form stays; without it
                   they are written only by runs of ${defaultPoints} points and more, into chaos/
  --logs FOLDER    keeps the logs of all our processes there
  --help           this text

Ends with 0 if everything held, with 1 if not, with 2 if it could not be run.
`;

const say = (text: string): void => {
  process.stderr.write(`${text}\n`);
};

type Form = 'embedded' | 'production';

function integerIn(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && text.trim() !== '' && value >= least && value <= most) return value;
  throw new TypeError(`${name} takes an integer from ${least} to ${most}`);
}

function readOptions() {
  const { values } = parseArgs({
    options: {
      form: { type: 'string', default: 'both' },
      points: { type: 'string', default: String(defaultPoints) },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      minutes: { type: 'string', default: String(defaultMinutes) },
      output: { type: 'string' },
      logs: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const { form, output, logs, help } = values;
  if (form !== 'both' && form !== 'embedded' && form !== 'production') {
    throw new TypeError('--form takes embedded, production or both');
  }
  const forms: readonly Form[] = form === 'both' ? ['embedded', 'production'] : [form];
  const points = integerIn('--points', values.points, 1, maxPoints);
  const minutes = integerIn('--minutes', values.minutes, 1, maxMinutes);
  const seed = integerIn('--seed', values.seed, 0, 2 ** 31);
  return { forms, points, minutes, seed, output, logs, help };
}

function progressLine({ number, stage, victim, struck, upload, state, settledMs }: PointOutcome): string {
  const end = state === '' ? 'no video' : state;
  return `${number} ${stage}/${victim}: killed ${struck}; ${upload}, ${end} after ${(settledMs / 1000).toFixed(1)} s`;
}

/** The one that runs now, for the way out. */
let system: System | undefined;

async function runForm(form: Form, folder: string, options: ReturnType<typeof readOptions>): Promise<Run> {
  const { seed, points, logs } = options;
  say(`${form} form, seed ${seed}, ${points} points`);
  const startedMs = performance.now();
  const date = new Date().toISOString().slice(0, 16).replace('T', ' ').concat(' UTC');
  const start = form === 'embedded' ? startEmbeddedSystem : startProductionSystem;
  const own = join(folder, form);
  mkdirSync(own);
  const conditions = { date, seed };
  system = await start(own, logs === undefined ? undefined : join(resolve(logs), form));
  const about = { ...conditions, conditions: readConditions(system.versions) };
  const planned = planPoints(form, seed, points);
  const clips = await makeClips(own, 'whole');
  const result = await runPoints(system, planned, clips, {
    told: (outcome) => say(progressLine(outcome)),
    budgetMs: options.minutes * 60_000,
  });
  await system.close();
  system = undefined;
  return runOf(result, { ...about, seconds: (performance.now() - startedMs) / 1000 });
}

function write(runs: Runs, folder: string): void {
  mkdirSync(folder, { recursive: true });
  const json = resolve(folder, 'media-report.json');
  const all = { ...(existsSync(json) ? readRuns(readFileSync(json, 'utf8')) : {}), ...runs };
  writeFileSync(json, renderJson(all));
  writeFileSync(resolve(folder, 'media-report.md'), renderMarkdown(all));
  say(`written to ${resolve(folder, 'media-report.md')}`);
}

const folder = mkdtempSync(join(tmpdir(), 'tiktok-server-chaos-'));
const leave = (code: number): never => {
  system?.closeNow();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  process.exit(code);
};
process.once('SIGINT', () => leave(130)).once('SIGTERM', () => leave(143));
try {
  const options = readOptions();
  if (options.help) {
    process.stdout.write(helpText);
    leave(0);
  }
  const runs: { embedded?: Run; production?: Run } = {};
  for (const form of options.forms) runs[form] = await runForm(form, folder, options);
  process.stdout.write(`\n${renderMarkdown(runs)}`);
  const whole = options.points >= defaultPoints ? fileURLToPath(new URL('..', import.meta.url)) : undefined;
  const output = options.output ?? whole;
  if (output !== undefined) write(runs, output);
  leave(Object.values(runs).every(({ violations }) => violations.length === 0) ? 0 : 1);
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  leave(2);
}
