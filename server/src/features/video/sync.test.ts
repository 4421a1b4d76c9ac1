/** Pictures and sound stay together on their way through the pipeline, and are as loud as they should be. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { analyse, makeClip, plainH264 } from '../../../test/clips.ts';
import { type FetchedPackage, fetchPackage } from '../../../test/package-files.ts';
import { systemTools } from '../../../test/quick-tools.ts';
import { seedSettings, seedUser } from '../../../test/seed.ts';
import { rowOf, startTestServer, type TestServer } from '../../../test/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ ...seedSettings, ...systemTools });
});
afterAll(() => server.close());

/** Black that becomes white after a second. */
const flash = ['-f', 'lavfi', '-i', "color=black:s=64x96:r=25:d=4,drawbox=c=white:t=fill:enable='gte(t,1)'"];
/** Silence that becomes a tone after so many seconds. */
const beep = (after: number): string[] => [
  ...['-f', 'lavfi', '-i', `sine=frequency=440:duration=3.5,volume=0:enable='lt(t,${after})'`],
];
/** One picture, and one piece of AAC. */
const nearSeconds = 0.045;

const clips = [
  {
    name: 'an MP4 that is copied',
    extension: 'mp4',
    source: [...flash, ...beep(1), ...plainH264, '-bf', '2', '-c:a', 'aac'],
  },
  {
    name: 'a file that is converted, whose sound begins later than its pictures',
    extension: 'mkv',
    source: [...flash, '-itsoffset', '0.4', ...beep(0.6), '-c:v', 'mpeg4', '-c:a', 'mp2'],
  },
] as const;

describe.each(clips)('$name', ({ extension, source }) => {
  let made: FetchedPackage;
  beforeAll(async () => {
    const id = await server.publish(await seedUser(server), 'A flash', await makeClip(server, extension, source));
    await server.context.jobs.processAll();
    made = await fetchPackage(server, rowOf(await server.call('video', { video_id: id }), 'video'));
  });

  it('flashes and beeps at the same moment', async () => {
    const files = { hls: [made.renditions[0]?.file, made.audio?.file], mp4: [made.play, made.play] };
    for (const [name, [pictures, sound]] of Object.entries(files)) {
      if (pictures === undefined || sound === undefined) throw new Error(`${name} has no pictures or no sound`);
      const seen = await analyse(server, pictures, ['-an', '-vf', 'blackdetect=d=0.2:pix_th=0.3']);
      const heard = await analyse(server, sound, ['-vn', '-af', 'silencedetect=n=-45dB:d=0.2']);
      const flashes = Number(/black_start:0 black_end:([\d.]+)/.exec(seen)?.[1]);
      const beeps = Number(/silence_end: ([\d.]+)/.exec(heard)?.[1]);
      expect(Math.abs(flashes - 1), `${name}: the flash at ${flashes} s`).toBeLessThanOrEqual(nearSeconds);
      expect(Math.abs(beeps - 1), `${name}: the beep at ${beeps} s`).toBeLessThanOrEqual(nearSeconds);
    }
  });

  it('is as loud as every other video', async () => {
    for (const file of [made.audio?.file, made.play]) {
      if (file === undefined) throw new Error('there is no sound');
      const report = await analyse(server, file, ['-vn', '-af', 'ebur128']);
      const loudness = Number(/\bI:\s+(-?[\d.]+) LUFS/.exec(report.slice(report.lastIndexOf('Summary:')))?.[1]);
      expect(Math.abs(loudness - -16), `${loudness} LUFS`).toBeLessThanOrEqual(1.5);
    }
  });
});
