/**
 * What resumable uploads cost beside a multipart one: the same file both ways, in turns, each on a server that was just
 * started. A command of its own (`node bench/resumable.ts`), whose figures are in docs/decisions/resumable-uploads.md.
 */
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Upload } from 'tus-js-client';
import { publish, register } from './client.ts';
import { bytesAtRest } from './figures/memory.ts';
import { peakResidentBytes, resetPeakResident } from './process-figures.ts';
import { Resources } from './resources.ts';
import { startServer } from './server-process.ts';

const mebibyte = 1024 ** 2;
const fileBytes = 256 * mebibyte;
const runs = 3;
const boxHeaderBytes = 8;

/** A clip that is published as it is, made as large as that by a box that players pass over. */
async function makeFile(path: string): Promise<void> {
  const clip = await readFile(new URL('../conformance/bear.mp4', import.meta.url));
  const header = Buffer.alloc(boxHeaderBytes);
  header.writeUInt32BE(fileBytes - clip.length);
  header.write('free', 4, 'latin1');
  const file = await open(path, 'w');
  try {
    await file.writeFile(Buffer.concat([clip, header]));
    // Not zeros, which a disk may not write.
    const block = Buffer.alloc(mebibyte, 'noise');
    for (let left = fileBytes - clip.length - boxHeaderBytes; left > 0; left -= block.length) {
      await file.writeFile(block.subarray(0, left));
    }
  } finally {
    await file.close();
  }
}

const byTus =
  (chunkSize: number) =>
  async (url: string, token: string, path: string): Promise<void> => {
    const file = await readFile(path);
    const headers = { authorization: `Bearer ${token}` };
    await new Promise<void>((resolve, reject) => {
      const done = { onSuccess: () => resolve(), onError: reject };
      new Upload(file, { endpoint: `${url}/uploads/`, headers, chunkSize, ...done }).start();
    });
  };

const ways = [
  [
    'multipart',
    (url: string, token: string, path: string) => publish(url, token, path, 'multipart').then(() => undefined),
  ],
  ['tus, chunks of 16 MiB', byTus(16 * mebibyte)],
  ['tus, one chunk', byTus(Number.POSITIVE_INFINITY)],
] as const;

await using resources = new Resources();
const path = join(resources.folder('file'), 'large.mp4');
await makeFile(path);
for (let run = 1; run <= runs; run += 1) {
  for (const [name, send] of ways) {
    const dataDir = resources.folder('data');
    const server = await startServer(resources, { dataDir, settings: { DEMO: 'off', RATE_LIMIT: 'off' } });
    const token = await register(server.url);
    const before = await bytesAtRest(server);
    resetPeakResident(server.pid);
    const startedAt = performance.now();
    await send(server.url, token, path);
    const seconds = (performance.now() - startedAt) / 1000;
    const growth = ((peakResidentBytes(server.pid) ?? 0) - before) / mebibyte;
    const rate = fileBytes / mebibyte / seconds;
    console.log(`${name}: ${seconds.toFixed(1)} s, ${rate.toFixed(0)} MiB/s, memory grew by ${growth.toFixed(0)} MiB`);
    await server.stop();
  }
}
