/** The server as `npm start` runs it: a process of its own that can be killed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { startArguments } from '../../scripts/start-command.ts';
import { quickTools } from './quick-tools.ts';
import { type Answer, parseAnswer } from './server.ts';

const startTimeoutMs = 20_000;
const callTimeoutMs = 20_000;

export type ServerProcess = {
  readonly child: ChildProcess;
  /** Where it is reached, from the last line of its start. */
  readonly url: string;
  /** Every line of the log so far. */
  readonly lines: readonly string[];
  /** Sends a signal and waits for the end; resolves with the exit code, null after a signal that killed it. */
  end(signal: NodeJS.Signals): Promise<number | null>;
};

/** Standard output goes to a pipe, or to a file that the caller has opened. */
export function spawnServer(
  dataDir: string,
  settings: Readonly<Record<string, string>> = {},
  output: 'pipe' | number = 'pipe',
): ChildProcess {
  return spawn(process.execPath, startArguments(), {
    // Away from the repository, so that a settings file there changes nothing.
    cwd: dataDir,
    env: {
      PATH: '/usr/local/bin:/usr/bin:/bin',
      DATA_DIR: dataDir,
      PORT: '0',
      DEMO: 'off',
      RATE_LIMIT: 'off',
      MEDIA_PRIORITY: 'normal',
      VIDEO_ENCODER: 'libx264',
      ...quickTools(),
      ...settings,
    },
    stdio: ['ignore', output, 'pipe'],
  });
}

/** Starts it and waits until it says that it is ready. */
export async function startServerProcess(
  dataDir: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<ServerProcess> {
  const child = spawnServer(dataDir, settings);
  const lines: string[] = [];
  let complaint = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    complaint += chunk.toString('utf8');
  });
  const url = await new Promise<string>((resolve, reject) => {
    const late = setTimeout(() => child.kill('SIGKILL'), startTimeoutMs);
    child.once('exit', (code, signal) => {
      clearTimeout(late);
      reject(new Error(`the server did not start (${code ?? signal}): ${complaint}`));
    });
    if (child.stdout === null) throw new Error('the server has no output');
    createInterface(child.stdout).on('line', (line) => {
      lines.push(line);
      const found = /ready at (http:\/\/\S+)/.exec(line)?.[1];
      if (found === undefined) return;
      clearTimeout(late);
      resolve(found.replace('localhost', '127.0.0.1'));
    });
  });
  return { child, url, lines, end: (signal) => endProcess(child, signal) };
}

export async function endProcess(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) {
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  }
  return child.exitCode;
}

/** Calls an operation with parameters in the query, or as multipart where there is a file; rejects if no answer comes. */
export async function callServer(
  url: string,
  method: 'GET' | 'POST',
  path: string,
  parameters: Readonly<Record<string, string | number>>,
  file?: Buffer<ArrayBuffer>,
): Promise<Answer> {
  const address = new URL(path, url);
  const form = file === undefined ? undefined : new FormData();
  form?.set('data', new Blob([file ?? '']), 'video.mp4');
  for (const [name, value] of Object.entries(parameters)) {
    if (form === undefined) address.searchParams.set(name, String(value));
    else form.set(name, String(value));
  }
  const signal = AbortSignal.timeout(callTimeoutMs);
  const response = await fetch(address, { method, signal, ...(form !== undefined && { body: form }) });
  return parseAnswer(await response.text());
}

/** A port that nothing listens on, for a server whose log cannot say which one it took. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (typeof address !== 'object' || address === null) throw new Error('no free port');
  return address.port;
}
