import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { type FragmentedFile, readFragments } from './index.ts';

const run = promisify(execFile);
const read = (file: Uint8Array, sizeBytes = file.length): Promise<FragmentedFile | undefined> =>
  readFragments(sizeBytes, async (offset, length) => file.subarray(offset, offset + length));

let pictures: Buffer;
let sound: Buffer;
beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tiktok-server-fragments-'));
  try {
    const [video, audio] = [join(folder, 'v.mp4'), join(folder, 'a.mp4')];
    const fragmented = ['-movflags', '+delay_moov+default_base_moof+skip_trailer', '-f', 'mp4', '-y'];
    await run('ffmpeg', [
      ...['-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=size=64x64:rate=10:duration=4.5'],
      ...['-f', 'lavfi', '-i', 'sine=sample_rate=48000:duration=4.5'],
      ...['-map', '0', '-c:v', 'libx264', '-pix_fmt', 'yuv420p', '-force_key_frames', 'expr:gte(t,2*n_forced-1)'],
      ...[...fragmented.with(1, `${fragmented[1]}+frag_keyframe`), video],
      ...['-map', '1', '-c:a', 'aac', '-frag_duration', '2000000', ...fragmented, audio],
    ]);
    [pictures, sound] = await Promise.all([readFile(video), readFile(audio)]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

describe('a file that ffmpeg made', () => {
  it('of pictures has a fragment for each key picture, and all bytes belong to one', async () => {
    const file = await read(pictures);
    if (file === undefined) throw new Error('it is not understood');
    expect(file.fragments.map(({ seconds }) => seconds)).toEqual([1, 2, 1.5]);
    expect(file.seconds).toBeCloseTo(4.5);
    expect(file.codec).toMatch(/^avc1\.64[0-9a-f]{4}$/);
    let offset = file.headerBytes;
    for (const fragment of file.fragments) {
      expect(fragment.offset).toBe(offset);
      expect(pictures.toString('latin1', offset + 4, offset + 8)).toBe('moof');
      offset += fragment.sizeBytes;
    }
    expect(offset).toBe(pictures.length);
  });

  it('of sound has fragments of two seconds', async () => {
    const file = await read(sound);
    expect(file?.codec).toBe('mp4a.40.2');
    expect(file?.fragments[0]?.seconds).toBeCloseTo(2, 1);
    expect(file?.seconds).toBeCloseTo(4.5, 1);
  });

  it('and was cut off is not one any more', async () => {
    expect(await read(pictures.subarray(0, -1))).toBeUndefined();
    expect(await read(pictures.subarray(0, 500))).toBeUndefined();
  });
});

it.each([
  ['nothing', Buffer.alloc(0)],
  ['an ordinary MP4', readFile(new URL('../../../conformance/bear.mp4', import.meta.url))],
  ['text', Buffer.from('#EXTM3U and so on, which is longer than a header')],
])('%s is not one', async (_what, file) => {
  expect(await read(await file)).toBeUndefined();
});

it('whatever is changed in a file, it is read without throwing, and says nothing that is not finite', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: 2_000 }), fc.uint8Array({ minLength: 1, maxLength: 8 }), async (at, bytes) => {
      const changed = Buffer.from(pictures);
      changed.set(bytes, Math.min(at, changed.length - bytes.length));
      const file = await read(changed);
      if (file === undefined) return;
      expect(Number.isFinite(file.seconds)).toBe(true);
      for (const { sizeBytes, offset } of file.fragments)
        expect(offset + sizeBytes).toBeLessThanOrEqual(changed.length);
    }),
  );
});
