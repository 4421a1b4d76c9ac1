/** The renditions of a finished video, as its HLS playlists name them, and how close they are to what was received. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { runTool } from './plain-tools.ts';
import type { Resources } from './resources.ts';

export type StoredRendition = {
  readonly path: string;
  readonly width: number;
  readonly height: number;
  readonly shortSide: number;
};

/** Smallest first. */
export function renditionsOf(masterPath: string): StoredRendition[] {
  const folder = dirname(masterPath);
  const entries = readFileSync(masterPath, 'utf8').matchAll(/#EXT-X-STREAM-INF:.*RESOLUTION=(\d+)x(\d+).*\n(\S+)/g);
  const found = [...entries].map(([, width, height, playlist = '']) => {
    const file = /#EXT-X-MAP:URI="([^"]+)"/.exec(readFileSync(join(folder, playlist), 'utf8'))?.[1];
    if (file === undefined) throw new Error(`${playlist} names no file`);
    return {
      path: join(folder, file),
      width: Number(width),
      height: Number(height),
      shortSide: Math.min(Number(width), Number(height)),
    };
  });
  if (found.length === 0) throw new Error('the playlist has no renditions');
  return found.toSorted((a, b) => a.shortSide - b.shortSide);
}

/** SSIM of a rendition to the source, which is scaled to its size: the mean of all pictures and planes. */
export async function similarity(
  resources: Resources,
  ffmpeg: string,
  { path, width, height }: StoredRendition,
  source: string,
): Promise<number> {
  const graph =
    `[0:v]setpts=PTS-STARTPTS[rendition];` +
    `[1:v]scale=${width}:${height}:flags=bicubic,format=yuv420p,setpts=PTS-STARTPTS[source];[rendition][source]ssim`;
  const told = await runTool(resources, ffmpeg, [
    ...['-hide_banner', '-nostdin', '-i', path, '-i', source, '-filter_complex', graph, '-an', '-f', 'null', '-'],
  ]);
  const value = Number(/SSIM .*All:([\d.]+)/.exec(told)?.[1]);
  if (!Number.isFinite(value)) throw new Error(`ffmpeg told no SSIM: ${told.slice(-300)}`);
  return value;
}
