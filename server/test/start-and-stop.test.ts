import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { startArguments } from '../../scripts/start-command.ts';
import { multipart, someVideo, temporaryFolder, textOf } from './server.ts';
import {
  callServer,
  endProcess,
  freePort,
  type ServerProcess,
  spawnServer,
  startServerProcess,
} from './server-process.ts';
import { answerOf, type Connection, open, requestText } from './sockets.ts';
import { stagedFiles } from './stored.ts';

/** How a real server process starts, refuses to start, and ends. */
const folders: ReturnType<typeof temporaryFolder>[] = [];
const running: ServerProcess[] = [];

function folder(): string {
  const made = temporaryFolder();
  folders.push(made);
  return made.path;
}

async function start(dataDir: string, settings: Readonly<Record<string, string>> = {}): Promise<ServerProcess> {
  const server = await startServerProcess(dataDir, settings);
  running.push(server);
  return server;
}

afterAll(async () => {
  await Promise.all(running.map((server) => server.end('SIGKILL')));
  for (const made of folders) made.remove();
});

/** Starts a server that should not start: how it ended and what it said. */
async function refusal(dataDir: string, settings: Readonly<Record<string, string>>): Promise<[number | null, string]> {
  const child = spawnServer(dataDir, settings);
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => (said += chunk.toString('utf8')));
  await once(child, 'close');
  return [await endProcess(child, 'SIGKILL'), said];
}

const oneLine = (start: string): RegExp => new RegExp(`^${start}[^\\n]*\\n$`);

describe('a server that cannot start', () => {
  it('for a setting that is wrong names it in one line and ends with 1', async () => {
    const wrong = {
      PORT: 'eighty',
      DATABASE_URL: 'postgres://root:s3cret@127.0.0.1/test',
      FFMPEG_PATH: '/nothing/ffmpeg',
    };
    const refusals = Object.entries(wrong).map(async ([name, value]) => {
      const [code, said] = await refusal(folder(), { [name]: value });
      expect(said).toMatch(oneLine(name));
      expect(said).not.toContain('s3cret');
      expect(code).toBe(1);
    });
    await Promise.all(refusals);
  });

  it('because its port is taken, or its data is in use, says so; the one that has them is not disturbed', async () => {
    const dataDir = folder();
    const first = await start(dataDir);
    const { port } = new URL(first.url);
    const [taken, used] = await Promise.all([
      refusal(folder(), { PORT: port, LOG_LEVEL: 'silent' }),
      refusal(dataDir, {}),
    ]);
    expect(taken).toEqual([1, expect.stringMatching(oneLine(`.*EADDRINUSE.*${port}.* set PORT`))]);
    expect(used).toEqual([1, expect.stringMatching(oneLine(`DATA_DIR: ${dataDir} is in use by another server`))]);
    expect((await callServer(first.url, 'GET', '/healthz', {})).status_code).toBe(0);
  });
});

it('a server whose log cannot be written says so once, serves on, and stops in an orderly way', async () => {
  const full = openSync('/dev/full', 'w');
  const dataDir = folder();
  const port = await freePort();
  const child = spawnServer(dataDir, { PORT: String(port) }, full);
  closeSync(full);
  let complaint = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    complaint += chunk.toString('utf8');
  });
  const url = `http://127.0.0.1:${port}`;
  await vi.waitFor(async () => expect((await callServer(url, 'GET', '/healthz', {})).status_code).toBe(0), {
    timeout: 20_000,
  });
  await vi.waitFor(() => expect(complaint).toMatch(/^log lines are lost: ENOSPC.*\n$/), { timeout: 5_000 });
  expect((await callServer(url, 'GET', '/douyin/feed/', {})).status_code).toBe(0);
  expect(await endProcess(child, 'SIGTERM')).toBe(0);
  expect(complaint.split('\n')).toHaveLength(2);
});

describe('a server that is told to stop', () => {
  async function halfUpload(server: ServerProcess, dataDir: string): Promise<[Connection, Buffer]> {
    const user = await callServer(server.url, 'POST', '/douyin/user/register/', {
      username: 'a',
      password: 'password',
    });
    const body = multipart([], { data: someVideo });
    const headers = { ...body.headers, 'content-length': String(body.payload.length) };
    const head = requestText('POST', `/douyin/publish/action/?token=${textOf(user, 'token')}`, headers);
    const bytes = Buffer.concat([Buffer.from(head), body.payload]);
    const connection = open(Number(new URL(server.url).port));
    connection.write(bytes.subarray(0, 50_000));
    await vi.waitFor(() => expect(stagedFiles(dataDir)).toHaveLength(1));
    return [connection, bytes.subarray(50_000)];
  }

  it('finishes an upload that is under way, then ends with 0, and the video is there', async () => {
    const dataDir = folder();
    const adminPort = await freePort();
    const server = await start(dataDir, { ADMIN_PORT: String(adminPort) });
    const [connection, rest] = await halfUpload(server, dataDir);
    server.child.kill('SIGTERM');
    await vi.waitFor(async () => await expect(fetch(new URL('/healthz', server.url))).rejects.toThrow());
    // Who shares out requests learns that there is no use in sending any.
    const ready = await fetch(`http://127.0.0.1:${adminPort}/readyz`);
    expect([ready.status, await ready.text()]).toEqual([503, 'not ready: this process is ending\n']);
    connection.write(rest);
    expect(answerOf(await connection.response())).toMatchObject({ status_code: 0, status_msg: '' });
    // Not when the connection, which the answer kept alive, has been idle for long enough.
    const answeredMs = performance.now();
    if (server.child.exitCode === null) await once(server.child, 'exit');
    expect(performance.now() - answeredMs).toBeLessThan(5_000);
    expect(server.child.exitCode).toBe(0);
    expect(readdirSync(join(dataDir, 'media', 'videos'))).toHaveLength(1);
    expect(stagedFiles(dataDir)).toEqual([]);
  });

  it('stops with npm, which does not hand the signal on', async () => {
    const dataDir = folder();
    const port = await freePort();
    // As npm does it: a shell that waits, and does nothing else.
    const shell = spawn('sh', ['-c', '"$0" "$@" & wait', process.execPath, ...startArguments()], {
      cwd: dataDir,
      env: { PATH: '/usr/local/bin:/usr/bin:/bin', DATA_DIR: dataDir, PORT: String(port), DEMO: 'off' },
      stdio: 'ignore',
    });
    const alive = () => callServer(`http://127.0.0.1:${port}`, 'GET', '/healthz', {});
    await vi.waitFor(async () => expect((await alive()).status_code).toBe(0), { timeout: 20_000 });
    expect(await endProcess(shell, 'SIGTERM')).toBe(null);
    await vi.waitFor(() => expect(alive()).rejects.toThrow(), { timeout: 10_000 });
    // Nobody holds the folder any more.
    const next = await start(dataDir);
    expect(await next.end('SIGTERM')).toBe(0);
  });

  it('does not wait longer than it may for one that never comes to its end', async () => {
    const dataDir = folder();
    const server = await start(dataDir, { SHUTDOWN_TIMEOUT: '300ms' });
    const [connection] = await halfUpload(server, dataDir);
    const startedMs = performance.now();
    expect(await server.end('SIGTERM')).toBe(0);
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    connection.socket.destroy();
  });
});
