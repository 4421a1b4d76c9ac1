import { type ChildProcess, execFileSync } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DownloadRequest, DownloadResult } from '../download-generator.ts';
import { firstLine } from '../programs.ts';
import type { Measurement } from '../report.ts';
import { waitFor } from '../resources.ts';
import { freePort, pinned, type ServerProcess, startServer } from '../server-process.ts';
import { pairedRatios } from '../statistics.ts';
import type { Bench, FigureDefinition } from './figure.ts';

const mebibyte = 1024 * 1024;
const fileBytes = 64 * mebibyte;
const key = 'videos/1/00000000000000000000000000000000/v720.mp4';
const playlistKey = 'videos/1/00000000000000000000000000000000/v720.m3u8';
/** As long as the one of a video of ten minutes. */
const playlistBytes = 8 * 1024;
const initBytes = 1_024;
/** Two seconds at 4 Mbit/s. */
const segmentBytes = mebibyte;
const connections = 8;
const kinds = [
  { name: 'Range, 1 MiB', pieceBytes: mebibyte, goal: 0.5 },
  { name: 'Range, 256 KiB', pieceBytes: 256 * 1024, goal: 0.5 },
  { name: 'whole file', pieceBytes: fileBytes, goal: undefined },
] as const;
const full = { rounds: 7, durationMs: 1_500, warmUpMs: 300, firstWarmUpMs: 4_000, looks: 25 };
const short = { rounds: 1, durationMs: 300, warmUpMs: 100, firstWarmUpMs: 200, looks: 3 };
const nginxWithinMs = 5_000;
const graceMs = 15_000;

type Kind = (typeof kinds)[number];
type Round = { readonly kind: Kind; readonly of: DownloadResult; readonly to: DownloadResult };
type Look = { readonly first: number; readonly segment: number };
type Target = { readonly port: number; readonly pid: number; readonly path: string };

export const deliveryFigure: FigureDefinition = {
  name: 'delivery',
  title: 'Files against nginx',
  method:
    'Megabytes per second of one file of 64 MiB on the disk (in the cache of the system), as a ratio to nginx with one worker and `sendfile on` on the ' +
    'same file: in pieces of 1 MiB and 256 KiB by `Range`, and whole. Both run on the same core, who downloads on another one; they take turns ' +
    '(A B A B …) and each pair gives one ratio. Receiving costs about as much as nginx needs to send, so nginx may have some of its core left: the ratio of ' +
    'CPU time per byte says what a core would do without that. First byte and first segment (playlist, then init, then 1 MiB, on a new ' +
    'connection) are timed after the system was asked to forget the file (`dd iflag=nocache`).',
  measure: async (bench) => {
    const { resources, quick, say } = bench;
    if (!hasNginx()) return { kind: 'unavailable', reason: 'has no nginx (Debian: nginx-light)' };
    const plan = quick ? short : full;
    const dataDir = resources.folder('delivery');
    const file = writeFiles(join(dataDir, 'media'));
    const settings = { DEMO: 'off', RATE_LIMIT: 'off' };
    const started = await startServer(resources, { dataDir, settings, core: bench.cores?.server });
    const server = targetOf(started);
    const nginx = await startNginx(bench, dataDir);
    const rounds: Round[] = [];
    for (const kind of kinds) {
      say(`delivery, ${kind.name}`);
      await load(bench, server, kind, plan.firstWarmUpMs, plan.durationMs);
      for (let round = 1; round <= plan.rounds; round += 1) {
        const of = await load(bench, server, kind, plan.warmUpMs, plan.durationMs);
        rounds.push({ kind, of, to: await load(bench, nginx, kind, plan.warmUpMs, plan.durationMs) });
      }
    }
    say('delivery, first byte and first segment');
    const looks: { of: Look; to: Look }[] = [];
    for (let look = 0; look < plan.looks; look += 1) {
      looks.push({ of: await lookAt(server, file), to: await lookAt(nginx, file) });
    }
    await started.stop();
    return {
      kind: 'measured',
      measurements: [...kinds.flatMap((kind) => measurementsOf(kind, rounds)), ...firstMeasurements(looks)],
      notes: [
        `${connections} connections, one request at a time on each.`,
        bench.cores === undefined
          ? 'Programs could not be tied to cores here (no `taskset`, or a single core): the ratios say less.'
          : `Both servers run on core ${bench.cores.server}, who downloads on core ${bench.cores.client}.`,
      ],
    };
  },
};

/** The file, of random bytes, and a playlist beside it; returns its path. */
function writeFiles(media: string): string {
  const path = join(media, key);
  mkdirSync(dirname(path), { recursive: true });
  const file = openSync(path, 'w');
  const bytes = Buffer.alloc(mebibyte);
  for (let position = 0; position < fileBytes; position += bytes.length) writeSync(file, randomFillSync(bytes));
  closeSync(file);
  writeFileSync(join(media, playlistKey), '#'.repeat(playlistBytes));
  return path;
}

const targetOf = ({ url, pid }: ServerProcess): Target => ({ port: Number(new URL(url).port), pid, path: '/media/' });

function hasNginx(): boolean {
  try {
    execFileSync('nginx', ['-v'], { stdio: 'ignore', env: nginxEnvironment });
    return true;
  } catch {
    return false;
  }
}
const nginxEnvironment = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };

async function startNginx({ resources, cores }: Bench, dataDir: string): Promise<Target> {
  const folder = resources.folder('nginx');
  const port = await freePort();
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (one) => `${one}_temp_path ${folder}/${one};`,
  );
  writeFileSync(
    join(folder, 'nginx.conf'),
    `daemon off; master_process off; worker_processes 1; pid ${folder}/nginx.pid; error_log stderr warn;
events { worker_connections 1000; }
http {
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000; ${temporary.join(' ')}
  server { listen 127.0.0.1:${port}; location /media/ { alias ${dataDir}/media/; } }
}
`,
  );
  const args = ['nginx', '-p', folder, '-c', join(folder, 'nginx.conf'), '-e', 'stderr'];
  const [command = '', ...rest] = cores === undefined ? args : ['taskset', '-c', String(cores.server), ...args];
  const child = resources.spawn(command, rest, { env: nginxEnvironment, stdio: ['ignore', 'ignore', 'inherit'] });
  const { pid } = child;
  if (pid === undefined) throw new Error('nginx has no process id');
  const target = { port, pid, path: '/media/' };
  await waitFor('nginx', nginxWithinMs, 20, async () => {
    if (child.exitCode !== null) throw new Error(`nginx ended with ${child.exitCode}`);
    return await timed(target, new Agent(), playlistKey).catch(() => undefined);
  });
  return target;
}

async function load(
  { resources, cores }: Bench,
  target: Target,
  { pieceBytes }: Kind,
  warmUpMs: number,
  durationMs: number,
): Promise<DownloadResult> {
  const request: DownloadRequest = {
    port: target.port,
    path: `${target.path}${key}`,
    fileBytes,
    pieceBytes,
    connections,
    warmUpMs,
    durationMs,
    serverPid: target.pid,
  };
  const program = fileURLToPath(new URL('../download-generator.ts', import.meta.url));
  const [command, args] = pinned(cores?.client, [program, JSON.stringify(request)]);
  const child: ChildProcess = resources.spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const result: DownloadResult = JSON.parse(await firstLine(child, warmUpMs + 2 * durationMs + graceMs));
  if (result.bytes === 0) throw new Error('nothing came');
  return result;
}

/** Milliseconds until the first byte of a body, and until its last. */
function timed(target: Target, agent: Agent, name: string, range?: string): Promise<{ first: number; last: number }> {
  const startedAt = performance.now();
  return new Promise((resolve, reject) => {
    const headers = range === undefined ? {} : { range };
    get({ host: '127.0.0.1', port: target.port, path: `${target.path}${name}`, agent, headers }, (response) => {
      let first = Number.NaN;
      response.once('data', () => {
        first = performance.now() - startedAt;
      });
      response.once('error', reject);
      response.once('end', () => {
        if (response.statusCode === (range === undefined ? 200 : 206))
          resolve({ first, last: performance.now() - startedAt });
        else reject(new Error(`${response.statusCode} for ${name}`));
      });
    }).once('error', reject);
  });
}

/** Each with the file forgotten by the system, on a connection that is new. */
async function lookAt(target: Target, file: string): Promise<Look> {
  forget(file);
  const once = new Agent();
  const { first } = await timed(target, once, key, `bytes=0-${segmentBytes - 1}`);
  forget(file);
  const agent = new Agent({ keepAlive: true });
  const startedAt = performance.now();
  await timed(target, agent, playlistKey);
  await timed(target, agent, key, `bytes=0-${initBytes - 1}`);
  await timed(target, agent, key, `bytes=${initBytes}-${initBytes + segmentBytes - 1}`);
  const segment = performance.now() - startedAt;
  agent.destroy();
  return { first, segment };
}

function forget(file: string): void {
  execFileSync('dd', [`if=${file}`, 'iflag=nocache', 'count=0', 'status=none']);
}

const rateOf = ({ bytes, elapsedMs }: DownloadResult): number => bytes / elapsedMs / 1_000;
/** Milliseconds of CPU time for a gigabyte. */
const costOf = ({ serverCpuMs = Number.NaN, bytes }: DownloadResult): number => (serverCpuMs * 1e9) / bytes;
const shareOf = ({ serverCpuMs = Number.NaN, elapsedMs }: DownloadResult): number => (serverCpuMs / elapsedMs) * 100;

function measurementsOf(kind: Kind, all: readonly Round[]): Measurement[] {
  const rounds = all.filter((round) => round.kind === kind);
  const { name, goal } = kind;
  const rates: Measurement = {
    label: `${name}: to nginx, bytes per second`,
    unit: '',
    values: pairedRatios(rounds.map(({ of, to }) => ({ of: rateOf(of), to: rateOf(to) }))),
    ...(goal !== undefined && { goal: { relation: 'at least', value: goal } }),
  };
  const measurements: Measurement[] = [
    rates,
    { label: `${name}: server`, unit: 'MB/s', values: rounds.map(({ of }) => rateOf(of)) },
    { label: `${name}: nginx`, unit: 'MB/s', values: rounds.map(({ to }) => rateOf(to)) },
  ];
  if (rounds.some(({ of, to }) => of.serverCpuMs === undefined || to.serverCpuMs === undefined)) return measurements;
  return [
    ...measurements,
    {
      label: `${name}: nginx to server, CPU time per byte`,
      unit: '',
      values: pairedRatios(rounds.map(({ of, to }) => ({ of: costOf(to), to: costOf(of) }))),
    },
    { label: `${name}: share of its core, server`, unit: '%', values: rounds.map(({ of }) => shareOf(of)) },
    { label: `${name}: share of its core, nginx`, unit: '%', values: rounds.map(({ to }) => shareOf(to)) },
    {
      label: `${name}: share of its core, who downloads from nginx`,
      unit: '%',
      values: rounds.map(({ to }) => (to.ownCpuMs / to.elapsedMs) * 100),
    },
  ];
}

const firstMeasurements = (looks: readonly { readonly of: Look; readonly to: Look }[]): Measurement[] => [
  { label: 'First byte, not in the cache: server', unit: 'ms', values: looks.map(({ of }) => of.first) },
  { label: 'First byte, not in the cache: nginx', unit: 'ms', values: looks.map(({ to }) => to.first) },
  { label: 'First segment, not in the cache: server', unit: 'ms', values: looks.map(({ of }) => of.segment) },
  { label: 'First segment, not in the cache: nginx', unit: 'ms', values: looks.map(({ to }) => to.segment) },
];
