/** What every keeper of partial uploads must do. */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { PartialUploads } from './partial-uploads.ts';

export type PartialUploadsUnderTest = {
  readonly partials: PartialUploads;
  /** Another one over the same bytes, as in another process, or after a restart. */
  readonly another: () => Promise<PartialUploads>;
  /** A local path that nothing is at. */
  readonly path: () => string;
  /** Names of all that is kept, and of local files that are left. */
  readonly everything: () => Promise<readonly string[]>;
  readonly dispose: () => Promise<void>;
};

export function partialUploadsConformance(make: () => Promise<PartialUploadsUnderTest>): void {
  let under: PartialUploadsUnderTest;
  let partials: PartialUploads;
  let id: string;
  beforeEach(async () => {
    under = await make();
    ({ partials } = under);
    id = randomBytes(16).toString('hex');
  });
  afterEach(() => under.dispose());

  const content = async (sizeBytes: number, from = partials): Promise<Buffer> => {
    const path = under.path();
    await from.assemble(id, sizeBytes, path);
    return await readFile(path);
  };
  const broken = async function* (...chunks: Buffer[]): AsyncGenerator<Buffer> {
    yield* chunks;
    throw new Error('the connection was lost');
  };

  it('has nothing of an upload of which nothing has come', async () => {
    expect(await partials.offset(id)).toBe(0);
    await partials.remove(id);
    expect(await under.everything()).toEqual([]);
  });

  it('appends pieces of any size, in any of the processes, and gives the whole', async () => {
    const whole = randomBytes(300_000);
    const other = await under.another();
    const cuts = [0, 1, 100, 65_536, 65_537, 200_000, 300_000];
    for (const [index, start] of cuts.slice(0, -1).entries()) {
      const end = cuts[index + 1] ?? 0;
      const taker = index % 2 === 0 ? partials : other;
      expect(await taker.append(id, start, Readable.from([whole.subarray(start, end)]))).toBe(end);
      expect(await partials.offset(id)).toBe(end);
    }
    expect(await content(300_000, other)).toEqual(whole);
  });

  it('takes nothing for nothing', async () => {
    expect(await partials.append(id, 0, Readable.from([]))).toBe(0);
    expect(await partials.append(id, 0, Readable.from([Buffer.from('abc')]))).toBe(3);
    expect(await partials.append(id, 3, Readable.from([]))).toBe(3);
    expect((await content(3)).toString()).toBe('abc');
  });

  it('keeps what came before its source failed, also for another process', async () => {
    const append = partials.append(id, 0, Readable.from(broken(Buffer.from('abc'), Buffer.from('def'))));
    await expect(append).rejects.toThrow('the connection was lost');
    const other = await under.another();
    expect(await other.offset(id)).toBe(6);
    expect(await other.append(id, 6, Readable.from([Buffer.from('ghi')]))).toBe(9);
    expect((await content(9)).toString()).toBe('abcdefghi');
  });

  it('refuses to write anywhere but at the end', async () => {
    await partials.append(id, 0, Readable.from([Buffer.from('abc')]));
    for (const offset of [0, 2, 4])
      await expect(partials.append(id, offset, Readable.from([Buffer.from('x')]))).rejects.toThrow('3 bytes are there');
    await expect(partials.assemble(id, 4, under.path())).rejects.toThrow('3 bytes are there');
    expect((await content(3)).toString()).toBe('abc');
  });

  it('keeps uploads apart, and removes one with all of its pieces', async () => {
    const other = randomBytes(16).toString('hex');
    for (const one of [id, other]) {
      await partials.append(one, 0, Readable.from([Buffer.alloc(2_000_000, one.slice(0, 1))]));
      await partials.append(one, 2_000_000, Readable.from([Buffer.from(one)]));
    }
    await partials.remove(other);
    expect(await partials.offset(other)).toBe(0);
    expect((await content(2_000_032)).subarray(2_000_000).toString()).toBe(id);
    await partials.remove(id);
    expect(await under.everything()).toEqual([]);
  });

  it('takes nothing but the id of an upload', async () => {
    for (const bad of ['', '..', '../a', 'A'.repeat(32), `${'a'.repeat(31)}/`, 'a'.repeat(33)]) {
      const work = async (): Promise<unknown> => await partials.offset(bad);
      await expect(work()).rejects.toThrow('not the id');
    }
  });
}
