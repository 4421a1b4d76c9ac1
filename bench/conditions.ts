/** What a run was measured on, and with. */
import { arch, loadavg, release, type } from 'node:os';
import { join } from 'node:path';
import { describeCommit, describeMachine } from './machine.ts';
import type { Resources } from './resources.ts';
import { sqliteVersionOf, startServer } from './server-process.ts';

/** Above this, a machine is not idle. */
const busyLoad = 0.5;

/** Starts a server once to ask it which tools it uses. */
export async function readConditions(resources: Resources): Promise<Record<string, string>> {
  const [load = 0] = loadavg();
  const dataDir = resources.folder('conditions');
  const server = await startServer(resources, { dataDir, settings: { DEMO: 'off' } });
  await server.stop();
  return {
    commit: describeCommit(),
    machine: describeMachine(),
    'load before (1 minute)': `${load.toFixed(2)}${load > busyLoad ? ': other programs were running, which distorts times' : ''}`,
    system: `${type()} ${release()} ${arch()}`,
    Node: process.version,
    SQLite: sqliteVersionOf(join(dataDir, 'tiktok.sqlite')),
    ffmpeg: server.tools.ffmpegVersion,
    settings: 'the defaults, but for what a figure says; log lines (level info, one for each request) go to a file',
  };
}
