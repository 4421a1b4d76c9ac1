/** What a run was measured on, and with. */
import { execFileSync } from 'node:child_process';
import { arch, cpus, loadavg, release, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Resources } from './resources.ts';
import { sqliteVersionOf, startServer } from './server-process.ts';

/** Above this, a machine is not idle. */
const busyLoad = 0.5;
const repository = fileURLToPath(new URL('..', import.meta.url));

/** Starts a server once to ask it which tools it uses. */
export async function readConditions(resources: Resources): Promise<Record<string, string>> {
  const [load = 0] = loadavg();
  const dataDir = resources.folder('conditions');
  const server = await startServer(resources, { dataDir, settings: { DEMO: 'off' } });
  await server.stop();
  const processors = cpus();
  return {
    commit: commit(),
    machine: `${processors[0]?.model.trim() ?? 'unknown processor'}, ${processors.length} cores, ${(totalmem() / 1024 ** 3).toFixed(1)} GiB memory`,
    'load before (1 minute)': `${load.toFixed(2)}${load > busyLoad ? ': other programs were running, which distorts times' : ''}`,
    system: `${type()} ${release()} ${arch()}`,
    Node: process.version,
    SQLite: sqliteVersionOf(join(dataDir, 'tiktok.sqlite')),
    ffmpeg: server.tools.ffmpegVersion,
    settings: 'the defaults, but for what a figure says; log lines (level info, one for each request) go to a file',
  };
}

function commit(): string {
  try {
    const git = (...args: string[]): string =>
      execFileSync('git', args, { cwd: repository, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    const changed = git('status', '--porcelain', '--', 'server/src', 'contract/src', 'package-lock.json') !== '';
    return `${git('rev-parse', '--short=12', 'HEAD')}${changed ? ', with changes that are not committed' : ''}`;
  } catch {
    return 'unknown: not a git checkout';
  }
}
