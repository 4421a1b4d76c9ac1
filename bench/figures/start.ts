import { guestFeed } from '../client.ts';
import { neverRan, startServer } from '../server-process.ts';
import type { FigureDefinition } from './figure.ts';

const goal = { relation: 'below', value: 5_000 } as const;
const demoVideos = 3;

export const startFigure: FigureDefinition = {
  name: 'start',
  title: 'Start to ready',
  method:
    'The program of `npm start`, from the start of its process to the first 200 of `/healthz`, which is asked for every 10 ms. ' +
    'The first start has an empty data folder, publishes the three demo clips before it answers, and finds nothing that Node compiled before; ' +
    'the second one, after an orderly stop, finds both.',
  measure: async ({ resources, quick, say }) => {
    const empty: number[] = [];
    const existing: number[] = [];
    const announced: number[] = [];
    const cpu: number[] = [];
    const cpuExisting: number[] = [];
    // What was compiled is kept from here on, whatever ran before.
    if (!quick) await (await startServer(resources, { dataDir: resources.folder('start') })).stop();
    let used: string | undefined;
    for (let run = 1; run <= (quick ? 1 : 5); run += 1) {
      say(`start, run ${run}`);
      const dataDir = resources.folder('start');
      const first = await startServer(resources, { dataDir, settings: neverRan });
      empty.push(first.answeringMs);
      cpu.push(...(first.cpuMs === undefined ? [] : [first.cpuMs]));
      announced.push(first.announcedMs - first.answeringMs);
      const { videos } = await guestFeed(first.url);
      if (videos !== demoVideos) throw new Error(`the feed of a new site has ${videos} videos`);
      if (used === undefined) {
        // What the demo is made into takes longer than any start, and must not run beside one.
        if (!quick) await first.drained();
        used = dataDir;
      }
      await first.stop();
      const second = await startServer(resources, { dataDir: used });
      existing.push(second.answeringMs);
      cpuExisting.push(...(second.cpuMs === undefined ? [] : [second.cpuMs]));
      await second.stop();
    }
    return {
      kind: 'measured',
      measurements: [
        { label: 'Start on an empty data folder, with the demo', unit: 'ms', values: empty, goal },
        { label: 'Start on existing data', unit: 'ms', values: existing, goal },
        ...(cpu.length === 0
          ? []
          : [
              { label: 'CPU time of the server by then, empty data folder', unit: 'ms', values: cpu } as const,
              { label: 'CPU time of the server by then, existing data', unit: 'ms', values: cpuExisting } as const,
            ]),
        {
          label: 'From the first answer until the line "ready at …" is in the log file',
          unit: 'ms',
          values: announced,
        },
      ],
      notes: ['CPU time is what other programs on the machine change least; ffmpeg’s own is not in it.'],
    };
  },
};
