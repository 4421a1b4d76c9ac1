import { residentBytes } from '../process-figures.ts';
import { waitFor } from '../resources.ts';
import { neverRan, type ServerProcess, startServer } from '../server-process.ts';
import { type FigureDefinition, megabyte } from './figure.ts';

const goal = { relation: 'below', value: 150 } as const;
/** Memory is at rest when this many looks, one after the other, are this close together. */
const restLooks = 20;
const restEveryMs = 100;
const restBytes = 1 * megabyte;
const restTimeoutMs = 60_000;

export const memoryFigure: FigureDefinition = {
  name: 'memory',
  title: 'Idle memory',
  method:
    'Resident memory of the server process (`VmRSS` of `/proc/PID/status`, else `ps -o rss`) when it has come to rest: ' +
    'no job of the outbox is due (within 15 minutes), and 20 looks in a row, 100 ms apart, lie within 1 MB of each other. 1 MB is 10⁶ bytes. ' +
    'The first start finds nothing that Node compiled before.',
  measure: async ({ resources, quick, say }) => {
    if (residentBytes(process.pid) === undefined) {
      return { kind: 'unavailable', reason: 'has neither /proc nor a ps that tells the resident memory of a process' };
    }
    const afterFirst: number[] = [];
    const afterSecond: number[] = [];
    for (let run = 1; run <= (quick ? 1 : 3); run += 1) {
      say(`memory, run ${run}`);
      const dataDir = resources.folder('memory');
      for (const [values, settings] of [
        [afterFirst, neverRan],
        [afterSecond, {}],
      ] as const) {
        const server = await startServer(resources, { dataDir, settings });
        values.push((await bytesAtRest(server)) / megabyte);
        await server.stop();
      }
    }
    return {
      kind: 'measured',
      measurements: [
        { label: 'Idle memory after the first start, which published the demo', unit: 'MB', values: afterFirst, goal },
        { label: 'Idle memory after a start on existing data', unit: 'MB', values: afterSecond, goal },
      ],
      notes: [],
    };
  },
};

/** Resident bytes of a server that does nothing any more, as the method above defines it. */
export async function bytesAtRest(server: ServerProcess): Promise<number> {
  await server.drained();
  const looks: number[] = [];
  return await waitFor('memory at rest', restTimeoutMs, restEveryMs, () => {
    looks.push(residentBytes(server.pid) ?? Number.NaN);
    const last = looks.slice(-restLooks);
    return last.length === restLooks && Math.max(...last) - Math.min(...last) <= restBytes ? last.at(-1) : undefined;
  });
}
