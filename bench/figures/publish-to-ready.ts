import { publishVideo, register, videoStatus } from '../client.ts';
import { clipSeconds, phoneClip } from '../phone-clip.ts';
import { timeAgain } from '../plain-tools.ts';
import { childrenCpuTimeMs, commandOf, cpuTimeMs } from '../process-figures.ts';
import type { Measurement } from '../report.ts';
import { type Resources, waitFor } from '../resources.ts';
import { type ServerProcess, startServer } from '../server-process.ts';
import { pairedRatios } from '../statistics.ts';
import { idleMs, stepOf, type ToolRun, watchTools } from '../tool-watch.ts';
import type { FigureDefinition } from './figure.ts';

const askEveryMs = 100;
const readyTimeoutMs = 5 * 60_000;

export const readyFigure: FigureDefinition = {
  name: 'publish-to-ready',
  title: 'From publishing to all renditions',
  method:
    'A phone’s video (1080 × 1920, H.264 at 14 Mbit/s, AAC; synthetic, see `phone-clip.ts`) is published to a server that was just ' +
    'started, from the first byte sent until `publish/status`, asked every 100 ms, says `ready` and 100 %. Compared with the one ffmpeg command that makes the ' +
    'renditions and the sound: it is read from the server’s own child process and run again by itself, with the same arguments, in ordinary priority, into one folder, without sync. So the ' +
    'ratio holds everything that is done beside encoding: the upload, looking into it, the first cover, the loudness, the MP4 without HLS, pictures, playlists, SHA-256 and sync of every file, the database.',
  measure: async ({ resources, quick, say }) => {
    if (commandOf(process.pid).length === 0) {
      return { kind: 'unavailable', reason: 'has no /proc, where the command is read' };
    }
    const seconds = clipSeconds(quick, 24);
    const pairs: { of: number; to: number }[] = [];
    const cpuPairs: { of: number; to: number }[] = [];
    const steps = new Map<string, number[]>();
    for (let run = 1; run <= (quick ? 1 : 2); run += 1) {
      const server = await startQuietly(resources);
      say(`publish-to-ready, making a clip of ${seconds} s, if there is none`);
      const clip = await phoneClip(resources, server.tools.ffmpeg, 'h264', seconds);
      say(`publish-to-ready, pair ${run}`);
      const cpuBefore = allCpuMs(server.pid);
      const { tookMs, tools, startedAt } = await untilReady(server, clip);
      await server.drained();
      const cpuMs = allCpuMs(server.pid) - cpuBefore;
      await server.stop();
      const ladder = tools.find((tool) => stepOf(tool) === 'ladder');
      if (ladder === undefined) throw new Error('the server was not seen to encode anything');
      const plainCpuBefore = childrenCpuTimeMs(process.pid) ?? 0;
      const plainMs = await timeAgain(resources, ladder.command, clip, resources.folder('plain'));
      pairs.push({ of: tookMs, to: plainMs });
      cpuPairs.push({ of: cpuMs, to: (childrenCpuTimeMs(process.pid) ?? 0) - plainCpuBefore });
      const sums = new Map<string, number>();
      for (const tool of tools) {
        sums.set(stepOf(tool), (sums.get(stepOf(tool)) ?? 0) + tool.endedAt - tool.startedAt);
      }
      sums.set('no tool at work: upload, SHA-256, sync, database', idleMs(tools, startedAt, startedAt + tookMs));
      for (const [step, ms] of sums) steps.set(step, [...(steps.get(step) ?? []), ms]);
    }
    return {
      kind: 'measured',
      measurements: [
        {
          label: 'Publishing until ready, to plain ffmpeg',
          unit: '',
          values: pairedRatios(pairs),
          goal: { relation: 'below', value: 1.15 },
        },
        { label: 'CPU time of the server and its tools, to plain ffmpeg', unit: '', values: pairedRatios(cpuPairs) },
        { label: 'Publishing until ready', unit: 'ms', values: pairs.map(({ of }) => of) },
        { label: 'Plain ffmpeg command of the same ladder', unit: 'ms', values: pairs.map(({ to }) => to) },
        ...[...steps].map(([step, values]): Measurement => ({ label: `Of it: ${step}`, unit: 'ms', values })),
      ],
      notes: [
        `The clip has ${seconds} s. Server and plain command take turns (A B A B …).`,
        'CPU time is what other programs on the machine change least; that of the client is not in it.',
        'The steps are what was seen of the server’s child processes every 10 ms; where two run at the same time, both count.',
      ],
    };
  },
};

const allCpuMs = (pid: number): number => (cpuTimeMs(pid) ?? 0) + (childrenCpuTimeMs(pid) ?? 0);

export const startQuietly = async (resources: Resources, dataDir = resources.folder('media')): Promise<ServerProcess> =>
  await startServer(resources, { dataDir, settings: { DEMO: 'off', RATE_LIMIT: 'off' } });

/** Publishes a file and waits until nothing more is made of it; with what the server's tools did meanwhile. */
export async function untilReady(
  server: ServerProcess,
  clip: string,
): Promise<{ readonly startedAt: number; readonly tookMs: number; readonly tools: readonly ToolRun[] }> {
  const token = await register(server.url);
  const tools = watchTools(server);
  try {
    const { videoId, startedAt } = await publishVideo(server.url, token, clip, 'A phone’s video');
    await waitFor('the video to be ready', readyTimeoutMs, askEveryMs, async () => {
      const { state, progress } = await videoStatus(server.url, token, videoId);
      if (state === 'failed') throw new Error('the server could not process the video');
      return state === 'ready' && progress === 100 ? true : undefined;
    });
    return { startedAt, tookMs: performance.now() - startedAt, tools: tools.stop() };
  } finally {
    tools.stop();
  }
}
