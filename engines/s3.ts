/** A real S3 server: Ceph's object gateway, with one monitor and one store in memory behind it. */
import { randomUUID } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Engine, EngineOptions } from './engine.ts';
import { findProgram, freePorts, type Program, runProgram, startProgram, untilReady } from './programs.ts';
import { createBucket } from './s3-buckets.ts';

const bucket = 'tiktok';
const accessKey = 'testaccesskey';
const secretKey = 'testsecretkey';
/** What one step of the start may take on a machine that is busy; each takes less than a second on an idle one. */
const stepTimeoutMs = 30_000;
/** What all files together may take in memory, in bytes. */
const memoryBytes = 4 * 1024 ** 3;

/**
 * Starts one, with an empty bucket; ready in about 1.5 s, at some 120 MB. Rejects with an {@link EngineMissingError}.
 *
 * What is stored lies in the memory of a process behind the gateway. So `kill` and `pause` meet the gateway alone, which
 * is all that clients see of it, and `start` brings everything back that was answered.
 */
export async function startS3(options: EngineOptions): Promise<Engine> {
  const folder = resolve(options.folder);
  const programs = {
    gateway: findProgram('radosgw', 'radosgw'),
    monitor: findProgram('ceph-mon', 'ceph-mon'),
    store: findProgram('ceph-osd', 'ceph-osd'),
    monitorMap: findProgram('monmaptool', 'ceph-base'),
    control: findProgram('ceph', 'ceph-common'),
    users: findProgram('radosgw-admin', 'ceph-common'),
  };
  const [monitorPort = 0, monitorPortV1 = 0, anyPort = 0] = await freePorts(3);
  const port = options.port ?? anyPort;
  const endpoint = `http://127.0.0.1:${port}`;
  const conf = join(folder, 'ceph.conf');
  const behind: Program[] = [];

  const startGateway = async (): Promise<Program> => {
    const gateway = startProgram(
      programs.gateway,
      ['-f', '-c', conf, '-n', 'client.rgw'],
      join(folder, 'log/gateway.out'),
    );
    await untilReady(gateway, async () => (await fetch(endpoint)).ok, stepTimeoutMs);
    return gateway;
  };
  const endBehind = async (): Promise<void> => {
    for (const program of behind.splice(0).reverse()) await program.kill();
    await rm(folder, { recursive: true, force: true });
  };

  try {
    for (const name of ['monitor', 'store', 'gateway', 'log']) await mkdir(join(folder, name), { recursive: true });
    const cluster = randomUUID();
    const monitorAddress = `[v2:127.0.0.1:${monitorPort},v1:127.0.0.1:${monitorPortV1}]`;
    await writeFile(conf, configuration({ folder, cluster, monitorAddress, port }));
    const run = (program: string, ...args: readonly string[]): Promise<string> =>
      runProgram(program, args, stepTimeoutMs);

    const map = join(folder, 'monitor-map');
    await run(programs.monitorMap, '--create', '--fsid', cluster, '--addv', 'a', monitorAddress, map);
    await run(programs.monitor, '-c', conf, '--mkfs', '-i', 'a', '--monmap', map);
    behind.push(startProgram(programs.monitor, ['-f', '-c', conf, '-i', 'a'], join(folder, 'log/monitor.out')));
    const store = randomUUID();
    await run(programs.control, '-c', conf, 'osd', 'new', store);
    await run(programs.store, '-c', conf, '-i', '0', '--mkfs', '--osd-uuid', store);
    behind.push(startProgram(programs.store, ['-f', '-c', conf, '-i', '0'], join(folder, 'log/store.out')));
    const keys = [`--access-key=${accessKey}`, `--secret-key=${secretKey}`, '--caps=users=*;buckets=*'];
    await run(programs.users, '-c', conf, 'user', 'create', '--uid=app', '--display-name=app', ...keys);

    let gateway = await startGateway();
    const stop = async (): Promise<void> => {
      await gateway.kill();
      await endBehind();
    };
    await createBucket({ endpoint, accessKey, secretKey, bucket }).catch(async (error: unknown) => {
      await gateway.kill();
      throw error;
    });
    return {
      name: 's3',
      port,
      settings: {
        STORAGE_URL: `s3://${bucket}?endpoint=${endpoint}`,
        STORAGE_ACCESS_KEY: accessKey,
        STORAGE_SECRET_KEY: secretKey,
      },
      kill: () => gateway.kill(),
      start: async () => {
        if (!gateway.running) gateway = await startGateway();
      },
      pause: () => gateway.pause(),
      resume: () => gateway.resume(),
      stop,
    };
  } catch (error) {
    await endBehind();
    throw error;
  }
}

/** No authentication between the parts, nothing on any disk but the monitor's map, and no waiting for others. */
function configuration(given: {
  readonly folder: string;
  readonly cluster: string;
  readonly monitorAddress: string;
  readonly port: number;
}): string {
  const { folder, cluster, monitorAddress, port } = given;
  const settings: Readonly<Record<string, string | number>> = {
    fsid: cluster,
    'mon host': monitorAddress,
    'public network': '127.0.0.0/8',
    'cluster network': '127.0.0.0/8',
    'public addr': '127.0.0.1',
    'cluster addr': '127.0.0.1',
    'auth cluster required': 'none',
    'auth service required': 'none',
    'auth client required': 'none',
    // The gateway hangs in its start without it.
    'ms mon client mode': 'crc',
    // There is one monitor, which need not wait a second for what others may propose: the start takes 1 s, not 12 s.
    'paxos propose interval': 0.02,
    'paxos min wait': 0.01,
    'osd pool default size': 1,
    'osd pool default min size': 1,
    'osd crush chooseleaf type': 0,
    'osd pool default pg num': 4,
    'osd pool default pgp num': 4,
    'osd pool default pg autoscale mode': 'off',
    'mon allow pool size one': 'true',
    'mon data avail crit': 1,
    'osd objectstore': 'memstore',
    'memstore device bytes': memoryBytes,
    'osd class load list': '*',
    'osd class default list': '*',
    // Its path would be longer than a socket's may be in a deep folder.
    'admin socket': '',
    'run dir': folder,
    'log file': `${folder}/log/$name.log`,
    'mon data': `${folder}/monitor`,
    'osd data': `${folder}/store`,
    'rgw data': `${folder}/gateway`,
    'rgw frontends': `beast endpoint=127.0.0.1:${port}`,
    'rgw dns name': 'localhost',
    // With one gateway there is nobody to tell of changes; after a kill it would wait for the dead one.
    'rgw cache enabled': 'false',
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
  return `[global]\n${lines.join('\n')}\n`;
}
