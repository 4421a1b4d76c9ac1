/** What every transcoder must do with the tools it runs. The inputs are ffmpeg's own generators. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../test/server.ts';
import type { ToolLimits, Transcoder } from './transcoder.ts';

const generous: ToolLimits = { timeoutMs: 20_000, maxOutputBytes: 16 * 1024 * 1024 };
/** Runs until it is stopped, at the speed of a clock. */
const endless = [
  '-v',
  'error',
  '-nostdin',
  '-re',
  '-f',
  'lavfi',
  '-i',
  'testsrc2=size=64x64:rate=5',
  '-f',
  'null',
  '-',
];
/** A finite picture stream of 64 × 64 × 3 bytes a frame. */
const frames = (count: number): string[] =>
  `-v error -nostdin -f lavfi -i testsrc2=size=64x64:rate=25 -frames:v ${count} -f rawvideo -pix_fmt rgb24 pipe:1`.split(
    ' ',
  );
const frameBytes = 64 * 64 * 3;

export function transcoderConformance(make: () => Promise<Transcoder>): void {
  let transcoder: Transcoder;
  beforeAll(async () => {
    transcoder = await make();
  });
  afterAll(() => transcoder.close());

  it('says which programs it runs', async () => {
    const { ffmpeg, ffprobe, version, source } = transcoder.info;
    expect(existsSync(ffmpeg) && existsSync(ffprobe)).toBe(true);
    expect(version).toMatch(/^\S+$/);
    expect(['configured', 'system', 'bundled']).toContain(source);
    for (const tool of ['ffmpeg', 'ffprobe'] as const) {
      const result = await transcoder.run(tool, ['-version'], generous);
      expect(result.stdout.toString()).toContain(`${tool} version`);
    }
  });

  it('says what this ffmpeg has, and asks it once', async () => {
    const [one, other] = await Promise.all([transcoder.capabilities(), transcoder.capabilities()]);
    expect(one).toBe(other);
    expect(await transcoder.capabilities()).toBe(one);
    for (const name of ['scale', 'fps', 'ebur128']) expect(one.filters).toContain(name);
    for (const name of ['libx264', 'aac', 'mjpeg']) expect(one.encoders).toContain(name);
    expect([...one.filters, ...one.encoders].every((name) => /^\w+$/.test(name))).toBe(true);
  });

  it('returns all of the standard output, byte for byte', async () => {
    const [one, other] = await Promise.all([1, 2].map(() => transcoder.run('ffmpeg', frames(50), generous)));
    expect(one).toMatchObject({ end: 'exit', exitCode: 0 });
    expect(one?.stdout.length).toBe(50 * frameBytes);
    expect(other?.stdout.equals(one?.stdout ?? Buffer.alloc(0))).toBe(true);
  });

  it('does not reject for what the tool makes of its input, and keeps the end of what it complained of', async () => {
    const result = await transcoder.run('ffprobe', ['-v', 'error', 'file:/does/not/exist'], generous);
    expect(result.end).toBe('exit');
    expect(result.exitCode).toBeGreaterThan(0);
    expect(result.stderrTail).toContain('/does/not/exist');
    const wordy = await transcoder.run('ffmpeg', ['-h', 'full'], generous);
    expect(wordy.stdout.length).toBeGreaterThan(4 * 1024);
    const noisy = `-v debug -nostdin -f lavfi -i testsrc2=size=64x64:rate=25 -frames:v 100 -f null -`.split(' ');
    const { stderrTail } = await transcoder.run('ffmpeg', noisy, generous);
    expect(stderrTail.length).toBeGreaterThan(1_000);
    expect(Buffer.byteLength(stderrTail)).toBeLessThanOrEqual(4 * 1024);
  });

  it('passes arguments on as they are: no shell sees them', async () => {
    const name = 'file:/tmp/$(touch x);`y` "z" \'q\' *';
    const { stderrTail } = await transcoder.run('ffprobe', ['-v', 'error', name], generous);
    expect(stderrTail).toContain(name.slice('file:'.length));
  });

  it('gives the tool no input to wait for', async () => {
    const result = await transcoder.run(
      'ffmpeg',
      ['-v', 'error', '-f', 'rawvideo', '-s', '2x2', '-i', '-', '-f', 'null', '-'],
      generous,
    );
    expect(result.end).toBe('exit');
  });

  it('hands over the lines of its progress', async () => {
    const lines: string[] = [];
    const args =
      `-v error -nostdin -f lavfi -i testsrc2=size=64x64:rate=25 -frames:v 10 -progress pipe:1 -f null -`.split(' ');
    const result = await transcoder.run('ffmpeg', args, { ...generous, onLine: (line) => lines.push(line) });
    expect(result.exitCode).toBe(0);
    expect(lines).toContain('progress=end');
    expect(lines.some((line) => line.includes('\n'))).toBe(false);
  });

  describe('limits', () => {
    it('kills what takes too long', async () => {
      const result = await transcoder.run('ffmpeg', endless, { ...generous, timeoutMs: 300 });
      expect(result).toMatchObject({ end: 'timeout', exitCode: null });
    });

    it('kills what writes too much, and takes what is just allowed', async () => {
      const allowed = await transcoder.run('ffmpeg', frames(2), { ...generous, maxOutputBytes: 2 * frameBytes });
      expect(allowed).toMatchObject({ end: 'exit', exitCode: 0 });
      const killed = await transcoder.run('ffmpeg', frames(100_000_000), { ...generous, maxOutputBytes: 100_000 });
      expect(killed).toMatchObject({ end: 'output-limit', exitCode: null });
      expect(killed.stdout.length).toBeLessThanOrEqual(100_000);
    });

    it('kills what is aborted, before or while it runs, and forgets the signal after', async () => {
      const gone = await transcoder.run('ffmpeg', endless, { ...generous, signal: AbortSignal.abort() });
      expect(gone).toMatchObject({ end: 'aborted', exitCode: null });
      const controller = new AbortController();
      const args = [...endless.slice(0, -3), '-progress', 'pipe:1', '-f', 'null', '-'];
      const running = transcoder.run('ffmpeg', args, {
        ...generous,
        signal: controller.signal,
        onLine: () => controller.abort(),
      });
      expect(await running).toMatchObject({ end: 'aborted', exitCode: null });
      const done = new AbortController();
      const result = await transcoder.run('ffmpeg', frames(1), { ...generous, signal: done.signal });
      done.abort();
      expect(result).toMatchObject({ end: 'exit', exitCode: 0 });
    });

    it('bounds each file that is written, where the system can', async () => {
      const folder = temporaryFolder();
      const path = join(folder.path, 'frames.raw');
      const args = [...frames(100).slice(0, -1), '-y', `file:${path}`];
      const maxFileBytes = 10 * frameBytes;
      const result = await transcoder.run('ffmpeg', args, { ...generous, maxFileBytes });
      const bounded = transcoder.info.guards.includes('resource-limits');
      expect(result).toMatchObject(bounded ? { end: 'file-limit', exitCode: null } : { end: 'exit', exitCode: 0 });
      expect(statSync(path).size).toBe(bounded ? maxFileBytes : 100 * frameBytes);
      const allowed = await transcoder.run('ffmpeg', args, { ...generous, maxFileBytes: 100 * frameBytes });
      expect(allowed).toMatchObject({ end: 'exit', exitCode: 0 });
      folder.remove();
    });

    it('bounds memory, where the system can, and tells that it was memory', async () => {
      const bounded = transcoder.info.guards.includes('resource-limits');
      // One frame has 675 MB.
      const large =
        '-v error -nostdin -f lavfi -i testsrc2=size=64x64 -vf scale=15000:15000,format=rgb24 -frames:v 1 -f null -';
      const limits = { ...generous, maxMemoryBytes: 450 * 1024 ** 2 };
      const result = await transcoder.run('ffmpeg', large.split(' '), limits);
      expect(result.end).toBe(bounded ? 'memory' : 'exit');
      const unlimited = await transcoder.run('ffmpeg', frames(1), { ...generous, maxMemoryBytes: 'unlimited' });
      expect(unlimited).toMatchObject({ end: 'exit', exitCode: 0 });
    });

    it('works in the background as well', async () => {
      const result = await transcoder.run('ffmpeg', frames(1), { ...generous, background: true });
      expect(result).toMatchObject({ end: 'exit', exitCode: 0 });
    });
  });

  it('leaves nothing running at its end', async () => {
    const another = await make();
    let ended = 0;
    const runs = [1, 2, 3].map(async () => {
      await another.run('ffmpeg', endless, generous);
      ended += 1;
    });
    await another.close();
    await Promise.all(runs);
    expect(ended).toBe(3);
    await another.close();
  });
}
