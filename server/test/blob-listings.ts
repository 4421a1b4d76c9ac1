/** What every blob store must do when it is listed: a part of its suite. */
import { writeFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import type { BlobStore, StagedBlob } from '../src/ports/blob-store.ts';
import { allOf } from './all-of.ts';

export function blobListings(store: () => BlobStore, malformedKeys: readonly string[]): void {
  const stage = (content: string): Promise<StagedBlob> => store().stage(Readable.from([content]), { maxBytes: 1_000 });
  const put = async (key: string): Promise<void> => (await stage(key)).promote(key);
  const keysIn = async (folder: string, after?: string): Promise<string[]> =>
    (await allOf(store().list(folder, after === undefined ? {} : { after }))).map(({ key }) => key);

  it('has the files of a folder in the order of their keys, with size and moment, and nothing else', async () => {
    const inside = ['videos/1/a', 'videos/1/b/c.ts', 'videos/1/b-1', 'videos/10/a', 'videos/1a', 'videos/2/b.mp4'];
    const began = Date.now();
    for (const key of [...inside, 'users/1/a', 'videos2/a']) await put(key);
    await stage('never promoted');
    await writeFile(store().scratchPath('mp4'), 'never adopted');
    const listed = await allOf(store().list('videos'));
    expect(listed.map(({ key }) => key)).toEqual([...inside].sort());
    expect(listed.map(({ sizeBytes }) => sizeBytes)).toEqual(listed.map(({ key }) => key.length));
    // Clocks of stores may tell seconds alone.
    for (const { modifiedAtMs } of listed) {
      expect(modifiedAtMs).toBeGreaterThan(began - 2_000);
      expect(modifiedAtMs).toBeLessThan(Date.now() + 2_000);
    }
    expect(await keysIn('videos/1')).toEqual(['videos/1/a', 'videos/1/b-1', 'videos/1/b/c.ts']);
    expect(await keysIn('videos/404')).toEqual([]);
    expect(await keysIn('videos/2/b.mp4')).toEqual([]);
    for (const folder of malformedKeys) await expect(async () => await keysIn(folder)).rejects.toThrow();
  });

  it('goes on behind any key, there or not', async () => {
    const keys = ['a/1/x', 'a/1/y/1', 'a/1/y/2', 'a/1/z', 'a/10/x', 'a/2/x', 'a/3'];
    for (const key of keys) await put(key);
    for (const after of [...keys, 'a/0', 'a/1', 'a/1/y', 'a/1/y/1x', 'a/4', 'b', '0']) {
      expect([after, await keysIn('a', after)]).toEqual([after, keys.toSorted().filter((key) => key > after)]);
    }
  });
}
