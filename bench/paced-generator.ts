/**
 * Asks for addresses in turn at a constant rate, whether or not earlier answers have come (open loop), and measures each
 * answer from the moment at which its request was written to its last byte. A closed loop would ask less just when the server is slow, and
 * so leave the worst out (Tene's "coordinated omission"). Prints what it saw as JSON.
 */
import { Agent, request } from 'node:http';
import { pathToFileURL } from 'node:url';

export type PacedRequest = {
  readonly port: number;
  /** Asked for in turn. */
  readonly paths: readonly string[];
  readonly requestsPerSecond: number;
  /** What is asked for in this first time is not counted. */
  readonly warmUpMs: number;
  readonly durationMs: number;
};
export type PacedResult = {
  /** For each path, in milliseconds, in the order in which the answers came. */
  readonly latenciesMs: readonly (readonly number[])[];
  /** Answers that were not 200 with status_code 0. */
  readonly wrong: number;
  /** By how much the generator itself was late at most, in milliseconds. */
  readonly latestMs: number;
  /** Of the whole process. */
  readonly ownCpuMs: number;
};

const success = '{"status_code":0,';
const maxSockets = 64;
/** Answers that are on their way at the end get this long. */
const lastAnswersMs = 5_000;

export async function generatePacedLoad(wanted: PacedRequest): Promise<PacedResult> {
  const agent = new Agent({ keepAlive: true, maxSockets });
  const latenciesMs: number[][] = wanted.paths.map(() => []);
  let wrong = 0;
  const ask = (path: string, latencies: number[] | undefined): Promise<void> =>
    new Promise((resolve, reject) => {
      const sentAt = performance.now();
      const sent = request({ port: wanted.port, host: '127.0.0.1', path, agent }, (response) => {
        let start = '';
        response.on('data', (chunk: Buffer) => {
          if (start.length < success.length) start += chunk.toString('latin1', 0, success.length);
        });
        response.once('end', () => {
          latencies?.push(performance.now() - sentAt);
          if (response.statusCode !== 200 || !start.startsWith(success)) wrong += 1;
          resolve();
        });
        response.once('error', reject);
      });
      sent.setTimeout(lastAnswersMs, () => sent.destroy(new Error('an answer did not come')));
      sent.once('error', reject);
      sent.end();
    });

  const everyMs = 1_000 / wanted.requestsPerSecond;
  const uncounted = Math.ceil(wanted.warmUpMs / everyMs);
  const total = uncounted + Math.floor(wanted.durationMs / everyMs);
  const startedAt = performance.now();
  const answers: Promise<void>[] = [];
  let latestMs = 0;
  while (answers.length < total) {
    const now = performance.now() - startedAt;
    // All that are due: a timer that came late is made up for.
    while (answers.length < total && answers.length * everyMs <= now) {
      if (answers.length >= uncounted) latestMs = Math.max(latestMs, now - answers.length * everyMs);
      const turn = answers.length % wanted.paths.length;
      answers.push(ask(wanted.paths[turn] ?? '', answers.length < uncounted ? undefined : latenciesMs[turn]));
    }
    await new Promise((resolve) =>
      setTimeout(resolve, Math.max(0, answers.length * everyMs - (performance.now() - startedAt))),
    );
  }
  await Promise.all(answers);
  agent.destroy();
  const { user, system } = process.cpuUsage();
  return { latenciesMs, wrong, latestMs, ownCpuMs: (user + system) / 1_000 };
}

if (process.argv[1] !== undefined && pathToFileURL(process.argv[1]).href === import.meta.url) {
  const wanted: PacedRequest = JSON.parse(process.argv[2] ?? '');
  process.stdout.write(`${JSON.stringify(await generatePacedLoad(wanted))}\n`);
  process.exit(0);
}
