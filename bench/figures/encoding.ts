import { availableParallelism } from 'node:os';
import { publish, register } from '../client.ts';
import { makeForeignClip } from '../clip.ts';
import type { PacedRequest, PacedResult } from '../paced-generator.ts';
import { childrenOf, cpuTimeMs, machineCpuTimeMs, programOf } from '../process-figures.ts';
import { firstLine, spawnProgram } from '../programs.ts';
import type { Measurement } from '../report.ts';
import { waitFor } from '../resources.ts';
import { type ServerProcess, startServer } from '../server-process.ts';
import { pairedRatios, percentile } from '../statistics.ts';
import { type Bench, demoClips, type FigureDefinition } from './figure.ts';

const feedVideos = 30;
const requestsPerSecond = 300;
/** Other programs may have used this share of the machine while a round counts. */
const mostOfOthers = 0.1;
const full = { pairs: 8, durationMs: 2_000, warmUpMs: 500, clipSeconds: 8 };
const short = { pairs: 1, durationMs: 500, warmUpMs: 100, clipSeconds: 6 };
/** Beyond what a generator was asked to run for. */
const graceMs = 15_000;
const conversionStartsMs = 30_000;

export const encodingFigure: FigureDefinition = {
  name: 'encoding',
  title: 'Answers while a video is converted',
  method:
    `The feed of guests and that of somebody logged in, 30 videos, asked for in turn at a constant rate of ${requestsPerSecond} requests a second, whether or not ` +
    'earlier answers have come; each answer is timed from the request to its last byte. Rounds without and with a conversion behind them take turns (A B A B …), and each pair gives one ratio of the ' +
    '99th percentiles. What is converted is a clip in full HD that browsers do not play, published through the API, by the server’s own job and ffmpeg. Server, ffmpeg and generator share ' +
    'all cores and are tied to none.',
  measure: async (bench) => {
    const { resources, quick, say } = bench;
    const plan = quick ? short : full;
    const dataDir = resources.folder('encoding');
    const settings = { DEMO: 'off', RATE_LIMIT: 'off', VIDEO_ENCODER: 'libx264' };
    // Nothing is measured yet: what is made ready need not wait for an idle processor.
    const first = await startServer(resources, { dataDir, settings: { ...settings, MEDIA_PRIORITY: 'normal' } });
    say('encoding, publishing 30 videos and making a clip');
    const token = await register(first.url);
    for (let video = 0; video < feedVideos; video += 1) {
      await publish(first.url, token, demoClips[video % demoClips.length] ?? '', `Video ${video + 1}`);
    }
    const clip = await makeForeignClip(resources, first.tools.ffmpeg, plan.clipSeconds);
    await first.drained();
    await first.stop();
    const server = await startServer(resources, { dataDir, settings });
    const paths = ['/douyin/feed/', `/douyin/feed/?token=${encodeURIComponent(token)}`];
    await runRound(bench, server, { paths, ...plan });
    const pairs: Pair[] = [];
    for (let pair = 1; pair <= plan.pairs; pair += 1) {
      say(`encoding, pair ${pair} of ${plan.pairs}`);
      const without = await runRound(bench, server, { paths, ...plan });
      await publish(server.url, token, clip, `Clip ${pair}`);
      const tool = await waitFor('the conversion', conversionStartsMs, 10, () => ffmpegOf(server));
      const during = await runRound(bench, server, { paths, ...plan }, tool);
      // A conversion that was done before the round was: it counts for nothing.
      if (ffmpegOf(server) === tool) pairs.push({ without, during });
      await server.drained();
    }
    await server.stop();
    if (pairs.length === 0) throw new Error('every conversion was done before its round was');
    return { kind: 'measured', measurements: measurementsOf(countedPairs(pairs)), notes: notesOf(pairs, plan.pairs) };
  },
};

const ffmpegOf = ({ pid }: ServerProcess): number | undefined =>
  childrenOf(pid).find((child) => programOf(child) === 'ffmpeg');

type Round = {
  readonly result: PacedResult;
  /** Shares of one core. */
  readonly ofServer: number;
  readonly ofTool: number;
  /** Share of all cores that other programs had; NaN where nobody can say. */
  readonly ofOthers: number;
};
type Pair = { readonly without: Round; readonly during: Round };

async function runRound(
  { resources }: Bench,
  server: ServerProcess,
  load: Omit<PacedRequest, 'port' | 'requestsPerSecond'>,
  tool?: number,
): Promise<Round> {
  const request: PacedRequest = {
    port: Number(new URL(server.url).port),
    requestsPerSecond,
    paths: load.paths,
    durationMs: load.durationMs,
    warmUpMs: load.warmUpMs,
  };
  const used = (): [number, number, number] => [
    cpuTimeMs(server.pid) ?? Number.NaN,
    tool === undefined ? 0 : (cpuTimeMs(tool) ?? Number.NaN),
    machineCpuTimeMs() ?? Number.NaN,
  ];
  const [before, startedAt] = [used(), performance.now()];
  const child = spawnProgram(resources, undefined, 'paced-generator.ts', [JSON.stringify(request)]);
  const result: PacedResult = JSON.parse(await firstLine(child, load.warmUpMs + load.durationMs + graceMs));
  const elapsedMs = performance.now() - startedAt;
  if (result.wrong > 0) throw new Error(`${result.wrong} answers were wrong`);
  const [ofServer = 0, ofTool = 0, ofAll = 0] = used().map((ms, at) => ms - (before[at] ?? Number.NaN));
  const others = ofAll - ofServer - ofTool - result.ownCpuMs;
  return {
    result,
    ofServer: ofServer / elapsedMs,
    ofTool: ofTool / elapsedMs,
    ofOthers: others / elapsedMs / availableParallelism(),
  };
}

const quiet = ({ without, during }: Pair): boolean =>
  !(without.ofOthers > mostOfOthers || during.ofOthers > mostOfOthers);

/** The pairs that count: those in which the machine did nothing else, if they are at least a third of all. */
function countedPairs(pairs: readonly Pair[]): readonly Pair[] {
  const undisturbed = pairs.filter(quiet);
  return undisturbed.length * 3 >= pairs.length ? undisturbed : pairs;
}

function measurementsOf(pairs: readonly Pair[]): Measurement[] {
  const readers = ['guest', 'logged in'].flatMap((reader, at): Measurement[] => {
    const of = (round: Round, share: number): number => percentile(round.result.latenciesMs[at] ?? [], share);
    const both = (share: number) =>
      pairs.map(({ without, during }) => ({ of: of(during, share), to: of(without, share) }));
    const slowest = both(0.99);
    return [
      {
        label: `Feed, ${reader}: p99 while a video is converted, to p99 without`,
        unit: '',
        values: pairedRatios(slowest),
        goal: { relation: 'below', value: 1.2 },
      },
      { label: `The same of the median answer, ${reader}`, unit: '', values: pairedRatios(both(0.5)) },
      { label: `p99 without a conversion, ${reader}`, unit: 'ms', values: slowest.map(({ to }) => to) },
      { label: `p99 while a video is converted, ${reader}`, unit: 'ms', values: slowest.map(({ of: value }) => value) },
    ];
  });
  return [
    ...readers,
    { label: 'Share of a core that ffmpeg got', unit: '%', values: pairs.map(({ during }) => during.ofTool * 100) },
    {
      label: 'Share of a core that the server took',
      unit: '%',
      values: pairs.map(({ during }) => during.ofServer * 100),
    },
  ];
}

function notesOf(pairs: readonly Pair[], planned: number): string[] {
  const [undisturbed, counted] = [pairs.filter(quiet).length, countedPairs(pairs).length];
  const late = Math.max(...pairs.map(({ during }) => during.result.latestMs));
  return [
    `${counted} of ${planned} pairs count: ${planned - pairs.length} conversions were done too early, and in ${undisturbed} pairs other programs had less than ${mostOfOthers * 100} % of the machine${counted === undisturbed ? '' : ', which are too few, so all count: run it again on a quiet machine'}.`,
    `The generator was late by at most ${late.toFixed(1)} ms in the rounds with a conversion.`,
  ];
}
