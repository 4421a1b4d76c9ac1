import { copyFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { publish, register } from '../client.ts';
import { fillUp } from '../clip.ts';
import { fileSystemOf } from '../machine.ts';
import { watchMemory } from '../memory-watch.ts';
import { timeDd } from '../plain-tools.ts';
import { residentBytes } from '../process-figures.ts';
import type { Measurement } from '../report.ts';
import { type ServerProcess, startServer } from '../server-process.ts';
import { pairedRatios } from '../statistics.ts';
import { speaksTus, tusUpload } from '../tus-client.ts';
import { type Bench, type FigureDefinition, megabyte } from './figure.ts';
import { bytesAtRest } from './memory.ts';

const mebibyte = 1024 * 1024;
const chunkBytes = 16 * mebibyte;
const demoClip = fileURLToPath(new URL('../../server/demo/tide.mp4', import.meta.url));
const title = 'One gibibyte';

type Way = {
  readonly name: string;
  readonly tus: boolean;
  send(server: ServerProcess, token: string, path: string): Promise<number>;
};

const ways: readonly Way[] = [
  { name: 'multipart', tus: false, send: ({ url }, token, path) => publish(url, token, path, title) },
  {
    name: 'tus in one request',
    tus: true,
    send: ({ url }, token, path) => tusUpload(url, token, path, { title, chunkBytes: Number.MAX_SAFE_INTEGER }),
  },
  {
    name: 'tus in chunks of 16 MiB',
    tus: true,
    send: ({ url }, token, path) => tusUpload(url, token, path, { title, chunkBytes }),
  },
];

export const largeUploadFigure: FigureDefinition = {
  name: 'upload-1gib',
  title: 'Upload of 1 GiB',
  method:
    'A video of exactly 1 GiB (2³⁰ bytes: a demo clip and a `free` box of zeros, which has holes on the client’s side alone) is uploaded in one multipart request, by ' +
    'tus in one PATCH, and by tus in chunks of 16 MiB; the time ends with the answer that says that it is published. Before each upload `dd conv=fsync` writes the same bytes into the same folder: the ' +
    'server hashes them as well, looks into them and makes a cover. Growth of memory is measured as in "Upload of 100 MB". Each upload goes to a server that was just started on an empty folder and is ' +
    'stopped right after the answer. `UPLOAD_MAX_SIZE=2GB`.',
  measure: async (bench) => {
    const { resources, quick } = bench;
    const clip = join(resources.folder('clip'), 'large.mp4');
    copyFileSync(demoClip, clip);
    fillUp(clip, (quick ? 64 : 1024) * mebibyte);
    const measurements: Measurement[] = [];
    const notes = [
      `The file has ${quick ? 64 : 1024} MiB; the file system of the temporary folder is ${fileSystemOf(resources.root)}.`,
    ];
    for (const way of ways) {
      const measured = await measureWay(bench, way, clip);
      if (measured === 'not there') notes.push(`${way.name}: not there, this server has no /uploads/.`);
      else measurements.push(...measured);
    }
    return { kind: 'measured', measurements, notes };
  },
};

async function measureWay({ resources, quick, say }: Bench, way: Way, clip: string) {
  const pairs: { of: number; to: number }[] = [];
  const growths: number[] = [];
  for (let run = 1; run <= (quick ? 1 : 2); run += 1) {
    say(`upload-1gib, ${way.name}, run ${run}`);
    const dataDir = resources.folder('large');
    const settings = { DEMO: 'off', RATE_LIMIT: 'off', UPLOAD_MAX_SIZE: '2GB' };
    const server = await startServer(resources, { dataDir, settings });
    if (way.tus && !(await speaksTus(server.url))) {
      await server.stop();
      return 'not there';
    }
    const token = await register(server.url);
    const ddMs = await timeDd(resources, clip, dataDir);
    const before = residentBytes(server.pid) === undefined ? undefined : await bytesAtRest(server);
    const watch = watchMemory(server);
    const tookMs = await way.send(server, token, clip).finally(watch.stop);
    pairs.push({ of: ddMs, to: tookMs });
    if (before !== undefined) growths.push((watch.peakBytes() - before) / megabyte);
    await server.stop();
    await rm(dataDir, { recursive: true });
  }
  const goal = { relation: 'below', value: 64 } as const;
  const label = (text: string): string => `${text}, ${way.name}`;
  const measurements: Measurement[] = [
    { label: label('Throughput to that of dd'), unit: '', values: pairedRatios(pairs) },
    { label: label('Time of the upload'), unit: 'ms', values: pairs.map(({ to }) => to) },
    { label: label('Time of dd with fsync'), unit: 'ms', values: pairs.map(({ of }) => of) },
  ];
  if (growths.length > 0) {
    measurements.unshift({ label: label('Growth of memory, 1 GiB'), unit: 'MB', values: growths, goal });
  }
  return measurements;
}
