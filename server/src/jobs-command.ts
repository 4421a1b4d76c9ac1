/** `npm run jobs`: looks after the jobs of an installation, with the settings of its server. */
import { ConfigError, loadConfig, readEnvironment } from './config/index.ts';
import type { OpenDesk } from './context/job-desk.ts';
import type { ListedJob, ListedLetter, Outcome } from './jobs/index.ts';

const defaultWaitSeconds = 300;
const maxWaitSeconds = 86_400;
/** How often it is looked whether an audit has ended. */
const lookEveryMs = 500;
/** A server looks for jobs every two seconds. After this long it is said that none seems to be there. */
const takenUpMs = 10_000;

const usage = `Usage: npm run jobs -- list [--dead] [--limit N]   what waits, runs and is dead, and the dead letters at RabbitMQ
       npm run jobs -- show ID                     one job, with its payload and last error
       npm run jobs -- replay ID|all               a dead job, or all of them, from the beginning
       npm run jobs -- discard ID|unreadable       removes a dead job, or the dead letters that name none
       npm run jobs -- audit [--repair] [--wait SECONDS]
                                                   compares all rows with all files and says what does not belong together;
                                                   with --repair, puts it right. A server does it; this waits for it, ${defaultWaitSeconds} s
                                                   without --wait
       npm run jobs -- audit --last                what the last audit found, or how far it has come

It reads the settings of the server: run it in the same folder with the same environment (DATA_DIR, DATABASE_URL,
AMQP_URL, CONFIG_FILE). The server may be running; it takes a replayed job up within two seconds.

Ends with 0 if it did what was asked, 1 if that was not possible, 2 if it was not understood. An audit ends with 0 if it found
nothing, or repaired all of it; with 1 if it left something as it was, was given up, or has not ended yet.
`;

const defaultLimit = 50;
/** More than that nobody reads. */
const maxLimit = 1_000;
const errorMaxCharacters = 100;

/** The command line is wrong. */
class UsageError extends Error {
  override readonly name = 'UsageError';
}

type Run = (open: OpenDesk) => Promise<number>;

const say = (...lines: readonly string[]): void => {
  process.stdout.write(lines.map((line) => `${line}\n`).join(''));
};

function parse(args: readonly string[]): Run {
  const [verb, ...rest] = args;
  const only = (): string => {
    const [one, more] = rest;
    if (one === undefined || more !== undefined) throw new UsageError(`${verb} takes one argument`);
    return one;
  };
  if (verb === 'list') return listWith(rest);
  if (verb === 'show') return show(idOf(only()));
  if (verb === 'replay') return replay(only() === 'all' ? 'all' : idOf(only()));
  if (verb === 'discard') return discard(only() === 'unreadable' ? 'unreadable' : idOf(only()));
  if (verb === 'audit') return auditWith(rest);
  throw new UsageError(verb === undefined ? 'what is to be done is missing' : `${verb} is not understood`);
}

function idOf(text: string): number {
  const id = /^[0-9]+$/.test(text) ? Number(text) : 0;
  if (!Number.isSafeInteger(id) || id < 1) throw new UsageError(`${text} is not the number of a job`);
  return id;
}

function listWith(options: readonly string[]): Run {
  let deadOnly = false;
  let limit = defaultLimit;
  for (let at = 0; at < options.length; at += 1) {
    if (options[at] === '--dead') deadOnly = true;
    else if (options[at] === '--limit') {
      at += 1;
      limit = Number(options[at]);
    } else throw new UsageError(`${options[at]} is not understood`);
  }
  if (!Number.isInteger(limit) || limit < 1 || limit > maxLimit) {
    throw new UsageError(`--limit takes a number from 1 to ${maxLimit}`);
  }
  return async ({ desk, withoutLetters }) => {
    const { jobs, pending, dead, letters } = await desk.list({ deadOnly, limit });
    if (jobs.length > 0) say(...table([jobHeadings, ...jobs.map(jobCells)]));
    say(`${pending} waiting or running, ${dead} dead${jobs.length < pending + dead ? '; not all are shown' : ''}`);
    if (letters.length > 0)
      say('', 'Dead letters at RabbitMQ:', ...table([letterHeadings, ...letters.map(letterCells)]));
    if (withoutLetters !== undefined) say('', `Dead letters at RabbitMQ cannot be shown. ${withoutLetters}`);
    return 0;
  };
}

const show =
  (id: number): Run =>
  async ({ desk }) => {
    const job = await desk.find(id);
    if (job === undefined) return refuse(`there is no job ${id}: it is done, or never was`);
    say(
      ...table([
        ['job', String(job.id)],
        ['name', job.name],
        ['state', job.state],
        ['attempts', String(job.attempts)],
        ['age', duration(job.ageMs)],
        ['due', job.state === 'dead' ? 'never' : job.dueInMs <= 0 ? 'now' : `in ${duration(job.dueInMs)}`],
        ['payload', job.payload],
        ['last error', job.lastError ?? '-'],
      ]),
    );
    return 0;
  };

const replay =
  (which: number | 'all'): Run =>
  async ({ desk, withoutLetters }) =>
    report(which, 'will run again', await desk.replay(which), withoutLetters);

const discard =
  (which: number | 'unreadable'): Run =>
  async ({ desk, withoutLetters }) =>
    report(which, 'removed', await desk.discard(which), withoutLetters);

function report(which: number | string, done: string, outcome: Outcome, withoutLetters: string | undefined): number {
  const { jobs, letters, instead } = outcome;
  if (letters > 0) say(`${count(letters, 'dead letter')} removed`);
  if (withoutLetters !== undefined) say(`Dead letters at RabbitMQ are left as they are. ${withoutLetters}`);
  if (instead === 'done' && letters === 0) return refuse(`there is no job ${which}: it is done, or never was`);
  if (instead !== undefined && letters === 0) return refuse(`job ${which} is not dead but ${instead}: nothing to do`);
  if (which !== 'unreadable') say(`${count(jobs, 'job')} ${done}`);
  return 0;
}

function auditWith(options: readonly string[]): Run {
  let waitSeconds = defaultWaitSeconds;
  let [repair, last] = [false, false];
  for (let at = 0; at < options.length; at += 1) {
    if (options[at] === '--repair') repair = true;
    else if (options[at] === '--last') last = true;
    else if (options[at] === '--wait') {
      at += 1;
      waitSeconds = Number(options[at]);
    } else throw new UsageError(`${options[at]} is not understood`);
  }
  if (last && options.length > 1) throw new UsageError('--last stands alone');
  if (!Number.isInteger(waitSeconds) || waitSeconds < 1 || waitSeconds > maxWaitSeconds) {
    throw new UsageError(`--wait takes a number of seconds from 1 to ${maxWaitSeconds}`);
  }
  return last ? showLastAudit : audit(repair, waitSeconds * 1_000);
}

const showLastAudit: Run = async ({ audits, auditLines, leavesSomething }) => {
  const audit = await audits.find();
  if (audit === undefined) return refuse('there was no audit yet');
  say(...auditLines(audit));
  return audit.state === 'done' && !leavesSomething(audit.report) ? 0 : 1;
};

const audit =
  (repair: boolean, waitMs: number): Run =>
  async ({ audits, auditLines, leavesSomething }) => {
    const { audit, isNew } = await audits.request({ repair });
    if (!isNew && audit.repair !== repair) {
      say(...auditLines(audit));
      return refuse(`It was asked for ${audit.repair ? 'with' : 'without'} --repair. Ask again when it has ended.`);
    }
    say(`Audit ${audit.id} ${isNew ? 'was handed to the servers' : 'is under way already'}; waiting for it.`);
    const beganMs = performance.now();
    let [seen, saidNobody] = [audit, false];
    while (seen.state === 'waiting' || seen.state === 'running') {
      const waitedMs = performance.now() - beganMs;
      if (seen.state === 'waiting' && waitedMs > takenUpMs && !saidNobody) {
        saidNobody = true;
        say('No server has taken it up yet. Is one running?');
      }
      if (waitedMs > waitMs) {
        say(...auditLines(seen));
        return refuse('It has not ended; it goes on by itself. Look later with npm run jobs -- audit --last');
      }
      await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
      seen = (await audits.find(audit.id)) ?? seen;
    }
    say(...auditLines(seen));
    return seen.state === 'done' && !leavesSomething(seen.report) ? 0 : 1;
  };

function refuse(message: string): number {
  process.stderr.write(`${message}\n`);
  return 1;
}

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`;

const jobHeadings = ['JOB', 'NAME', 'STATE', 'ATTEMPTS', 'AGE', 'LAST ERROR'];
const jobCells = (job: ListedJob): string[] => [
  String(job.id),
  job.name,
  job.state === 'waiting' && job.dueInMs > 0 ? `in ${duration(job.dueInMs)}` : job.state,
  String(job.attempts),
  duration(job.ageMs),
  oneLine(job.lastError ?? '-'),
];

const letterHeadings = ['JOB', 'WHICH IS', 'TRIES', 'MESSAGE'];
const letterCells = (letter: ListedLetter): string[] => [
  letter.jobId === undefined ? '-' : String(letter.jobId),
  letter.job,
  String(letter.tries),
  oneLine(letter.text),
];

/** Of what others have written: on one line, without what a terminal would obey. */
const oneLine = (text: string): string => text.replaceAll(/[\p{Cc}\p{Cf}]+/gu, ' ').slice(0, errorMaxCharacters);

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

const units = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
] as const;

function duration(ms: number): string {
  const unit = units.find(([size]) => ms >= size);
  return unit === undefined ? `${Math.max(0, Math.round(ms / 1_000))} s` : `${Math.floor(ms / unit[0])} ${unit[1]}`;
}

async function main(args: readonly string[]): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(usage);
    return 0;
  }
  const run = parse(args);
  // As little is needed as to make tables: neither the cache nor the secret of tokens.
  const environment = { ...readEnvironment(), ROLE: 'migrate' };
  const config = loadConfig({ environment, workingDirectory: process.cwd() });
  // Loaded when there is something to do: it brings most of the server along.
  const { openJobDesk } = await import('./context/job-desk.ts');
  const open = await openJobDesk(config);
  try {
    return await run(open);
  } finally {
    await open.close();
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const usageError = error instanceof UsageError;
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`${message}\n${usageError ? `\n${usage}` : ''}`);
  process.exitCode = usageError || error instanceof ConfigError ? 2 : 1;
}
