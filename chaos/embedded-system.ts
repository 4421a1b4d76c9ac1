/** The form that `npm start` runs: one process that is everything. What can happen to it is that it dies or stands still. */
import { join } from 'node:path';
import { freePorts } from '../engines/programs.ts';
import { ServerProcess } from './server-process.ts';
import { bindFaults, type FaultOf, newApi, type System, unnoticed } from './system.ts';
import { sqliteTables } from './tables.ts';

/** Everything of it lies in `folder`; logs may lie elsewhere, to stay. */
export async function startEmbeddedSystem(folder: string, logs: string = join(folder, 'logs')): Promise<System> {
  const [port = 0] = await freePorts(1);
  const data = join(folder, 'server');
  const server = new ServerProcess({
    name: 'server',
    folder: data,
    logs,
    settings: { PORT: String(port) },
  });
  await server.start();
  const api = newApi('server', port);
  return {
    mode: 'embedded',
    apis: [api],
    processes: [server],
    tables: sqliteTables(join(data, 'tiktok.sqlite')),
    bucket: undefined,
    faults: bindFaults(embeddedFaults, server),
    versions: { SQLite: process.versions['sqlite'] ?? 'unknown' },
    close: async () => {
      api.agent.destroy();
      await server.stop();
    },
    closeNow: () => server.killNow(),
  };
}

export const embeddedFaults: readonly FaultOf<ServerProcess>[] = [
  {
    name: 'server-kill',
    title: 'kill -9 of the server',
    lastsMs: [0, 400],
    tolerance: { ...unnoticed, unanswered: () => true },
    begin: async (server) => {
      await server.kill();
      return { end: () => server.startAgain() };
    },
  },
  {
    name: 'server-pause',
    title: 'the server stands still (SIGSTOP) and goes on',
    lastsMs: [300, 2_000],
    tolerance: unnoticed,
    begin: async (server) => {
      server.pause();
      return { end: async () => server.resume() };
    },
  },
];
