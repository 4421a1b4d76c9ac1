/**
 * Asks for one address as fast as the answers come, on a number of connections, one request at a time on each, and checks
 * every answer. It knows how long a right answer is, so that it can count bytes where a general client parses: a client
 * that is slower than the server would measure itself. Prints what it saw as JSON.
 */
import { connect } from 'node:net';
import { pathToFileURL } from 'node:url';
import { cpuTimeMs } from './process-figures.ts';

export type LoadRequest = {
  readonly port: number;
  readonly path: string;
  readonly connections: number;
  /** Runs this long before it counts. */
  readonly warmUpMs: number;
  readonly durationMs: number;
  /** Bytes of the body of a right answer. */
  readonly bodyBytes: number;
  /** Process whose CPU time is read at the beginning and the end of the counted time. */
  readonly serverPid: number;
};
export type LoadResult = {
  /** Right answers in the counted time. */
  readonly answers: number;
  /** Answers that were not 200, not of the right length or without status_code 0; in the whole time. */
  readonly wrong: number;
  readonly elapsedMs: number;
  /** Undefined where it cannot be read. */
  readonly serverCpuMs?: number | undefined;
  readonly ownCpuMs: number;
};

const success = '{"status_code":0,';
const headEnd = '\r\n\r\n';
const maxHeadBytes = 16 * 1024;
/** Answers that are on their way at the end get this long. */
const lastAnswersMs = 5_000;

export async function generateLoad(wanted: LoadRequest): Promise<LoadResult> {
  const request = Buffer.from(`GET ${wanted.path} HTTP/1.1\r\nHost: 127.0.0.1:${wanted.port}\r\n\r\n`, 'latin1');
  let right = 0;
  let wrong = 0;
  let stopping = false;

  const talk = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const socket = connect({ port: wanted.port, host: '127.0.0.1', noDelay: true });
      /** Bytes of the answer that are still to come; undefined while its head is incomplete. */
      let missing: number | undefined;
      let head: Buffer = Buffer.alloc(0);
      let good = false;
      const onData = (chunk: Buffer): void => {
        if (missing === undefined) {
          head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
          const end = head.indexOf(headEnd);
          const bodyStart = end + headEnd.length;
          if (end < 0 || head.length < bodyStart + success.length) {
            if (head.length > maxHeadBytes) socket.destroy(new Error('an answer without an end of its head'));
            return;
          }
          const text = head.toString('latin1', 0, end);
          const length = Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1]);
          good =
            text.startsWith('HTTP/1.1 200 ') &&
            length === wanted.bodyBytes &&
            head.toString('latin1', bodyStart, bodyStart + success.length) === success;
          if (Number.isNaN(length)) {
            socket.destroy(new Error(`an answer without a length: ${text.slice(0, 200)}`));
            return;
          }
          missing = length - (head.length - bodyStart);
          head = Buffer.alloc(0);
        } else {
          missing -= chunk.length;
        }
        if (missing > 0) return;
        if (missing < 0) {
          socket.destroy(new Error('an answer that is longer than it says'));
          return;
        }
        missing = undefined;
        if (good) right += 1;
        else wrong += 1;
        if (stopping) socket.destroy();
        else socket.write(request);
      };
      socket.once('connect', () => socket.write(request));
      socket.on('data', onData);
      socket.once('error', reject);
      socket.once('close', () => {
        if (stopping) resolve();
        else reject(new Error('the server closed a connection'));
      });
    });

  const talking = Promise.all(Array.from({ length: wanted.connections }, talk));
  const wait = (ms: number): Promise<unknown> =>
    Promise.race([talking, new Promise((resolve) => setTimeout(resolve, ms).unref())]);
  await wait(wanted.warmUpMs);
  const [rightBefore, startedAt, own] = [right, performance.now(), process.cpuUsage()];
  const serverBefore = cpuTimeMs(wanted.serverPid);
  await wait(wanted.durationMs);
  const serverAfter = cpuTimeMs(wanted.serverPid);
  const elapsedMs = performance.now() - startedAt;
  const answers = right - rightBefore;
  const { user, system } = process.cpuUsage(own);
  stopping = true;
  const late = new Promise<never>((_, reject) => {
    setTimeout(() => reject(new Error('the last answers did not come')), lastAnswersMs).unref();
  });
  await Promise.race([talking, late]);
  return {
    answers,
    wrong,
    elapsedMs,
    serverCpuMs: serverBefore === undefined || serverAfter === undefined ? undefined : serverAfter - serverBefore,
    ownCpuMs: (user + system) / 1_000,
  };
}

if (process.argv[1] !== undefined && pathToFileURL(process.argv[1]).href === import.meta.url) {
  const wanted: LoadRequest = JSON.parse(process.argv[2] ?? '');
  process.stdout.write(`${JSON.stringify(await generateLoad(wanted))}\n`);
  process.exit(0);
}
