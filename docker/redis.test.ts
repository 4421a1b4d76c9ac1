/** The shipped redis.conf, in a real Redis. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { startRedis } from '../engines/index.ts';
import { itWith } from './test/programs.ts';

const file = fileURLToPath(new URL('redis.conf', import.meta.url));
const replyTimeoutMs = 5_000;

/** What the server has for a setting: the second of two bulk strings. */
async function setting(port: number, name: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(`CONFIG GET ${name}\r\n`);
  let text = '';
  for await (const bytes of socket.setTimeout(replyTimeoutMs, () => socket.destroy())) {
    text += String(bytes);
    const found = /^\*2\r\n\$\d+\r\n[^\r]*\r\n\$(\d+)\r\n(.*)\r\n$/s.exec(text);
    if (found !== null) return found[2] ?? '';
  }
  throw new Error(`no value of ${name}: ${text}`);
}

itWith('redis-server', 'redis-server', 'is taken by Redis, with the values that the site relies on', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'redis-'));
  const redis = await startRedis({ folder, configFile: file });
  try {
    const wanted = {
      maxmemory: String(100 * 1024 * 1024),
      'maxmemory-policy': 'allkeys-lfu',
      appendonly: 'yes',
      'aof-use-rdb-preamble': 'yes',
      appendfsync: 'everysec',
      save: '3600 1 300 100 60 10000',
      'stop-writes-on-bgsave-error': 'no',
    };
    const found = await Promise.all(Object.keys(wanted).map(async (name) => [name, await setting(redis.port, name)]));
    expect(Object.fromEntries(found)).toEqual(wanted);
  } finally {
    await redis.stop();
  }
});

itWith(
  'redis-server',
  'redis-server',
  'goes with active defragmentation, or the Redis here cannot do it at all',
  (path) => {
    // Refused by one that was not built with its own jemalloc, such as Debian's; the image of compose.yaml was.
    const settings = [
      '--port',
      '0',
      '--save',
      '',
      '--dir',
      tmpdir(),
      '--activedefrag',
      'yes',
      '--maxclients',
      'refused',
    ];
    const { stdout, stderr } = spawnSync(path, settings, { encoding: 'utf8' });
    // Without that, the next setting is what stops it.
    expect(stdout + stderr).toMatch(/Active defragmentation cannot be enabled|maxclients "refused"/);
    expect(readFileSync(new URL('../compose.yaml', import.meta.url), 'utf8')).toContain(`'activedefrag yes'`);
  },
);
