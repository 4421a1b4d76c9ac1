/** Where log lines go: to people, a plain file, a pipe, a file that rotates; and how they are gathered before that. */
import { accessSync, constants, fstatSync, statSync, write, writeSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { finished } from 'node:stream/promises';
import { promisify } from 'node:util';
import pretty from 'pino-pretty';
import { createStream, type RotatingFileStream } from 'rotating-file-stream';
import { makeFolder } from '../db/make-folder.ts';

export type LogFile = { readonly path: string; readonly maxBytes: number; readonly generations: number };

/** What a reader of standard output who does not read may leave lying here; beyond it, lines are lost. */
const unreadMaxBytes = 16 * 1024 * 1024;
/** Before a pipe that is full, and does not wait by itself, is tried again. */
const fullPipeWaitMs = 20;
/** The longest wait for the last lines to be taken. */
const closeTimeoutMs = 1_000;

/** Takes lines, and keeps none of the bytes that it is given. What it cannot write is lost: no log is worth the server. */
export type Sink = { write(data: string | Buffer): void; close(): Promise<void> };
/** Part of a line: bytes, or text of ASCII characters. */
export type Piece = Uint8Array | string;
export type Lines = {
  write(line: string): void;
  /** Writes one line that is made of these. */
  writePieces(pieces: readonly Piece[]): void;
  flush(): void;
};

const standardOutput = 1;
/** A log file that could not be written is tried again after this. */
const reopenAfterMs = 5_000;

/** What a line for people says in words already, or says to programs only. */
const toldInSentence = [
  ...['requestId', 'method', 'path', 'operation', 'status', 'code', 'durationMs', 'userId', 'address'],
  ...['url', 'dataDir', 'ffmpeg', 'ffmpegVersion', 'docs'],
];

/** `GET /douyin/feed/ 200, 2 ms`, and the message itself of anything that is no request. */
function sentence(line: Record<string, unknown>, messageKey: string): string {
  const { method, path, status, code, durationMs } = line;
  if (method === undefined || path === undefined) return String(line[messageKey]);
  const outcome = code === undefined || code === 0 ? '' : ` (${code})`;
  return `${method} ${path} ${status}${outcome}, ${durationMs} ms`;
}

export function peopleSink(): Sink {
  const stream = pretty({
    colorize: process.stdout.isTTY,
    sync: true,
    singleLine: true,
    translateTime: 'SYS:HH:MM:ss',
    messageFormat: sentence,
    ignore: toldInSentence.join(),
  });
  stream.on('error', complainOnce());
  return { write: (data) => void stream.write(data.toString()), close: async () => undefined };
}

/** Standard output, where no people look at it. */
export const outputSink = (): Sink => (fstatSync(standardOutput).isFile() ? plainFileSink() : pipeSink());

/** At once: handing 32 KiB to another thread costs three times what writing them to a file does. */
function plainFileSink(): Sink {
  const complain = complainOnce();
  return {
    write: (data) => {
      const bytes = Buffer.isBuffer(data) ? data : Buffer.from(data);
      try {
        for (let at = 0; at < bytes.length; ) at += writeSync(standardOutput, bytes, at);
      } catch (error) {
        complain(error);
      }
    },
    close: async () => undefined,
  };
}

/**
 * In another thread, since whoever reads the other end may be slow. Not with pino's own stream: when a write fails, its hook
 * at the end of the process tries again for ever.
 */
function pipeSink(): Sink {
  const complain = complainOnce();
  const waiting: Buffer[] = [];
  let waitingBytes = 0;
  let writing: Promise<void> | undefined;

  async function writeWaiting(): Promise<void> {
    for (let block = waiting.shift(); block !== undefined; block = waiting.shift()) {
      waitingBytes -= block.length;
      await writeToPipe(block).catch(complain);
    }
    writing = undefined;
  }

  return {
    write: (data) => {
      if (waitingBytes > unreadMaxBytes) {
        complain(new Error('nobody reads standard output'));
        return;
      }
      // A copy: the block is used again at once.
      const block = Buffer.from(data);
      waiting.push(block);
      waitingBytes += block.length;
      writing ??= writeWaiting();
    },
    close: async () => {
      const late = new Promise<void>((resolve) => setTimeout(resolve, closeTimeoutMs).unref());
      await Promise.race([writing, late]);
    },
  };
}

const writeSome = promisify(write);

async function writeToPipe(block: Buffer): Promise<void> {
  for (let at = 0; at < block.length; ) {
    try {
      at += (await writeSome(standardOutput, block, at)).bytesWritten;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
      await new Promise<void>((resolve) => setTimeout(resolve, fullPipeWaitMs).unref());
    }
  }
}

export function rotatingFileSink(settings: LogFile): Sink {
  const complain = complainOnce();
  let stream: RotatingFileStream | undefined = openLogFile(settings);
  let brokenAtMs = 0;
  const onError = (error: unknown): void => {
    complain(error);
    stream = undefined;
    brokenAtMs = performance.now();
  };
  stream.on('error', onError);
  const reopen = (): void => {
    try {
      stream = openLogFile(settings).on('error', onError);
    } catch (error) {
      onError(error);
    }
  };
  return {
    write: (data) => {
      if (stream === undefined && performance.now() - brokenAtMs > reopenAfterMs) reopen();
      stream?.write(Buffer.from(data));
    },
    close: async () => {
      if (stream === undefined) return;
      stream.end();
      await finished(stream).catch(() => undefined);
    },
  };
}

/** Says on standard error that the log cannot be written, once: what follows would say the same. */
function complainOnce(): (error: unknown) => void {
  let said = false;
  return (error) => {
    if (said) return;
    said = true;
    process.stderr.write(`log lines are lost: ${error instanceof Error ? error.message : String(error)}\n`);
  };
}

/**
 * Gathers lines as bytes, in one block that is used again, and not as text in pino's own stream, which measures what it
 * has gathered from its beginning at each line; and fresh memory is dear. Together that was a quarter of what a request for the
 * guest feed cost.
 */
export function inBlocks(sinks: readonly Sink[], sizeBytes: number): Lines {
  const block = Buffer.allocUnsafeSlow(sizeBytes);
  let used = 0;
  const flush = (): void => {
    if (used === 0) return;
    const full = block.subarray(0, used);
    used = 0;
    for (const sink of sinks) sink.write(full);
  };
  return {
    write: (line) => {
      const mostBytes = line.length * 3;
      if (used + mostBytes > sizeBytes) flush();
      if (mostBytes <= sizeBytes) used += block.write(line, used);
      else for (const sink of sinks) sink.write(line);
    },
    writePieces: (pieces) => {
      let bytes = 0;
      for (const piece of pieces) bytes += piece.length;
      if (used + bytes > sizeBytes) flush();
      if (bytes > sizeBytes) {
        for (const sink of sinks) sink.write(joined(pieces));
        return;
      }
      for (const piece of pieces) {
        if (typeof piece !== 'string') block.set(piece, used);
        // By hand: for a few characters a call into the engine takes longer.
        else for (let i = 0; i < piece.length; i += 1) block[used + i] = piece.charCodeAt(i);
        used += piece.length;
      }
    },
    flush,
  };
}

const joined = (pieces: readonly Piece[]): Buffer =>
  Buffer.concat(pieces.map((piece) => (typeof piece === 'string' ? Buffer.from(piece) : piece)));

/** For people, who see a line when it is written. */
export function atOnce(sinks: readonly Sink[]): Lines {
  return {
    write: (line) => {
      for (const sink of sinks) sink.write(line);
    },
    writePieces: (pieces) => {
      for (const sink of sinks) sink.write(joined(pieces));
    },
    flush: () => undefined,
  };
}

function openLogFile(settings: LogFile): RotatingFileStream {
  const folder = dirname(settings.path);
  try {
    makeFolder(folder, 0o777);
    accessSync(folder, constants.W_OK);
    if (statSync(settings.path, { throwIfNoEntry: false })?.isFile() === false) throw new Error('it is no file');
  } catch (error) {
    throw new Error(`LOG_FILE: ${settings.path} cannot be written to. Name a file in a folder that you may write to.`, {
      cause: error,
    });
  }
  return createStream(basename(settings.path), {
    path: folder,
    size: `${settings.maxBytes}B`,
    maxFiles: settings.generations,
    compress: 'gzip',
  });
}
