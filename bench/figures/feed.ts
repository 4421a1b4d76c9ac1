import type { ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Feed, guestFeed, publish, register } from '../client.ts';
import type { LoadRequest, LoadResult } from '../load-generator.ts';
import { firstLine, spawnProgram } from '../programs.ts';
import type { Measurement } from '../report.ts';
import { type ServerProcess, startServer } from '../server-process.ts';
import { pairedRatios } from '../statistics.ts';
import { type Bench, demoClips, type FigureDefinition } from './figure.ts';

const feedVideos = 30;
const connections = 32;
/** Below this share of its core a server waited for others, or for the generator: the round says little. */
const busyEnough = 0.85;
const full = { starts: 5, rounds: 3, durationMs: 2_000, warmUpMs: 300, firstWarmUpMs: 4_000 };
const short = { starts: 1, rounds: 1, durationMs: 300, warmUpMs: 100, firstWarmUpMs: 200 };
/** Beyond what a generator was asked to run for. */
const graceMs = 15_000;

export const feedFigure: FigureDefinition = {
  name: 'feed',
  title: 'Guest feed against a bare server',
  method:
    'Requests per second of `GET /douyin/feed/` with 30 videos, published through the API, as a ratio to a bare `node:http` server that sends ' +
    'the same bytes under the same headers from a Buffer. Both run on the same core, the generator on another one; ' +
    'they take turns (A B A B …) and each pair gives one ratio. Both are started anew every few rounds, since what a process is given at its ' +
    'start (memory, the order in which its code is compiled) makes it faster or slower by a tenth as long as it lives. The server runs as in production: log level `info`, a line for each request, ' +
    'written to a file; `RATE_LIMIT=off`. A request counts only if its answer is 200, as long as it has to be, and begins with `"status_code":0`; ' +
    'one wrong answer fails the measurement.',
  measure: async (bench) => {
    const { resources, quick, say } = bench;
    const plan = quick ? short : full;
    const dataDir = resources.folder('feed');
    const settings = { DEMO: 'off', RATE_LIMIT: 'off' };
    const first = await startServer(resources, { dataDir, settings, core: bench.cores?.server });
    say('feed, publishing 30 videos');
    const token = await register(first.url);
    for (let video = 0; video < feedVideos; video += 1) {
      await publish(first.url, token, demoClips[video % demoClips.length] ?? '', `Video ${video + 1}`);
    }
    await first.drained();
    await first.stop();
    const rounds: Round[] = [];
    let bytes = 0;
    for (let start = 1; start <= plan.starts; start += 1) {
      say(`feed, start ${start} of ${plan.starts}`);
      const server = await startServer(resources, { dataDir, settings, core: bench.cores?.server });
      const feed = await guestFeed(server.url);
      if (feed.videos !== feedVideos) throw new Error(`the feed has ${feed.videos} videos`);
      bytes = feed.body.length;
      rounds.push(...(await roundsOf(bench, server, feed, plan)));
      const after = await guestFeed(server.url);
      if (!after.body.equals(feed.body)) throw new Error('the feed changed while it was measured');
      await server.stop();
    }
    return { kind: 'measured', measurements: measurementsOf(rounds), notes: notesOf(bench, rounds, bytes) };
  },
};

/** Takes turns between one server and a bare one of its own. */
async function roundsOf(bench: Bench, server: ServerProcess, feed: Feed, plan: typeof full): Promise<Round[]> {
  const bare = await startBareServer(bench, feed);
  const load = (target: 'server' | 'bare', warmUpMs: number): Promise<LoadResult> =>
    runGenerator(bench, {
      port: target === 'server' ? Number(new URL(server.url).port) : bare.port,
      path: '/douyin/feed/',
      connections,
      warmUpMs,
      durationMs: plan.durationMs,
      bodyBytes: feed.body.length,
      serverPid: target === 'server' ? server.pid : bare.pid,
    });
  await load('server', plan.firstWarmUpMs);
  await load('bare', plan.firstWarmUpMs);
  const rounds: Round[] = [];
  for (let round = 1; round <= plan.rounds; round += 1) {
    rounds.push({ of: await load('server', plan.warmUpMs), to: await load('bare', plan.warmUpMs) });
  }
  bare.child.kill('SIGTERM');
  return rounds;
}

type Round = { readonly of: LoadResult; readonly to: LoadResult };

const rateOf = ({ answers, elapsedMs }: LoadResult): number => (answers * 1_000) / elapsedMs;
const busyOf = ({ serverCpuMs = Number.NaN, elapsedMs }: LoadResult): number => serverCpuMs / elapsedMs;
/** Microseconds of CPU time for each answer. */
const costOf = ({ serverCpuMs = Number.NaN, answers }: LoadResult): number => (serverCpuMs * 1_000) / answers;

/** Whether both servers had their core for themselves; true where nobody can say. */
const undisturbed = ({ of, to }: Round): boolean => !(busyOf(of) < busyEnough || busyOf(to) < busyEnough);

/** The rounds that count: those without a disturbance, if they are at least a third of all. */
function countedRounds(rounds: readonly Round[]): readonly Round[] {
  const quiet = rounds.filter(undisturbed);
  return quiet.length * 3 >= rounds.length ? quiet : rounds;
}

function measurementsOf(rounds: readonly Round[]): Measurement[] {
  const counted = countedRounds(rounds);
  const pairs = (figure: (result: LoadResult) => number) =>
    counted.map(({ of, to }) => ({ of: figure(of), to: figure(to) }));
  const measurements: Measurement[] = [
    {
      label: 'Guest feed to bare server, requests per second',
      unit: '',
      values: pairedRatios(pairs(rateOf)),
      goal: { relation: 'at least', value: 0.8 },
    },
    { label: 'Guest feed', unit: 'requests/s', values: counted.map(({ of }) => rateOf(of)) },
    { label: 'Bare server', unit: 'requests/s', values: counted.map(({ to }) => rateOf(to)) },
  ];
  if (counted.some(({ of }) => of.serverCpuMs === undefined)) return measurements;
  const cost = pairs(costOf);
  return [
    ...measurements,
    { label: 'Bare server to guest feed, CPU time per request', unit: '', values: cost.map(({ of, to }) => to / of) },
    { label: 'CPU time per request, guest feed', unit: 'µs', values: cost.map(({ of }) => of) },
    { label: 'CPU time per request, bare server', unit: 'µs', values: cost.map(({ to }) => to) },
    { label: 'Share of its core, guest feed', unit: '%', values: counted.map(({ of }) => busyOf(of) * 100) },
    { label: 'Share of its core, bare server', unit: '%', values: counted.map(({ to }) => busyOf(to) * 100) },
    {
      label: 'Share of its core, generator against the bare server',
      unit: '%',
      values: counted.map(({ to }) => (to.ownCpuMs / to.elapsedMs) * 100),
    },
  ];
}

function notesOf({ cores }: Bench, rounds: readonly Round[], bytes: number): string[] {
  const quiet = rounds.filter(undisturbed).length;
  const share = `${busyEnough * 100} %`;
  return [
    `The answer has ${bytes} bytes; ${connections} connections, one request at a time on each.`,
    cores === undefined
      ? 'Programs could not be tied to cores here (no `taskset`, or a single core): the ratio says less.'
      : `Both servers run on core ${cores.server}, the generator on core ${cores.client}.`,
    quiet === rounds.length
      ? `All ${quiet} rounds count: in each of them both servers got at least ${share} of their core.`
      : countedRounds(rounds).length === quiet
        ? `${quiet} of ${rounds.length} rounds count: in the others a server got less than ${share} of its core, because something else ran there.`
        : `Only in ${quiet} of ${rounds.length} rounds both servers got ${share} of their core, so all of them count: the machine was busy, run it again.`,
  ];
}

async function startBareServer(
  { resources, cores }: Bench,
  { body, headers }: Feed,
): Promise<{ readonly port: number; readonly pid: number; readonly child: ChildProcess }> {
  const bodyPath = join(resources.folder('bare'), 'body.json');
  writeFileSync(bodyPath, body);
  // Node writes these by itself.
  const { date: _date, connection: _connection, 'keep-alive': _keepAlive, ...sent } = headers;
  const child = spawnProgram(resources, cores?.server, 'bare-server.ts', [bodyPath, JSON.stringify(sent)]);
  const port = Number(await firstLine(child, graceMs));
  if (child.pid === undefined) throw new Error('the bare server has no process id');
  return { port, pid: child.pid, child };
}

async function runGenerator({ resources, cores }: Bench, request: LoadRequest): Promise<LoadResult> {
  const child = spawnProgram(resources, cores?.client, 'load-generator.ts', [JSON.stringify(request)]);
  const result: LoadResult = JSON.parse(await firstLine(child, request.warmUpMs + request.durationMs + graceMs));
  if (result.wrong > 0) throw new Error(`${result.wrong} answers were wrong`);
  if (result.answers === 0) throw new Error('no answer came');
  return result;
}
