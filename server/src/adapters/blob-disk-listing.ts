/** Walks the files below a folder in the order of their keys, with a bound on the names that are held. */
import { opendir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { BlobStoreUnavailableError, type ListedBlob } from '../ports/index.ts';
import { isBlobKey } from './blob-staging.ts';

/** Names of one folder that are held at once. A larger folder is read again for each that many. */
const pageNames = 1_000;

type Walk = {
  readonly root: string;
  /** Only what is behind this key. */
  readonly after: string;
  readonly pageNames: number;
};

/** Files below `root` whose keys begin with `folder/`; links are followed, as they are when a file is served. */
export async function* listFolder(
  root: string,
  folder: string,
  options: Partial<Omit<Walk, 'root'>> = {},
): AsyncGenerator<ListedBlob> {
  // A disk that is not there must not be taken for one without files.
  if ((await infoOf(root))?.isDirectory() !== true) throw new BlobStoreUnavailableError(`there is no folder ${root}`);
  yield* walk(`${folder}/`, { root, after: '', pageNames, ...options });
}

/** `prefix` ends with a slash; as every key has a most length, there is one to the depth. */
async function* walk(prefix: string, options: Walk): AsyncGenerator<ListedBlob> {
  const { root, after } = options;
  let last = '';
  for (;;) {
    // What is under a folder is behind `after` in part if `after` is itself under it.
    const isAhead = (name: string): boolean =>
      name > last && (`${prefix}${name}` > after || after.startsWith(`${prefix}${name}`));
    const page = await firstNames(join(root, prefix), options.pageNames, isAhead);
    for (const name of page) {
      const key = `${prefix}${name}`;
      if (name.endsWith('/')) yield* walk(key, options);
      else if (key > after) {
        const info = await infoOf(join(root, key));
        if (info?.isFile() === true) yield { key, sizeBytes: info.size, modifiedAtMs: changedAtMs(info) };
      }
    }
    if (page.length < options.pageNames) return;
    last = page.at(-1) ?? '';
  }
}

/** A file keeps the moment of its last byte when it gets its name; that it got it is a change as well. */
const changedAtMs = (info: { readonly mtimeMs: number; readonly ctimeMs: number }): number =>
  Math.max(info.mtimeMs, info.ctimeMs);

/** The first `count` entries of a folder that are `wanted`, in order; those of folders end with a slash, as their keys go on. */
async function firstNames(path: string, count: number, wanted: (name: string) => boolean): Promise<string[]> {
  const names: string[] = [];
  const cut = (): void => {
    names.sort(byBytes);
    names.length = Math.min(names.length, count);
  };
  const entries = await opendir(path).catch(ignoreMissing);
  if (entries === undefined) return names;
  for await (const entry of entries) {
    if (!isBlobKey(entry.name)) continue;
    const isFolder = entry.isSymbolicLink()
      ? (await infoOf(join(path, entry.name)))?.isDirectory() === true
      : entry.isDirectory();
    const name = isFolder ? `${entry.name}/` : entry.name;
    if (!wanted(name)) continue;
    names.push(name);
    if (names.length >= 2 * count) cut();
  }
  cut();
  return names;
}

/** Keys have ASCII characters alone: code units are bytes. */
const byBytes = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);

const infoOf = (path: string) => stat(path).catch(ignoreMissing);

/** Gone since it was read, or a link that leads nowhere. */
function ignoreMissing(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
    return undefined;
  throw error;
}
