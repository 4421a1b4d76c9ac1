/** The program: arguments in, a report and an exit code out. */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type Check, sections } from './check.ts';
import { allChecks } from './checks/index.ts';
import { createApi, NoAnswer } from './client.ts';
import { rateLimitHint } from './expect.ts';
import { createKit } from './kit.ts';
import { conforms, jsonReport, textReport } from './report.ts';
import { type Result, runChecks } from './run.ts';

export const usage = `Checks whether a server speaks the API of the minimal-Douyin app, from outside and over HTTP.

  npm run conformance -- [options] http://host:port

  --only WHAT    only checks whose id begins with WHAT (feed, likes.idempotent), those of a section
                 (${[...Object.keys(sections), 'faults'].join(', ')}), or several, separated by commas
  --fill         upload up to 31 videos, so that the feed has a second page and its boundary can be checked
  --json FILE    also write the report as JSON; - writes it to the terminal instead of the table
  --list         list the checks and do nothing
  --help         this text

The server may hold anything; the kit makes users and videos of its own, and leaves them there. Turn rate limits off
(here: RATE_LIMIT=off). Exit code: 0 everything in the contract holds, 1 something fails or is blocked, 2 the server cannot be reached or the
arguments are wrong.`;

export type Terminal = {
  readonly out: (text: string) => void;
  readonly error: (text: string) => void;
  readonly coloured: boolean;
  /** Shows where the run is; undefined where nobody watches. */
  readonly progress: ((text: string) => void) | undefined;
};

type Arguments = {
  readonly base: string;
  readonly checks: readonly Check[];
  readonly fill: boolean;
  readonly json: string | undefined;
};

class UsageError extends Error {}

export async function cli(args: readonly string[], terminal: Terminal): Promise<0 | 1 | 2> {
  try {
    const parsed = parse(args, terminal);
    if (parsed === undefined) return 0;
    return await check(parsed, terminal);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    terminal.error(`${error.message}\n(--help says more)`);
    return 2;
  }
}

const options = {
  only: { type: 'string', multiple: true },
  json: { type: 'string' },
  fill: { type: 'boolean' },
  list: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** Undefined if there is nothing left to do. */
function parse(args: readonly string[], terminal: Terminal): Arguments | undefined {
  const { values, positionals } = parseOrRefuse(args);
  if (values.help === true) {
    terminal.out(usage);
    return undefined;
  }
  const checks = selected((values.only ?? []).flatMap((one) => one.split(',')));
  if (values.list === true) {
    for (const { id, level, title } of checks) terminal.out(`${id.padEnd(30)} ${level.padEnd(4)}  ${title}`);
    return undefined;
  }
  const [address, ...more] = positionals;
  if (address === undefined || more.length > 0)
    throw new UsageError('give the address of one server: http://host:port');
  return { base: baseOf(address), checks, fill: values.fill === true, json: values.json };
}

function parseOrRefuse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function selected(only: readonly string[]): readonly Check[] {
  if (only.length === 0) return allChecks;
  const matches = (what: string, { id, section, fault }: Check): boolean =>
    section === what || id === what || id.startsWith(`${what}.`) || (what === 'faults' && fault !== undefined);
  for (const what of only) {
    if (!allChecks.some((one) => matches(what, one))) {
      throw new UsageError(`--only ${what}: there is no such check or section (--list shows them)`);
    }
  }
  return allChecks.filter((one) => only.some((what) => matches(what, one)));
}

function baseOf(address: string): string {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new UsageError(`"${address}" is not an address of the form http://host:port`);
  }
  // People paste the address of an operation: what comes before /douyin is the server.
  return `${url.origin}${url.pathname.replace(/\/douyin(?:\/.*)?$/, '').replace(/\/+$/, '')}`;
}

async function check({ base, checks, fill, json }: Arguments, terminal: Terminal): Promise<0 | 1 | 2> {
  const api = createApi(base);
  try {
    const { status } = await api.call('GET', '/douyin/feed/');
    if (status === 429) terminal.error(rateLimitHint);
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    terminal.error(`${base} cannot be reached: ${error.message}. Is the server running, and is this its address?`);
    return 2;
  }
  const results: Result[] = [];
  await runChecks(createKit(api, fill), checks, (result) => {
    results.push(result);
    terminal.progress?.(`${results.length}/${checks.length} ${result.check.id}`);
  });
  terminal.progress?.('');
  if (json !== '-') terminal.out(textReport(base, results, terminal.coloured));
  if (json !== undefined) writeJson(json, jsonReport(base, results), terminal);
  return conforms(results) ? 0 : 1;
}

function writeJson(file: string, report: string, terminal: Terminal): void {
  if (file === '-') {
    terminal.out(report.trimEnd());
    return;
  }
  try {
    writeFileSync(file, report);
  } catch (error) {
    throw new UsageError(`--json ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
