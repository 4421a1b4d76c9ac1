import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { startCollector } from './collector.ts';
import { temporaryFolder } from './server.ts';
import { callServer, type ServerProcess, startServerProcess } from './server-process.ts';

/** What is off costs nothing: a real process is watched loading its modules. */
const folders: ReturnType<typeof temporaryFolder>[] = [];
const running: ServerProcess[] = [];
afterAll(async () => {
  await Promise.all(running.map((server) => server.end('SIGKILL')));
  for (const folder of folders) folder.remove();
});

/** Writes the address of each module as it is loaded, by `import` or `require`. */
const watcher = [
  "import { appendFileSync } from 'node:fs';",
  "import { registerHooks } from 'node:module';",
  'const load = (url, context, next) => {',
  "  appendFileSync(process.env.LOADED_MODULES, url + '\\n');",
  '  return next(url, context);',
  '};',
  'registerHooks({ load });',
].join('\n');

const packages = [
  '@opentelemetry/api',
  '@opentelemetry/sdk-trace',
  'prom-client',
  'pprof-format',
  'node:inspector',
] as const;

/** Starts a server, lets it answer, and returns which of the packages it has loaded. */
async function loadedBy(settings: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const folder = temporaryFolder();
  folders.push(folder);
  const list = join(folder.path, 'loaded');
  const hook = join(folder.path, 'watcher.mjs');
  writeFileSync(hook, watcher);
  const server = await startServerProcess(folder.path, {
    NODE_OPTIONS: `--import ${pathToFileURL(hook)}`,
    LOADED_MODULES: list,
    ...settings,
  });
  running.push(server);
  expect((await callServer(server.url, 'GET', '/douyin/feed/', {})).status_code).toBe(0);
  expect(await server.end('SIGTERM')).toBe(0);
  const urls = readFileSync(list, 'utf8').split('\n');
  // The watcher sees what it should: modules of ours, packages, and what is required by them.
  for (const known of ['/server/src/main.ts', '/node_modules/fastify/', '/node_modules/find-my-way/']) {
    expect(urls.some((url) => url.includes(known))).toBe(true);
  }
  return packages.filter((name) => urls.some((url) => url.includes(`/node_modules/${name}/`) || url.startsWith(name)));
}

describe.concurrent('a server loads', () => {
  it('neither metrics, nor profiles, nor traces, unless they are on', async () => {
    expect(await loadedBy({})).toEqual([]);
  });

  it('metrics with ADMIN_PORT, and what writes profiles only when one is asked for', async () => {
    // The first is prom-client's own wish: interfaces, of traces that nobody makes.
    expect(await loadedBy({ ADMIN_PORT: '0' })).toEqual(['@opentelemetry/api', 'prom-client', 'node:inspector']);
  });

  it('OpenTelemetry with a collector, to which it sends what it has before it ends', async () => {
    const collector = await startCollector();
    expect(await loadedBy({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url })).toEqual([
      '@opentelemetry/api',
      '@opentelemetry/sdk-trace',
    ]);
    expect(collector.spans.map(({ name }) => name)).toContain('feed');
    collector.close();
  });
});
