/** What every blob store must do. `read` gets a file the way a client does, so that an address to be sent to is followed. */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { blobListings } from '../../test/blob-listings.ts';
import { BlobMissingError, type BlobStore, BlobTooLargeError, type StagedBlob } from './blob-store.ts';

export type BlobStoreUnderTest = {
  /** An empty one. */
  readonly store: BlobStore;
  /** Another one over the same files, as after a restart; the first one is not used any more then. */
  readonly restart: () => Promise<BlobStore>;
  /** Names of all that lies in the store, staged and scratch files included. */
  readonly everything: () => Promise<readonly string[]>;
  readonly dispose: () => Promise<void>;
};

const maxBytes = 8 * 1024 * 1024;
const malformedKeys = [
  '',
  '/',
  '.',
  '..',
  '../a',
  'a/../b',
  'a/..',
  '/a',
  'a/',
  'a//b',
  'a/./b',
  '.a',
  'a/.b',
  'A',
  'a b',
];
const hostileKeys = [
  ...malformedKeys,
  'a\0b',
  'a\\b',
  'ä',
  '%2e%2e/a',
  'a\n',
  `${'a'.repeat(300)}`,
  '.staged/a',
  'a?b',
];

export function blobStoreConformance(make: () => Promise<BlobStoreUnderTest>): void {
  let under: BlobStoreUnderTest;
  let store: BlobStore;
  beforeEach(async () => {
    under = await make();
    ({ store } = under);
  });
  afterEach(() => under.dispose());

  const stage = (content: Buffer | string): Promise<StagedBlob> => store.stage(Readable.from([content]), { maxBytes });
  const put = async (key: string, content: Buffer | string = key): Promise<void> => (await stage(content)).promote(key);
  const read = async (key: string): Promise<Buffer | undefined> => {
    const location = await store.locate(key);
    if (location === undefined) return undefined;
    if (location.kind === 'file') return await readFile(location.path);
    const response = await fetch(location.url);
    return response.ok ? Buffer.from(await response.arrayBuffer()) : undefined;
  };
  const text = async (key: string): Promise<string | undefined> => (await read(key))?.toString();

  describe('staging', () => {
    it('hashes and measures what it is given, in chunks of any kind', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }), async (chunks) => {
          const content = Buffer.concat(chunks);
          const staged = await store.stage(Readable.from(chunks.map((chunk) => Buffer.from(chunk))), { maxBytes });
          expect(staged.sizeBytes).toBe(content.length);
          expect(staged.sha256).toBe(createHash('sha256').update(content).digest('hex'));
          expect((await readFile(staged.path)).equals(content)).toBe(true);
          await staged.discard();
        }),
        { numRuns: 15 },
      );
      expect(await under.everything()).toEqual([]);
    });

    it('takes exactly as much as is allowed, and leaves nothing of what is larger', async () => {
      const source = (bytes: number): Readable => Readable.from(Array.from({ length: bytes }, () => Buffer.from('x')));
      await (await store.stage(source(100), { maxBytes: 100 })).discard();
      await expect(store.stage(source(101), { maxBytes: 100 })).rejects.toBeInstanceOf(BlobTooLargeError);
      expect(await under.everything()).toEqual([]);
    });

    it('stops reading a source that is too large', async () => {
      let asked = 0;
      const endless = Readable.from(
        (function* () {
          for (;;) {
            asked += 1;
            yield Buffer.alloc(1_000);
          }
        })(),
        { highWaterMark: 1 },
      );
      await expect(store.stage(endless, { maxBytes: 10_000 })).rejects.toBeInstanceOf(BlobTooLargeError);
      expect(asked).toBeLessThan(100);
      expect(endless.destroyed).toBe(true);
    });

    it('rejects with the error of its source, and leaves nothing', async () => {
      const broken = new Error('the client went away');
      const source = Readable.from(
        (function* () {
          yield Buffer.alloc(100_000);
          throw broken;
        })(),
      );
      await expect(store.stage(source, { maxBytes })).rejects.toBe(broken);
      expect(await under.everything()).toEqual([]);
    });

    it('is not seen under any key until it is promoted', async () => {
      const staged = await stage('content');
      expect(await read('videos/1/a.mp4')).toBeUndefined();
      await staged.promote('videos/1/a.mp4');
      expect(await text('videos/1/a.mp4')).toBe('content');
    });

    it('keeps the promoted file when told to discard, and nothing of what is discarded before', async () => {
      const kept = await stage('kept');
      await kept.promote('a/kept');
      await kept.discard();
      await kept.discard();
      expect(await text('a/kept')).toBe('kept');
      const gone = await stage('gone');
      await gone.discard();
      await gone.discard();
      await expect(gone.promote('a/gone')).rejects.toThrow();
      expect(await read('a/gone')).toBeUndefined();
      await store.delete(['a/kept']);
      expect(await under.everything()).toEqual([]);
    });

    it('keeps the content when a promotion was refused, so that it can be discarded', async () => {
      const staged = await stage('content');
      await expect(staged.promote('../outside')).rejects.toThrow();
      await staged.discard();
      expect(await under.everything()).toEqual([]);
    });

    it('stages the same content twice without one minding the other', async () => {
      const [one, other] = await Promise.all([stage('same'), stage('same')]);
      await one.discard();
      await other.promote('a/b');
      expect(await text('a/b')).toBe('same');
    });
  });

  describe('scratch files', () => {
    it('gives paths that nobody has, and adopts what a tool writes there', async () => {
      const path = store.scratchPath('mp4');
      expect(path).not.toBe(store.scratchPath('mp4'));
      expect(path.endsWith('.mp4')).toBe(true);
      expect(existsSync(path)).toBe(false);
      const content = randomBytes(300_000);
      await writeFile(path, content);
      const staged = await store.adopt(path);
      expect(staged.sizeBytes).toBe(content.length);
      expect(staged.sha256).toBe(createHash('sha256').update(content).digest('hex'));
      await staged.promote('videos/1/b.mp4');
      expect((await read('videos/1/b.mp4'))?.equals(content)).toBe(true);
      await store.delete(['videos/1/b.mp4']);
      expect(await under.everything()).toEqual([]);
    });

    it('discards what was adopted, and what a tool left or never wrote', async () => {
      const [adopted, left, never] = [1, 2, 3].map(() => store.scratchPath('mp4'));
      if (adopted === undefined || left === undefined || never === undefined) throw new Error('three paths');
      await writeFile(adopted, 'adopted');
      await (await store.adopt(adopted)).discard();
      await writeFile(left, 'left');
      await store.discardScratch(left);
      await store.discardScratch(never);
      await expect(store.adopt(never)).rejects.toThrow();
      expect(await under.everything()).toEqual([]);
    });
  });

  describe('keys', () => {
    it('takes the keys that the port describes', async () => {
      const keys = ['a', '0', 'a.b', 'videos/1/0af.mp4', 'a-b/c_d/e.f.g', `b/${'c'.repeat(100)}`];
      for (const key of keys) await put(key);
      for (const key of keys) expect(await text(key)).toBe(key);
    });

    it('neither finds nor writes anything under a key that is none', async () => {
      for (const key of hostileKeys) {
        expect(await store.locate(key)).toBeUndefined();
        await expect(store.withLocalFile(key, async () => undefined)).rejects.toThrow();
        const staged = await stage('content');
        await expect(staged.promote(key)).rejects.toThrow();
        await staged.discard();
      }
      expect(await under.everything()).toEqual([]);
    });

    it('does not take a folder for a file', async () => {
      await put('a/b/c');
      for (const key of ['a', 'a/b', 'a/b/c/d']) expect(await read(key)).toBeUndefined();
    });
  });

  describe('listing', () => blobListings(() => store, malformedKeys));

  describe('files', () => {
    it('lends a local file with the content, and passes on what is made of it', async () => {
      await put('videos/1/a.mp4', 'content');
      const use = async (path: string) => (await readFile(path, 'utf8')).length;
      expect(await store.withLocalFile('videos/1/a.mp4', use)).toBe(7);
      const failed = new Error('the tool failed');
      await expect(store.withLocalFile('videos/1/a.mp4', () => Promise.reject(failed))).rejects.toBe(failed);
      expect(await text('videos/1/a.mp4')).toBe('content');
    });

    it('gives the content of what is small, and no more of what is larger than was said', async () => {
      await put('videos/1/a.m3u8', 'content');
      expect((await store.read('videos/1/a.m3u8', { maxBytes: 7 }))?.toString()).toBe('content');
      await expect(store.read('videos/1/a.m3u8', { maxBytes: 6 })).rejects.toBeInstanceOf(BlobTooLargeError);
      await put('videos/1/empty', '');
      expect(await store.read('videos/1/empty', { maxBytes: 0 })).toEqual(Buffer.alloc(0));
      for (const key of ['videos/1/none', 'videos/1', ...malformedKeys]) {
        expect(await store.read(key, { maxBytes: 100 })).toBeUndefined();
      }
    });

    it('says that a file is missing', async () => {
      expect(await store.locate('videos/1/a.mp4')).toBeUndefined();
      const use = store.withLocalFile('videos/1/a.mp4', async () => undefined);
      await expect(use).rejects.toBeInstanceOf(BlobMissingError);
    });

    it('deletes what it is told to and nothing else', async () => {
      for (const key of ['a/1', 'a/2', 'a/3', 'b/1']) await put(key);
      await store.delete(['a/1', 'a/none', 'none/none', 'b/1']);
      await store.delete([]);
      expect(await Promise.all(['a/1', 'a/2', 'a/3', 'b/1'].map(text))).toEqual([undefined, 'a/2', 'a/3', undefined]);
      await store.delete(['a/2', 'a/3']);
      expect(await under.everything()).toEqual([]);
    });

    it('deletes a folder with all that is in it, and not what only begins alike', async () => {
      const [inside, outside] = [
        ['videos/1/a', 'videos/1/b.mp4', 'videos/1/hls/0/c.ts'],
        ['videos/10/a', 'videos/1a', 'videos/2/a', 'users/1/a'],
      ];
      for (const key of [...inside, ...outside]) await put(key);
      await store.deleteFolder('videos/1');
      await store.deleteFolder('videos/1');
      await store.deleteFolder('videos/404');
      expect(await Promise.all(inside.map(text))).toEqual(inside.map(() => undefined));
      expect(await Promise.all(outside.map(text))).toEqual(outside);
      for (const folder of ['', '..', '.', '/']) await expect(store.deleteFolder(folder)).rejects.toThrow();
      expect(await Promise.all(outside.map(text))).toEqual(outside);
    });

    it('keeps files over a restart', async () => {
      await put('a/b', 'content');
      store = await under.restart();
      expect(await text('a/b')).toBe('content');
    });

    it('sweeps what a process before left staged, and keeps the files', async () => {
      await put('a/b', 'content');
      await stage('never promoted');
      await writeFile(store.scratchPath('mp4'), 'never adopted');
      store = await under.restart();
      expect(await store.sweepStaged()).toBeGreaterThanOrEqual(1);
      expect(await store.sweepStaged()).toBe(0);
      expect(await text('a/b')).toBe('content');
      await store.delete(['a/b']);
      expect(await under.everything()).toEqual([]);
    });

    it('answers a ping and leaves nothing by it', async () => {
      await store.ping();
      expect(await under.everything()).toEqual([]);
    });
  });
}
