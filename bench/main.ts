/** `npm run bench`: measures, writes bench/report.md and bench/report.json, and says which goals hold. */
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readConditions } from './conditions.ts';
import { withEarlier } from './earlier-report.ts';
import { deliveryFigure } from './figures/delivery.ts';
import { encodingFigure } from './figures/encoding.ts';
import { feedFigure } from './figures/feed.ts';
import type { FigureDefinition } from './figures/figure.ts';
import { memoryFigure } from './figures/memory.ts';
import { playableFigure } from './figures/publish-to-playable.ts';
import { readyFigure } from './figures/publish-to-ready.ts';
import { startFigure } from './figures/start.ts';
import { storedFigure } from './figures/stored-bytes.ts';
import { uploadFigure } from './figures/upload.ts';
import { largeUploadFigure } from './figures/upload-1gib.ts';
import { type Figure, type Outcome, type Report, renderJson, renderMarkdown } from './report.ts';
import { Resources } from './resources.ts';
import { canPin } from './server-process.ts';

const definitions: readonly FigureDefinition[] = [
  startFigure,
  memoryFigure,
  uploadFigure,
  largeUploadFigure,
  playableFigure,
  readyFigure,
  storedFigure,
  feedFigure,
  deliveryFigure,
  encodingFigure,
];
/** A figure that takes longer than this has failed. */
const figureTimeoutMs = 10 * 60_000;

const help = `Usage: npm run bench -- [options]

Measures the server and writes report.md and report.json into bench/.
It takes about a quarter of an hour; let nothing else run meanwhile.

  --only NAME      one figure (may be given again): ${definitions.map(({ name }) => name).join(', ')}
  --quick          few runs, small input: shows that it works, says little
  --output FOLDER  where the report goes; with --only or --quick it is printed and not written unless this is given.
                   Figures of the report that is there, and that this run does not measure, stay
  --help           this text

Ends with 0 if everything could be measured, whether or not the goals hold, and with 1 if a measurement failed.
`;

type Options = { readonly quick: boolean; readonly only: readonly string[]; readonly output: string | undefined };

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', multiple: true, default: [] },
      quick: { type: 'boolean', default: false },
      output: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(help);
    process.exit(0);
  }
  const unknown = values.only.find((name) => definitions.every((one) => one.name !== name));
  if (unknown !== undefined) throw new TypeError(`there is no figure named ${unknown}`);
  const whole = !values.quick && values.only.length === 0;
  const output = values.output ?? (whole ? fileURLToPath(new URL('.', import.meta.url)) : undefined);
  return { quick: values.quick, only: values.only, output };
}

let options: Options;
try {
  options = readOptions();
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n\n${help}`);
  process.exit(2);
}
const chosen = definitions.filter(({ name }) => options.only.length === 0 || options.only.includes(name));
const run = new Resources();
const onSignal = (): void => {
  run.removeNow();
  process.exit(130);
};
process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
const figures: Figure[] = [];
let conditions: Record<string, string>;
try {
  conditions = await withResources(readConditions);
  for (const { name, title, method, measure } of chosen) {
    figures.push({ name, title, method, outcome: await measured(measure) });
  }
} finally {
  await run[Symbol.asyncDispose]();
}
const names = definitions.map(({ name }) => name);
const json = options.output === undefined ? undefined : resolve(options.output, 'report.json');
const report: Report = {
  date: new Date().toISOString().slice(0, 16).replace('T', ' ').concat(' UTC'),
  mode: options.quick ? 'quick' : 'full',
  conditions,
  figures: json === undefined ? figures : withEarlier(json, names, figures),
};
const markdown = renderMarkdown(report);
process.stdout.write(markdown);
if (options.output !== undefined && json !== undefined) {
  writeFileSync(resolve(options.output, 'report.md'), markdown);
  writeFileSync(json, renderJson(report));
  process.stderr.write(`written to ${resolve(options.output, 'report.md')}\n`);
}
process.exit(figures.some(({ outcome }) => outcome.kind === 'failed') ? 1 : 0);

/** One figure; what goes wrong in it is part of the report. */
async function measured(measure: FigureDefinition['measure']): Promise<Outcome> {
  const cores = canPin(availableParallelism()) ? { server: 0, client: 1 } : undefined;
  const say = (text: string): void => {
    process.stderr.write(`${text}\n`);
  };
  try {
    return await withResources((resources) => measure({ resources, quick: options.quick, cores, say }));
  } catch (error) {
    return { kind: 'failed', reason: messageOf(error) };
  }
}

/** Work with resources of its own, which are gone afterwards, however it ends, Ctrl-C included. */
async function withResources<T>(work: (resources: Resources) => Promise<T>): Promise<T> {
  await using resources = run.part();
  let late: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    const error = new Error(`it took longer than ${figureTimeoutMs / 60_000} minutes`);
    late = setTimeout(() => reject(error), figureTimeoutMs);
  });
  try {
    // What is still under way fails with the processes that it talks to, and nobody waits for it.
    return await Promise.race([work(resources), tooLate]);
  } finally {
    clearTimeout(late);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
