import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { newestVideo, publishVideo, register } from '../client.ts';
import { fileSystemOf } from '../machine.ts';
import { clipSeconds, phoneClip } from '../phone-clip.ts';
import { timeDd } from '../plain-tools.ts';
import type { Measurement } from '../report.ts';
import type { Resources } from '../resources.ts';
import { pairedRatios } from '../statistics.ts';
import { type FigureDefinition, megabyte } from './figure.ts';
import { startQuietly } from './publish-to-ready.ts';

const smallClip = fileURLToPath(new URL('../../server/demo/tide.mp4', import.meta.url));
const firstBytesTimeoutMs = 30_000;

export const playableFigure: FigureDefinition = {
  name: 'publish-to-playable',
  title: 'From publishing to playable',
  method:
    'A file that browsers play is published; the time runs from the first byte sent until the first bytes of its `play_url`, taken from the ' +
    'first video of the guest feed, have come in an answer with 206: upload, feed and range request, one after the other. ' +
    'Before each of them the same file is written into the same folder by `dd conv=fsync`. Each goes to a server that was just started on an empty folder, so that nothing is ' +
    'being encoded meanwhile.',
  measure: async ({ resources, quick, say }) => {
    const first = await startQuietly(resources);
    const { ffmpeg } = first.tools;
    await first.stop();
    const seconds = clipSeconds(quick, 30);
    say(`publish-to-playable, making a clip of ${seconds} s, if there is none`);
    const files = [
      { name: 'a phone’s video', path: await phoneClip(resources, ffmpeg, 'h264', seconds) },
      { name: 'a small video', path: smallClip },
    ];
    const measurements: Measurement[] = [];
    for (const { name, path } of files) {
      say(`publish-to-playable, ${name}`);
      const pairs: { of: number; to: number }[] = [];
      for (let run = 1; run <= (quick ? 1 : 5); run += 1) pairs.push(await onePair(resources, path));
      const goal = { relation: 'below', value: 1_000 } as const;
      measurements.push(
        { label: `Publishing until playable, ${name}`, unit: 'ms', values: pairs.map(({ of }) => of), goal },
        { label: `Its bytes by dd with fsync, ${name}`, unit: 'ms', values: pairs.map(({ to }) => to) },
        { label: `Until playable to dd, ${name}`, unit: '', values: pairedRatios(pairs) },
      );
    }
    const sizes = files.map(({ name, path }) => `${name} has ${(statSync(path).size / megabyte).toFixed(1)} MB`);
    return {
      kind: 'measured',
      measurements,
      notes: [`${sizes.join(', ')}; the file system is ${fileSystemOf(resources.root)}.`],
    };
  },
};

async function onePair(resources: Resources, path: string): Promise<{ of: number; to: number }> {
  const dataDir = resources.folder('playable');
  const server = await startQuietly(resources, dataDir);
  const token = await register(server.url);
  // The page cache has the file afterwards, for both.
  await timeDd(resources, path, dataDir);
  const ddMs = await timeDd(resources, path, dataDir);
  const title = 'From the first byte';
  const { startedAt } = await publishVideo(server.url, token, path, title);
  const newest = await newestVideo(server.url);
  if (newest.title !== title) throw new Error('the feed does not begin with the video that was just published');
  await readFirstBytes(newest.playUrl);
  const tookMs = performance.now() - startedAt;
  await server.stop();
  return { of: tookMs, to: ddMs };
}

async function readFirstBytes(url: string): Promise<void> {
  const answer = await fetch(url, {
    headers: { range: 'bytes=0-' },
    signal: AbortSignal.timeout(firstBytesTimeoutMs),
  });
  const reader = answer.body?.getReader();
  const first = await reader?.read();
  await reader?.cancel();
  if (answer.status !== 206 || first?.value === undefined || first.value.length === 0) {
    throw new Error(`${url} answered ${answer.status} and ${first?.value?.length ?? 0} bytes`);
  }
}
