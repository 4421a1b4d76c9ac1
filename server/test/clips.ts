/** Small real clips, made by ffmpeg's own generators as they are needed. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { TestServer } from './server.ts';

const run = promisify(execFile);
const toolTimeoutMs = 20_000;

async function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'tiktok-server-clip-'));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Runs the server's ffmpeg with these arguments and returns the file `clip.<extension>` that they write. */
export async function makeClip(
  server: TestServer,
  extension: string,
  arguments_: readonly string[],
): Promise<Buffer<ArrayBuffer>> {
  return await withFolder(async (folder) => {
    const path = join(folder, `clip.${extension}`);
    await run(server.context.transcoder.info.ffmpeg, ['-v', 'error', '-nostdin', ...arguments_, '-y', path], {
      timeout: toolTimeoutMs,
    });
    return await readFile(path);
  });
}

/** Moving colours, 64 × 64, one second; `sound` adds a tone. */
export const testPattern = ['-f', 'lavfi', '-i', 'testsrc2=size=64x64:rate=10:duration=1'] as const;
export const testTone = ['-f', 'lavfi', '-i', 'sine=frequency=440:duration=1'] as const;
/** What every browser plays. */
export const plainH264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p'] as const;

/** What ffprobe prints about a file, as JSON or another format that `arguments_` ask for. */
export async function probe(server: TestServer, file: Buffer, arguments_: readonly string[]): Promise<string> {
  return await withFolder(async (folder) => {
    const path = join(folder, 'probed');
    await writeFile(path, file);
    const { stdout } = await run(server.context.transcoder.info.ffprobe, ['-v', 'error', ...arguments_, path], {
      timeout: toolTimeoutMs,
    });
    return stdout;
  });
}

/** What ffmpeg's filters say about a file while it is decoded: its standard error. */
export async function analyse(server: TestServer, file: Buffer, arguments_: readonly string[]): Promise<string> {
  return await withFolder(async (folder) => {
    const path = join(folder, 'analysed');
    await writeFile(path, file);
    const args = ['-hide_banner', '-nostats', '-nostdin', '-i', path, ...arguments_, '-f', 'null', '-'];
    const { stderr } = await run(server.context.transcoder.info.ffmpeg, args, { timeout: toolTimeoutMs });
    return stderr;
  });
}

/** Kinds and order of the boxes at the top of an MP4. */
export function topBoxes(file: Buffer): string[] {
  const types: string[] = [];
  for (let offset = 0; offset + 8 <= file.length; ) {
    types.push(file.toString('latin1', offset + 4, offset + 8));
    const size = file.readUInt32BE(offset);
    if (size < 8) break;
    offset += size;
  }
  return types;
}

/** Fetches a file by the absolute address that an answer gave, also where it leads to another server. */
export async function fetchMedia(
  server: TestServer,
  url: string,
): Promise<{ status: number; type: string; body: Buffer }> {
  const { pathname } = new URL(url);
  const response = await server.context.app.inject({ url: pathname });
  const { location } = response.headers;
  if (location !== undefined) {
    const next = new URL(location, url);
    if (next.host === new URL(url).host) return await fetchMedia(server, next.href);
    const elsewhere = await fetch(location);
    return {
      status: elsewhere.status,
      type: String(elsewhere.headers.get('content-type')),
      body: Buffer.from(await elsewhere.arrayBuffer()),
    };
  }
  return {
    status: response.statusCode,
    type: String(response.headers['content-type']),
    body: response.rawPayload,
  };
}
