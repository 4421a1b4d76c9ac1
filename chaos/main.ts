/** `npm run chaos`: breaks a whole site again and again, checks that it agrees with itself, and writes the report. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readConditions } from './conditions.ts';
import { embeddedFaults, startEmbeddedSystem } from './embedded-system.ts';
import { helpText, type Options, readOptions } from './options.ts';
import { planScenarios } from './plan.ts';
import { productionFaults } from './production-faults.ts';
import { startProductionSystem } from './production-system.ts';
import { Random } from './random.ts';
import { passed, progressLine, type Report, renderJson, renderMarkdown, type ScenarioOutcome } from './report.ts';
import { runScenario } from './scenario.ts';
import type { System } from './system.ts';

const say = (text: string): void => {
  process.stderr.write(`${text}\n`);
};
const size = { people: 8, videos: 4 };
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
/** A second that browsers play as it is: the proof is about what is agreed on, and not about how much is encoded. */
const clip = readFileSync(new URL('../server/test/short.mp4', import.meta.url));

function optionsOrExit(): Options {
  try {
    return readOptions(process.argv.slice(2));
  } catch (error) {
    say(`${messageOf(error)}\n\n${helpText}`);
    process.exit(2);
  }
}

async function runAll(system: System, options: Options): Promise<Report> {
  const startedMs = performance.now();
  const date = new Date().toISOString().slice(0, 16).replace('T', ' ').concat(' UTC');
  const wanted = { names: options.faults, pairs: options.pairs };
  const planned = planScenarios(system.faults, wanted, Random.for(options.seed, 'plan'));
  const scenarios: ScenarioOutcome[] = [];
  for (const [position, { name, faults }] of planned.entries()) {
    const outcome = await runOne(name, async () => {
      if (performance.now() - startedMs > options.budgetMs) return undefined;
      const { seed, calmMs, clients } = options;
      // A pair may leave jobs to the next: in the end there are none.
      const waitForJobs = faults.length < 2 || position === planned.length - 1;
      return await runScenario(system, { name, faults, seed, calmMs, clients, size, clip, waitForJobs });
    });
    scenarios.push(outcome);
    say(progressLine(outcome));
  }
  const seconds = (performance.now() - startedMs) / 1000;
  return {
    date,
    mode: system.mode,
    seed: options.seed,
    seconds,
    conditions: readConditions(system.versions),
    scenarios,
  };
}

async function runOne(
  name: string,
  run: () => Promise<Awaited<ReturnType<typeof runScenario>> | undefined>,
): Promise<ScenarioOutcome> {
  try {
    const result = await run();
    return result === undefined
      ? { kind: 'not run', name, reason: 'the time was over (--minutes)' }
      : { kind: 'run', name, result };
  } catch (error) {
    return { kind: 'failed', name, reason: messageOf(error) };
  }
}

const options = optionsOrExit();
if (options.only === 'help') {
  process.stdout.write(helpText);
  process.exit(0);
}
if (options.only === 'list') {
  const faults = options.mode === 'embedded' ? embeddedFaults : productionFaults;
  for (const { name, title } of faults) process.stdout.write(`${name.padEnd(18)} ${title}\n`);
  process.exit(0);
}
const folder = mkdtempSync(join(tmpdir(), 'tiktok-server-chaos-'));
let system: System | undefined;
const leave = (code: number): never => {
  system?.closeNow();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  process.exit(code);
};
process.once('SIGINT', () => leave(130)).once('SIGTERM', () => leave(143));
try {
  say(`seed ${options.seed}, ${options.mode} form`);
  system = await (options.mode === 'embedded'
    ? startEmbeddedSystem(folder, options.logs)
    : startProductionSystem(folder, options.logs));
  const report = await runAll(system, options);
  await system.close();
  const markdown = renderMarkdown(report);
  process.stdout.write(`\n${markdown}`);
  const whole = options.mode === 'production' && options.faults === undefined && options.pairs === 'yes';
  const output = options.output ?? (whole ? fileURLToPath(new URL('.', import.meta.url)) : undefined);
  if (output !== undefined) {
    mkdirSync(output, { recursive: true });
    writeFileSync(resolve(output, 'report.md'), markdown);
    writeFileSync(resolve(output, 'report.json'), renderJson(report));
    say(`written to ${resolve(output, 'report.md')}`);
  }
  leave(passed(report) ? 0 : 1);
} catch (error) {
  say(messageOf(error));
  leave(2);
}
