/**
 * Files that are being sent, or were a moment ago, stay open: an HLS player asks for the same file again and again, piece by
 * piece. A file that was deleted meanwhile is not found here: the system says of an open file whether it still has a name.
 */
import { close, fstat, fstatSync, open, read, readSync, type Stats } from 'node:fs';
import { promisify } from 'node:util';
import type { FileFacts } from './file-conditions.ts';

const [openFile, statFile, readFile] = [promisify(open), promisify(fstat), promisify(read)];

/** Beside those that somebody is being sent. */
const maxOpenFiles = 128;
/** A file that nobody asked for in this time is closed. */
const idleFileMs = 10_000;
const closeIdleEveryMs = 2_000;
/** What is remembered of a file is remembered of so many bytes at once. */
const blockBytes = 64 * 1024;
/** What was read so recently lies in the system's cache: it is read at once, without a thread and the two changes to it. */
const warmMs = 10_000;
/** It did not lie there after all, and this thread waited for the disk, if the process has read from one at all. */
const slowReadMs = 5;
/** After that everything is read by threads for so long: waiting for the disk takes a percent of the time at most. */
const distrustMs = 2_000;

export type OpenFile = FileFacts & {
  /** Reads `buffer.length` bytes from `position`; rejects if the file ends before. */
  read(buffer: Buffer, position: number): Promise<void> | undefined;
  /** Call once. */
  release(): void;
};

export type OpenFiles = {
  /** The file of `key` if it is open, and still there. */
  find(key: string): OpenFile | undefined;
  /** Opens the file of `key`, which lies at `path`; `undefined` if there is none. */
  open(key: string, path: string): Promise<OpenFile | undefined>;
  close(): void;
};

type Entry = {
  readonly descriptor: number;
  readonly sizeBytes: number;
  /** When each block was read last. */
  readonly readMs: Float64Array;
  users: number;
  usedMs: number;
  /** Whether it may stay open when its last user is gone. */
  kept: boolean;
};

export function createOpenFiles(): OpenFiles {
  /** The one that was used longest ago comes first. */
  const entries = new Map<string, Entry>();
  let distrustUntilMs = 0;
  let diskReads = 0;

  /** Since it was asked last: if not, others had the processor meanwhile. */
  const hasReadFromDisk = (): boolean => {
    const { fsRead } = process.resourceUsage();
    const hasRead = fsRead !== diskReads;
    diskReads = fsRead;
    return hasRead;
  };

  const closeUnused = (entry: Entry): void => {
    if (!entry.kept && entry.users === 0) close(entry.descriptor, () => undefined);
  };
  const drop = (key: string, entry: Entry): void => {
    entries.delete(key);
    entry.kept = false;
    closeUnused(entry);
  };
  const timer = setInterval(() => {
    const idleSinceMs = performance.now() - idleFileMs;
    for (const [key, entry] of entries) {
      // A deleted file takes room on the disk for as long as it is open.
      if (entry.users === 0 && (entry.usedMs < idleSinceMs || isGone(entry))) drop(key, entry);
    }
  }, closeIdleEveryMs).unref();

  function readAtOnce(entry: Entry, buffer: Buffer, position: number): boolean {
    const nowMs = performance.now();
    if (nowMs < distrustUntilMs) return false;
    const last = blockOf(position + buffer.length - 1);
    for (let block = blockOf(position); block <= last; block += 1) {
      if (nowMs - (entry.readMs[block] ?? 0) > warmMs) return false;
    }
    const bytes = readSync(entry.descriptor, buffer, 0, buffer.length, position);
    const readMs = performance.now();
    if (readMs - nowMs > slowReadMs && hasReadFromDisk()) distrustUntilMs = readMs + distrustMs;
    if (bytes < buffer.length) return false;
    entry.readMs.fill(readMs, blockOf(position), last + 1);
    return true;
  }

  async function readByThread(entry: Entry, buffer: Buffer, position: number): Promise<void> {
    for (let done = 0; done < buffer.length; ) {
      const { bytesRead } = await readFile(entry.descriptor, buffer, done, buffer.length - done, position + done);
      if (bytesRead === 0) throw new Error('the file is shorter than it was');
      done += bytesRead;
    }
    entry.readMs.fill(performance.now(), blockOf(position), blockOf(position + buffer.length - 1) + 1);
  }

  const lend = (entry: Entry, stats: Stats): OpenFile => {
    entry.users += 1;
    entry.usedMs = performance.now();
    return {
      sizeBytes: stats.size,
      tag: `"${stats.size.toString(16)}-${Math.trunc(stats.mtimeMs).toString(16)}"`,
      modifiedMs: stats.mtimeMs,
      read: (buffer, position) =>
        readAtOnce(entry, buffer, position) ? undefined : readByThread(entry, buffer, position),
      release: () => {
        entry.users -= 1;
        closeUnused(entry);
      },
    };
  };

  return {
    find: (key) => {
      const entry = entries.get(key);
      if (entry === undefined) return undefined;
      const stats = fstatSync(entry.descriptor);
      entries.delete(key);
      if (stats.nlink > 0 && stats.size === entry.sizeBytes) {
        entries.set(key, entry);
        return lend(entry, stats);
      }
      drop(key, entry);
      return undefined;
    },
    open: async (key, path) => {
      const descriptor = await openFile(path, 'r').catch(ignoreMissing);
      if (descriptor === undefined) return undefined;
      const stats = await statFile(descriptor);
      const opened: Entry = {
        descriptor,
        sizeBytes: stats.size,
        readMs: new Float64Array(Math.ceil(stats.size / blockBytes)).fill(Number.NEGATIVE_INFINITY),
        users: 0,
        usedMs: 0,
        kept: !entries.has(key),
      };
      if (opened.kept) entries.set(key, opened);
      const [oldest] = entries;
      if (entries.size > maxOpenFiles && oldest !== undefined) drop(...oldest);
      return lend(opened, stats);
    },
    close: () => {
      clearInterval(timer);
      for (const [key, entry] of entries) drop(key, entry);
    },
  };
}

const blockOf = (position: number): number => Math.floor(position / blockBytes);

/** An open file is known to the system: asking about it waits for no disk. */
const isGone = ({ descriptor }: Entry): boolean => fstatSync(descriptor).nlink === 0;

function ignoreMissing(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) {
    return undefined;
  }
  throw error;
}
