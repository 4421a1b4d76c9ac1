import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { newestVideo } from '../client.ts';
import { type ClipKind, clipSeconds, phoneClip } from '../phone-clip.ts';
import { renditionsOf, similarity } from '../renditions.ts';
import { type Goal, type Measurement, numberText } from '../report.ts';
import { type FigureDefinition, megabyte } from './figure.ts';
import { startQuietly, untilReady } from './publish-to-ready.ts';

type Source = {
  readonly kind: ClipKind;
  readonly name: string;
  readonly stored?: Goal;
  /** For the largest rendition. */
  readonly similar?: Goal;
};

/** Long enough that what an encoder may spend at the beginning (its buffer holds two seconds) says little. */
const fullSeconds = 18;
const most = { relation: 'below', value: 1.6 } as const;
const sources: readonly Source[] = [
  { kind: 'h264', name: 'a phone’s H.264', stored: most, similar: { relation: 'at least', value: 0.95 } },
  { kind: 'hevc', name: 'a phone’s HEVC', stored: most },
  { kind: 'small', name: 'a small video of 1.2 Mbit/s' },
];

export const storedFigure: FigureDefinition = {
  name: 'stored-bytes',
  title: 'Stored bytes and quality',
  method:
    'Videos as a phone records them (synthetic, see `phone-clip.ts`) are published; when they are ready, all files below the server’s media folder are ' +
    'summed up but for the received one, which is kept for 24 hours: renditions, sound, the MP4 without HLS, playlists, pictures. ' +
    'Quality is the SSIM (structural similarity, 1 is the same; all planes) of each rendition to the received video scaled to its size, mean of all pictures.',
  measure: async ({ resources, quick, say }) => {
    const seconds = clipSeconds(quick, fullSeconds);
    const shares: Measurement[] = [];
    const similarities: Measurement[] = [];
    const notes = [
      `The clips have ${seconds} s. Pictures take 0.3 to 0.6 MB whatever the length, and an encoder may spend two seconds’ worth of bits at the beginning: short clips fare worse.`,
    ];
    for (const { kind, name, stored, similar } of sources) {
      say(`stored-bytes, ${name}`);
      const dataDir = resources.folder('stored');
      const server = await startQuietly(resources, dataDir);
      const { ffmpeg } = server.tools;
      const clip = await phoneClip(resources, ffmpeg, kind, seconds);
      await untilReady(server, clip);
      await server.drained();
      const { playUrl, hlsUrl } = await newestVideo(server.url);
      await server.stop();
      const media = join(dataDir, 'media');
      const sourceBytes = statSync(clip).size;
      const kept = filesOf(media).filter(
        (path) => statSync(path).size !== sourceBytes || playUrl.endsWith(nameOf(path)),
      );
      const bytes = kept.reduce((sum, path) => sum + statSync(path).size, 0);
      const share: Measurement = {
        label: `Stored bytes to the source, ${name}`,
        unit: '',
        values: [bytes / sourceBytes],
      };
      shares.push(stored === undefined ? share : { ...share, goal: stored });
      const renditions = renditionsOf(join(media, pathOf(hlsUrl)));
      for (const rendition of renditions) {
        say(`stored-bytes, SSIM of ${rendition.shortSide}p`);
        const value = await similarity(resources, ffmpeg, rendition, clip);
        const one: Measurement = { label: `SSIM of ${rendition.shortSide}p, ${name}`, unit: '', values: [value] };
        const isLargest = rendition.shortSide === Math.max(...renditions.map(({ shortSide }) => shortSide));
        similarities.push(similar !== undefined && isLargest ? { ...one, goal: similar } : one);
      }
      const rates = renditions.map((one) => {
        const bitsPerSecond = (statSync(one.path).size * 8) / seconds;
        return `${one.shortSide}p ${numberText(bitsPerSecond / megabyte)}`;
      });
      notes.push(
        `${name}: ${numberText(sourceBytes / megabyte)} MB received, ${numberText(bytes / megabyte)} MB stored in ${kept.length} files; Mbit/s of the renditions: ${rates.join(', ')}.`,
      );
    }
    return { kind: 'measured', measurements: [...shares, ...similarities], notes };
  },
};

const filesOf = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

const nameOf = (path: string): string => path.slice(path.lastIndexOf('/'));

/** Where a media address points below the folder of media. */
const pathOf = (url: string): string => new URL(url).pathname.replace(/^\/media\//, '');
