/** What can be said on the command line. */
import { parseArgs } from 'node:util';

export type Options = {
  readonly mode: 'embedded' | 'production';
  /** Load before the first fault and after the last one, in milliseconds. */
  readonly calmMs: number;
  readonly seed: number;
  /** Names of faults; undefined: all. */
  readonly faults: readonly string[] | undefined;
  /** Whether faults also come two at a time, and whether also alone. */
  readonly pairs: 'no' | 'yes' | 'only';
  /** After this no further scenario begins, in milliseconds. */
  readonly budgetMs: number;
  readonly clients: number;
  readonly output: string | undefined;
  /** Where logs of the processes stay; undefined: they go with the run. */
  readonly logs: string | undefined;
  readonly only: 'run' | 'list' | 'help';
};

/** A default run ends within twenty minutes: nothing begins after this, and the last one needs the rest. */
const budgetMinutes = 18;
const calmSeconds = 2;
const clients = 6;

export const helpText = `Usage: npm run chaos -- [options]

Starts a whole site, uses it through all of its processes, breaks parts of it at random moments, and checks afterwards
that nothing acknowledged was lost or done twice and that no read was stale. Faults come alone and in pairs; it takes
about 16 minutes, at most 20. What is proven, and how: chaos/README.md

  --embedded       the form that npm start runs, one process with SQLite; without it, the production form: two api
                   processes and a worker on MySQL, Redis, RabbitMQ and S3, all started here
  --seconds N      load before the first fault and after the last one of a scenario (${calmSeconds})
  --seed N         repeats the choices of a run; without it, one is made up and printed
  --faults A,B     only these faults; --list names them
  --pairs WHICH    yes: also two at a time; no: each alone; only: no single ones (yes)
  --clients N      how many clients use the site at once (${clients})
  --minutes N      after this no further scenario begins (${budgetMinutes})
  --output FOLDER  where report.md and report.json go; without it they are written only by a whole run, into chaos/
  --logs FOLDER    keeps the logs of all our processes there, for whoever looks for the cause of a violation
  --list           lists the faults
  --help           this text

Ends with 0 if everything held, with 1 if not, with 2 if it could not be run.
`;

/** Throws a TypeError that says what is not understood. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      embedded: { type: 'boolean', default: false },
      seconds: { type: 'string', default: String(calmSeconds) },
      seed: { type: 'string' },
      faults: { type: 'string' },
      pairs: { type: 'string', default: 'yes' },
      clients: { type: 'string', default: String(clients) },
      minutes: { type: 'string', default: String(budgetMinutes) },
      output: { type: 'string' },
      logs: { type: 'string' },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const { pairs } = values;
  if (pairs !== 'yes' && pairs !== 'no' && pairs !== 'only') throw new TypeError('--pairs takes yes, no or only');
  return {
    mode: values.embedded ? 'embedded' : 'production',
    calmMs: numberIn('--seconds', values.seconds, 0.1, 3_600) * 1000,
    seed: Math.floor(numberIn('--seed', values.seed ?? String(Date.now() % 1_000_000), 0, 2 ** 31)),
    faults: values.faults?.split(',').map((name) => name.trim()),
    pairs,
    budgetMs: numberIn('--minutes', values.minutes, 0.1, 600) * 60_000,
    clients: Math.floor(numberIn('--clients', values.clients, 1, 64)),
    output: values.output,
    logs: values.logs,
    only: values.help ? 'help' : values.list ? 'list' : 'run',
  };
}

function numberIn(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= least && value <= most)) {
    throw new TypeError(`${name} takes a number from ${least} to ${most}`);
  }
  return value;
}
