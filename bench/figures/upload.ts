import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { publish, register } from '../client.ts';
import { makeClip } from '../clip.ts';
import { fileSystemOf } from '../machine.ts';
import { watchMemory } from '../memory-watch.ts';
import { residentBytes } from '../process-figures.ts';
import { type ServerProcess, startServer } from '../server-process.ts';
import { pairedRatios } from '../statistics.ts';
import { type FigureDefinition, megabyte } from './figure.ts';
import { bytesAtRest } from './memory.ts';

export const uploadFigure: FigureDefinition = {
  name: 'upload',
  title: 'Upload of 100 MB',
  method:
    'A real MP4 of exactly 100 MB (10⁸ bytes; H.264 at 40 Mbit/s and AAC, made by ffmpeg in the same run) is published as the app does it: ' +
    'one multipart request, streamed from the disk, the file before the token. Reply time runs from the first byte sent to the last byte ' +
    'answered. Growth of memory is the peak of the resident memory of the server process during the request minus what it was ' +
    'at rest just before (same definition as "Idle memory"). Before each upload the same file is copied on the same disk by a plain program ' +
    'that does the least that is asked of an upload: read, SHA-256, write, fsync.',
  measure: async ({ resources, quick, say }) => {
    const sizeBytes = (quick ? 10 : 100) * megabyte;
    const start = (dataDir: string): Promise<ServerProcess> =>
      startServer(resources, { dataDir, settings: { DEMO: 'off', RATE_LIMIT: 'off' } });
    const first = await start(resources.folder('upload'));
    say(`upload, making a clip of ${sizeBytes / megabyte} MB`);
    const clip = await makeClip(resources, first.tools.ffmpeg, sizeBytes);
    await first.stop();
    await timeCopy(clip, join(resources.root, 'copy'));
    const pairs: { of: number; to: number }[] = [];
    const growths: number[] = [];
    const tools: number[] = [];
    for (let run = 1; run <= (quick ? 1 : 5); run += 1) {
      say(`upload, run ${run}`);
      // Anew each time: memory that one upload took, the next one finds taken.
      const dataDir = resources.folder('upload');
      const server = await start(dataDir);
      const token = await register(server.url);
      const before = residentBytes(server.pid) === undefined ? undefined : await bytesAtRest(server);
      const copyMs = await timeCopy(clip, join(dataDir, 'copy'));
      const watch = watchMemory(server);
      const replyMs = await publish(server.url, token, clip, `Upload ${run}`).finally(watch.stop);
      pairs.push({ of: replyMs, to: copyMs });
      // Its renditions are not made: they would take longer than all of this.
      await server.stop();
      await rm(dataDir, { recursive: true });
      if (before === undefined) continue;
      growths.push((watch.peakBytes() - before) / megabyte);
      tools.push(watch.toolsPeakBytes() / megabyte);
    }
    return {
      kind: 'measured',
      measurements: [
        {
          label: 'Reply time of the upload',
          unit: 'ms',
          values: pairs.map(({ of }) => of),
          goal: { relation: 'below', value: 5_000 },
        },
        { label: 'Plain copy of the same bytes', unit: 'ms', values: pairs.map(({ to }) => to) },
        { label: 'Reply time to plain copy', unit: '', values: pairedRatios(pairs) },
        ...(growths.length === 0
          ? []
          : [
              {
                label: 'Growth of memory during the upload',
                unit: 'MB',
                values: growths,
                goal: { relation: 'below', value: 64 },
              } as const,
              { label: 'Beside it: ffprobe and ffmpeg, at their largest', unit: 'MB', values: tools } as const,
            ]),
      ],
      notes: [
        `The file is ${sizeBytes / megabyte} MB; the file system of the temporary folder is ${fileSystemOf(resources.root)}.`,
        'Copy and upload take turns (A B A B …), the first copy, which warms the page cache, is not counted. Each upload goes to a server that was just started, since the memory that one upload took, the next one would find taken, and is stopped right after the answer, before the renditions of the video are made.',
        ...(growths.length === 0 ? ['Growth of memory could not be measured: this machine does not tell it.'] : []),
      ],
    };
  },
};

/** Reads, hashes, writes and syncs, in milliseconds; the copy is removed again. */
async function timeCopy(from: string, to: string): Promise<number> {
  const startedAt = performance.now();
  const hash = createHash('sha256');
  const file = await open(to, 'w');
  try {
    for await (const chunk of createReadStream(from, { highWaterMark: 256 * 1024 })) {
      hash.update(chunk);
      await file.write(chunk);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  hash.digest();
  const tookMs = performance.now() - startedAt;
  await rm(to);
  return tookMs;
}
