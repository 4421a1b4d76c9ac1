import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { allOf } from '../../test/all-of.ts';
import { temporaryFolder } from '../../test/server.ts';
import { blobStoreConformance } from '../ports/blob-store.conformance.ts';
import { type BlobStore, BlobStoreFullError, BlobStoreUnavailableError } from '../ports/blob-store.ts';
import { createDiskBlobStore } from './blob-disk.ts';
import { listFolder } from './blob-disk-listing.ts';

/** Every file and folder below `root`, but the folder of staged files, which is always there. */
const everythingIn = (root: string): string[] =>
  readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
    (name) => !/^\.staged(?:\/[0-9a-f]{12})?$/.test(name),
  );

describe('as a blob store', () => {
  blobStoreConformance(async () => {
    const folder = temporaryFolder();
    const root = join(folder.path, 'media');
    const open = () => createDiskBlobStore({ root });
    return {
      store: await open(),
      restart: open,
      everything: async () => everythingIn(root),
      dispose: async () => folder.remove(),
    };
  });
});

let folder: ReturnType<typeof temporaryFolder>;
let root: string;
let store: BlobStore;
beforeEach(async () => {
  folder = temporaryFolder();
  root = join(folder.path, 'media');
  store = await createDiskBlobStore({ root });
});
afterEach(() => folder.remove());

const stage = (content: string | Buffer) => store.stage(Readable.from([content]), { maxBytes: 64 * 1024 * 1024 });
const put = async (key: string): Promise<void> => (await stage(key)).promote(key);
const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

it('makes files and folders that others on the computer cannot read', async () => {
  await put('videos/1/a.mp4');
  const path = store.scratchPath('mp4');
  writeFileSync(path, 'made by a tool');
  chmodSync(path, 0o666);
  await (await store.adopt(path)).promote('videos/1/b.mp4');
  for (const file of ['a.mp4', 'b.mp4']) expect(modeOf(join(root, 'videos/1', file))).toBe('640');
  for (const below of ['', '.staged', 'videos', 'videos/1']) expect(modeOf(join(root, below))).toBe('750');
});

it('locates a file below its root', async () => {
  await put('videos/1/a.mp4');
  const location = await store.locate('videos/1/a.mp4');
  expect(location).toEqual({ kind: 'file', path: join(root, 'videos/1/a.mp4'), root });
});

it('removes the folders that become empty, up to its root and no further', async () => {
  await put('videos/1/a.mp4');
  await put('videos/1/b.mp4');
  await store.delete(['videos/1/a.mp4']);
  expect(everythingIn(root).toSorted()).toEqual(['videos', 'videos/1', 'videos/1/b.mp4']);
  await store.delete(['videos/1/b.mp4']);
  expect(readdirSync(root)).toEqual(['.staged']);
});

it('keeps staged files where no key reaches them', async () => {
  const staged = await stage('secret');
  const name = relative(root, staged.path);
  expect(name.startsWith('.staged/')).toBe(true);
  expect(await store.locate(name)).toBeUndefined();
});

it('leaves a tool that outlived its server no place to write to', async () => {
  const path = store.scratchPath('mp4');
  const next = await createDiskBlobStore({ root });
  await next.sweepStaged();
  await expect(fs.writeFile(path, 'late')).rejects.toThrow('ENOENT');
  const own = next.scratchPath('mp4');
  await fs.writeFile(own, 'in time');
  expect(statSync(own).size).toBe(7);
});

it('does not follow its way out through a folder that is a file, and takes a link for what it names', async () => {
  await put('a/b');
  await expect((await stage('x')).promote('a/b/c')).rejects.toThrow();
  mkdirSync(join(root, 'c'));
  symlinkSync(join(folder.path, 'nowhere'), join(root, 'c/d'));
  expect(await store.locate('c/d')).toBeUndefined();
});

it('cannot be pinged once its folder is gone', async () => {
  folder.remove();
  await expect(store.ping()).rejects.toThrow();
});

it('lists a folder of more names than it holds, and what a link leads to, but not what hides', async () => {
  const keys = Array.from({ length: 23 }, (_, index) => `videos/${index}/${index}.mp4`);
  for (const key of [...keys, 'elsewhere/x.mp4']) await put(key);
  symlinkSync(join(root, 'elsewhere'), join(root, 'videos/99'));
  symlinkSync(join(root, 'nowhere'), join(root, 'videos/98'));
  for (const hidden of ['.staged', '.partial', 'Thumbs.db']) writeFileSync(join(root, 'videos', hidden), 'x');
  for (const pageNames of [1, 2, 5, 1_000]) {
    const listed = await allOf(listFolder(root, 'videos', { pageNames }));
    expect(listed.map(({ key }) => key)).toEqual([...keys, 'videos/99/x.mp4'].sort());
  }
});

it('does not take a folder that is gone for one without files', async () => {
  folder.remove();
  await expect(allOf(store.list('videos'))).rejects.toBeInstanceOf(BlobStoreUnavailableError);
});

type FsCall = { readonly what: 'write' | 'sync' | 'rename' | 'mkdir'; readonly path: string };

/** Watches what is asked of the file system; everything is done for real. `fail` makes one kind of call fail instead. */
async function watchingFiles(work: () => Promise<void>, fail?: { what: FsCall['what']; code: string }) {
  const calls: FsCall[] = [];
  const note = (what: FsCall['what'], path: string): void => {
    calls.push({ what, path });
    if (fail?.what === what) throw Object.assign(new Error(`${fail.code}: injected`), { code: fail.code });
  };
  const probe = await fs.open(folder.path);
  const handles: object = Object.getPrototypeOf(probe);
  await probe.close();
  const paths = new WeakMap<object, string>();
  const restores: (() => void)[] = [];
  const wrap = (
    target: object,
    name: string,
    around: (self: object, args: unknown[], real: () => unknown) => unknown,
  ) => {
    const real: unknown = Reflect.get(target, name);
    if (typeof real !== 'function') throw new Error(`there is no ${name}`);
    Reflect.set(target, name, function wrapped(this: object, ...args: unknown[]) {
      return around(this, args, () => Reflect.apply(real, this, args));
    });
    restores.push(() => Reflect.set(target, name, real));
  };
  wrap(fs, 'open', async (_self, [path], real) => {
    const handle = await real();
    if (typeof handle === 'object' && handle !== null) paths.set(handle, String(path));
    return handle;
  });
  for (const [name, what] of [
    ['write', 'write'],
    ['sync', 'sync'],
    ['datasync', 'sync'],
  ] as const) {
    wrap(handles, name, async (self, _args, real) => {
      note(what, paths.get(self) ?? '');
      return await real();
    });
  }
  for (const what of ['rename', 'mkdir'] as const) {
    wrap(fs, what, async (_self, args, real) => {
      note(what, String(args[what === 'rename' ? 1 : 0]));
      return await real();
    });
  }
  syncBuiltinESMExports();
  try {
    await work();
  } finally {
    for (const restore of restores) restore();
    syncBuiltinESMExports();
  }
  return calls;
}

describe('on the way to the disk', () => {
  const file = 'videos/1/a.mp4';

  // What a power loss leaves cannot be had in a test; that every step is asked for, and in which order, can.
  it('syncs the content before the file gets its name, and every folder that has a new entry', async () => {
    const calls = await watchingFiles(() => put(file));
    const target = join(root, file);
    const at = (what: FsCall['what'], path: (path: string) => boolean): number =>
      calls.findIndex((call) => call.what === what && path(call.path));
    const isStaged = (path: string): boolean => path.includes('.staged');
    const [lastWrite, synced, renamed] = [
      calls.findLastIndex((call) => call.what === 'write' && isStaged(call.path)),
      at('sync', isStaged),
      at('rename', (path) => path === target),
    ];
    expect(lastWrite).toBeGreaterThanOrEqual(0);
    expect(synced).toBeGreaterThan(lastWrite);
    expect(renamed).toBeGreaterThan(synced);
    const syncedFrom = (from: number): string[] =>
      calls.slice(from).flatMap((call) => (call.what === 'sync' && !isStaged(call.path) ? [call.path] : []));
    expect(syncedFrom(renamed)).toEqual([dirname(target)]);
    expect(new Set(syncedFrom(0))).toEqual(new Set([root, join(root, 'videos'), join(root, 'videos/1')]));
  });

  it('sends a large file to the disk while it comes in', async () => {
    const calls = await watchingFiles(async () => {
      const chunk = Buffer.alloc(1024 * 1024);
      const source = Readable.from(Array.from({ length: 40 }, () => chunk));
      await (await store.stage(source, { maxBytes: 64 * chunk.length })).discard();
    });
    expect(calls.filter((call) => call.what === 'sync').length).toBe(3);
  });

  it('calls a file system without room full, and leaves nothing', async () => {
    for (const code of ['ENOSPC', 'EDQUOT', 'EFBIG']) {
      for (const what of ['write', 'sync'] as const) {
        const staging = watchingFiles(() => put(file), { what, code });
        await expect(staging).rejects.toBeInstanceOf(BlobStoreFullError);
      }
      for (const what of ['mkdir', 'rename'] as const) {
        const staged = await stage('content');
        const promoting = watchingFiles(() => staged.promote(file), { what, code });
        await expect(promoting).rejects.toBeInstanceOf(BlobStoreFullError);
        await staged.discard();
        await store.delete([file]);
      }
    }
    await expect(watchingFiles(() => put(file), { what: 'write', code: 'EIO' })).rejects.toThrow('EIO');
    expect(everythingIn(root)).toEqual([]);
  });

  /** A limit of the operating system on the size of files: the one way to be refused room that needs no rights. */
  it('calls a real refusal of room full, and leaves nothing', async () => {
    const program = `
      import { Readable } from 'node:stream';
      import { createDiskBlobStore } from ${JSON.stringify(new URL('./blob-disk.ts', import.meta.url).href)};
      const store = await createDiskBlobStore({ root: ${JSON.stringify(root)} });
      const source = Readable.from(Array.from({ length: 32 }, () => Buffer.alloc(64 * 1024)));
      try {
        await store.stage(source, { maxBytes: 1e9 });
        console.log('stored');
      } catch (error) {
        console.log(error.name, error.cause?.code);
      }`;
    const limited = 'ulimit -f 512 && exec "$0" --input-type=module -e "$1"';
    const { stdout } = await promisify(execFile)('sh', ['-c', limited, process.execPath, program], { timeout: 20_000 });
    expect(stdout.trim()).toBe('BlobStoreFullError EFBIG');
    expect(everythingIn(root)).toEqual([]);
  });
});
