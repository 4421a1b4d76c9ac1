import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { renditionsOf } from './renditions.ts';

const folder = mkdtempSync(join(tmpdir(), 'tiktok-server-renditions-'));
afterAll(() => rmSync(folder, { recursive: true }));

const stream = (size: string, name: string): string =>
  `#EXT-X-STREAM-INF:BANDWIDTH=1000,RESOLUTION=${size},FRAME-RATE=30.000\n${name}.m3u8\n`;

it('finds the renditions that a playlist names, smallest first', () => {
  const master = join(folder, 'master.m3u8');
  writeFileSync(master, `#EXTM3U\n${stream('540x960', 'v540')}${stream('360x640', 'v360')}`);
  for (const name of ['v360', 'v540']) {
    writeFileSync(join(folder, `${name}.m3u8`), `#EXTM3U\n#EXT-X-MAP:URI="${name}.mp4",BYTERANGE="800@0"\n`);
  }
  expect(renditionsOf(master)).toEqual([
    { path: join(folder, 'v360.mp4'), width: 360, height: 640, shortSide: 360 },
    { path: join(folder, 'v540.mp4'), width: 540, height: 960, shortSide: 540 },
  ]);
  writeFileSync(master, '#EXTM3U\n');
  expect(() => renditionsOf(master)).toThrow('no renditions');
});
