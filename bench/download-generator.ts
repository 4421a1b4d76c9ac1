/**
 * Downloads one file as fast as it comes, whole or in pieces (`Range`), on a number of connections, one request at a time on
 * each. It counts bytes in one buffer that it uses again, and looks at nothing but heads: whoever receives costs as much as
 * who sends, and must not be what is measured. Prints what it saw as JSON.
 */
import { connect } from 'node:net';
import { pathToFileURL } from 'node:url';
import { cpuTimeMs } from './process-figures.ts';

export type DownloadRequest = {
  readonly port: number;
  readonly path: string;
  readonly fileBytes: number;
  /** Of each request; the whole file if it is as large as that. */
  readonly pieceBytes: number;
  readonly connections: number;
  /** Runs this long before it counts. */
  readonly warmUpMs: number;
  readonly durationMs: number;
  /** Process whose CPU time is read at the beginning and the end of the counted time. */
  readonly serverPid: number;
};
export type DownloadResult = {
  /** Of bodies and heads, in the counted time. */
  readonly bytes: number;
  readonly elapsedMs: number;
  /** Undefined where it cannot be read. */
  readonly serverCpuMs?: number | undefined;
  readonly ownCpuMs: number;
};

const receiveBytes = 512 * 1024;
const headEnd = '\r\n\r\n';
const maxHeadBytes = 16 * 1024;

export async function download(wanted: DownloadRequest): Promise<DownloadResult> {
  const { fileBytes, pieceBytes, port, path } = wanted;
  const isWhole = pieceBytes === fileBytes;
  const expected = isWhole ? 'HTTP/1.1 200 ' : 'HTTP/1.1 206 ';
  const buffer = Buffer.alloc(receiveBytes);
  let received = 0;
  let stopping = false;

  const talk = (first: number): Promise<void> =>
    new Promise((resolve, reject) => {
      let start = first;
      /** Bytes of the body that are still to come; undefined while its head is incomplete. */
      let missing: number | undefined;
      let head = '';
      const onBytes = (count: number): boolean => {
        received += count;
        if (missing !== undefined) missing -= count;
        else {
          const before = head.length;
          head += buffer.toString('latin1', 0, Math.min(count, maxHeadBytes));
          const end = head.indexOf(headEnd);
          if (end < 0) return head.length < maxHeadBytes || !socket.destroy(new Error('a head without an end'));
          const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1]);
          if (!head.startsWith(expected) || length !== pieceBytes) {
            socket.destroy(new Error(`a wrong answer: ${head.slice(0, end)}`));
            return false;
          }
          missing = length - (before + count - end - headEnd.length);
          head = '';
        }
        if (missing === 0) {
          missing = undefined;
          if (stopping) socket.destroy();
          else ask();
        }
        return true;
      };
      const socket = connect({
        port,
        host: '127.0.0.1',
        noDelay: true,
        onread: { buffer, callback: onBytes },
      });
      const ask = (): void => {
        const range = isWhole ? '' : `Range: bytes=${start}-${start + pieceBytes - 1}\r\n`;
        start = (start + pieceBytes) % fileBytes;
        socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${range}\r\n`);
      };
      socket.once('connect', ask);
      socket.once('error', reject);
      socket.once('close', () => (stopping ? resolve() : reject(new Error('the server closed a connection'))));
    });

  const pieces = fileBytes / pieceBytes;
  const talking = Promise.all(
    Array.from({ length: wanted.connections }, (_, index) =>
      talk(Math.floor((index * pieces) / wanted.connections) * pieceBytes),
    ),
  );
  const wait = (ms: number): Promise<unknown> =>
    Promise.race([talking, new Promise((resolve) => setTimeout(resolve, ms).unref())]);
  await wait(wanted.warmUpMs);
  const [before, startedAt, own] = [received, performance.now(), process.cpuUsage()];
  const serverBefore = cpuTimeMs(wanted.serverPid);
  await wait(wanted.durationMs);
  const serverAfter = cpuTimeMs(wanted.serverPid);
  const elapsedMs = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(own);
  const bytes = received - before;
  stopping = true;
  await wait(wanted.durationMs);
  return {
    bytes,
    elapsedMs,
    serverCpuMs: serverBefore === undefined || serverAfter === undefined ? undefined : serverAfter - serverBefore,
    ownCpuMs: (user + system) / 1_000,
  };
}

if (process.argv[1] !== undefined && pathToFileURL(process.argv[1]).href === import.meta.url) {
  const wanted: DownloadRequest = JSON.parse(process.argv[2] ?? '');
  process.stdout.write(`${JSON.stringify(await download(wanted))}\n`);
  process.exit(0);
}
