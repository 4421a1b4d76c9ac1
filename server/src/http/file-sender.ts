/**
 * Sends bytes of an open file. Node hands nothing from a file to a socket inside the kernel (no sendfile), so the bytes come
 * by here: in large pieces, since each costs a call, and in buffers that are used again, since new memory costs more than
 * the copy. See docs/decisions/delivery-from-disk.md.
 */
import type { ServerResponse } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import type { OpenFile } from './open-files.ts';

/** Read and written at once for whoever takes it quickly. */
const pieceBytes = 256 * 1024;
/** Of all downloads together: 16 MiB. Who finds none has a small buffer of his own. */
const maxPieces = 64;
/** Kept for the next download while there is none. */
const maxIdlePieces = 8;
/** For whoever takes a piece slowly: what waits in a buffer here, for minutes perhaps, is little. */
const smallPieceBytes = 32 * 1024;
/** Longer than this to hand over a piece is slow. */
const slowPieceMs = 250;
/** A client as quick as the disk is sent so many pieces before everybody else has a turn. */
const piecesPerTurn = 4;

export type FileSender = {
  /**
   * Sends bytes `start` to `end` (exclusive) of `file`; `begin` writes the head when the first bytes are there. Resolves when
   * all are handed to the system, or the client is gone. Rejects if the file cannot be read.
   */
  send(response: ServerResponse, file: OpenFile, part: Part, begin: () => void): Promise<void>;
};
export type Part = { readonly start: number; readonly end: number };

export function createFileSender(): FileSender {
  const idle: Buffer[] = [];
  let pieces = 0;

  const take = (): Buffer | undefined => {
    if (pieces >= maxPieces) return undefined;
    pieces += 1;
    return idle.pop() ?? Buffer.allocUnsafeSlow(pieceBytes);
  };
  /** Not `usable` while the system may still read from it. */
  const giveBack = (piece: Buffer, usable: boolean): void => {
    pieces -= 1;
    if (usable && idle.length < maxIdlePieces) idle.push(piece);
  };

  return {
    send: async (response, file, { start, end }, begin) => {
      let small: Buffer | undefined;
      let isQuick = true;
      let inTurn = 0;
      for (let position = start; position < end && !response.destroyed; ) {
        const leftBytes = end - position;
        const shared = isQuick && leftBytes > smallPieceBytes ? take() : undefined;
        const buffer = shared ?? small ?? Buffer.allocUnsafeSlow(Math.min(smallPieceBytes, leftBytes));
        if (shared === undefined) small = buffer;
        const bytes = buffer.subarray(0, Math.min(buffer.length, leftBytes));
        let isFree = true;
        try {
          const reading = file.read(bytes, position);
          if (reading !== undefined) await reading;
          if (response.destroyed) return;
          if (position === start) begin();
          position += bytes.length;
          const sinceMs = performance.now();
          isFree = false;
          isFree = await written(response, bytes, position === end);
          isQuick = performance.now() - sinceMs < slowPieceMs;
        } finally {
          if (shared !== undefined) giveBack(shared, isFree);
        }
        if (!isFree) return;
        inTurn = (inTurn + 1) % piecesPerTurn;
        if (inTurn === 0 && position < end) await setImmediate();
      }
    },
  };
}

/** Resolves when the system has the bytes, with `false` if it never will. */
function written(response: ServerResponse, bytes: Buffer, isLast: boolean): Promise<boolean> {
  return new Promise((resolve) => {
    const gone = (): void => resolve(false);
    response.once('close', gone);
    const done = (error?: Error | null): void => {
      response.off('close', gone);
      resolve(error === undefined || error === null);
    };
    if (isLast) response.end(bytes, () => done());
    else response.write(bytes, done);
  });
}
