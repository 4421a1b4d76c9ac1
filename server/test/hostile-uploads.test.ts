import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { operations } from '@tiktok-server/contract';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { fetchMedia } from './clips.ts';
import type { HostileFile } from './hostile-file.ts';
import { hostileFiles } from './hostile-files.ts';
import { systemTools } from './quick-tools.ts';
import {
  type Answer,
  listOf,
  parseAnswer,
  type Row,
  startTestServer,
  type TestServer,
  type TestUser,
  temporaryFolder,
  textOf,
} from './server.ts';
import { mediaFile, mediaFiles, stagedFiles } from './stored.ts';

/** Every file of the corpus goes through the production path; then the disk, the database and the answers are searched. */
let server: TestServer;
let user: TestUser;
let listener: Server;
let connections = 0;
const scratch = temporaryFolder();
const results: Result[] = [];

type Result = HostileFile & { readonly answer: Answer; readonly status: number; readonly tookMs: number };

const atOnce = 3;
/** The app gives up after so long. */
const patienceMs = 5_000;
/** On a machine that does other things as well. */
const sentWithinMs = 300_000;
const settledWithinMs = 200_000;
const secret = 'the-content-of-a-file-that-nobody-may-see';

beforeAll(async () => {
  // Behind the answer everything is niced: one after the other takes minutes on a busy machine, many keep uploads waiting.
  server = await startTestServer({ ...systemTools, UPLOADS_PER_USER: '4', MEDIA_WORKERS: '2' });
  user = await server.user();
  const secretPath = join(server.dataDir, 'secret.txt');
  writeFileSync(secretPath, secret.repeat(100));
  listener = createServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error('the listener does not listen');
  const folder = join(scratch.path, 'made');
  mkdirSync(folder);
  const ffmpeg = async (args: readonly string[]): Promise<void> => {
    const run = await server.context.transcoder.run('ffmpeg', ['-v', 'error', ...args], {
      timeoutMs: 20_000,
      maxOutputBytes: 1024,
    });
    if (run.exitCode !== 0) throw new Error(`ffmpeg ${args.join(' ')}: ${run.stderrTail}`);
  };
  const files = await hostileFiles({ secretPath, port: address.port, ffmpeg, folder });
  const queue = files.values();
  const sendAll = async (): Promise<void> => {
    for (const file of queue) results.push(await send(file));
  };
  await Promise.all(Array.from({ length: atOnce }, sendAll));
  expect(results).toHaveLength(files.length);
  // A machine that is busy is slow with any file; one that a file keeps busy is slow with it again.
  for (const late of results.filter(isLate)) results.push(await send({ ...late, name: alone(late.name) }));
  expect(files.length).toBeGreaterThan(120);
}, sentWithinMs);

afterAll(async () => {
  listener.close();
  await server.close();
  scratch.remove();
});

async function send(file: HostileFile): Promise<Result> {
  const fileName = (file.fileName ?? 'video.mp4').replaceAll('"', '%22');
  const head = `--x\r\nContent-Disposition: form-data; name="data"; filename="${fileName}"\r\nContent-Type: video/mp4\r\n\r\n`;
  const startedMs = performance.now();
  const response = await server.context.app.inject({
    method: 'POST',
    url: operations.publish.path,
    query: { token: user.token, title: file.name.replaceAll('\0', '') },
    headers: { 'content-type': 'multipart/form-data; boundary=x' },
    payload: Buffer.concat([Buffer.from(head), file.content, Buffer.from('\r\n--x--\r\n')]),
  });
  const tookMs = performance.now() - startedMs;
  return { ...file, answer: parseAnswer(response.body), status: response.statusCode, tookMs };
}

const isLate = ({ tookMs }: Result): boolean => tookMs > patienceMs;
const alone = (name: string): string => `${name}, alone`;
const taken = (): Result[] => results.filter(({ answer }) => answer.status_code === 0);
const mine = async (): Promise<Row[]> =>
  listOf(await server.call('publishList', {}, { token: user.token }), 'video_list');

/** Everything that the blob store holds and what is staged for it, but the lock on it. */
const kept = async (): Promise<string[]> => (await mediaFiles(server)).filter((path) => !path.startsWith('.lock'));

/** Waits until no video is worked on, and none waits to be tried again: on a busy computer a first attempt may be too slow. */
async function settled(): Promise<void> {
  const unfinished = () =>
    server.context.database.reader
      .selectFrom('outbox')
      .select(['name', 'payload', 'attempts', 'last_error'])
      .where('name', 'like', 'video.%')
      .execute();
  await vi.waitFor(
    async () => {
      await server.context.jobs.processAll();
      expect(await unfinished()).toEqual([]);
    },
    { timeout: settledWithinMs, interval: 100 },
  );
}

/** Programs that this process has started and that still run; elsewhere than on Linux nobody can tell so simply. */
function children(): string[] {
  const path = `/proc/self/task/${process.pid}/children`;
  if (!existsSync(path)) return [];
  const ids = readFileSync(path, 'utf8')
    .split(' ')
    .filter((id) => id !== '');
  return ids.map((id) => readFileSync(`/proc/${id}/comm`, 'utf8').trim());
}

describe('a hostile upload', () => {
  it('is answered with HTTP 200 and a code of uploads, or with success where it is a real video', () => {
    const wrong = results.filter(({ outcome, answer, status }) => {
      const isRefusal = answer.status_code > 110_600 && answer.status_code < 110_700;
      const fits = {
        refused: isRefusal,
        accepted: answer.status_code === 0,
        either: isRefusal || answer.status_code === 0,
        unplayable: isRefusal || answer.status_code === 0,
      };
      return status !== 200 || !fits[outcome];
    });
    expect(wrong.map(({ name, status, answer }) => [name, status, answer])).toEqual([]);
  });

  it('is told which rule it breaks, in words of ours', () => {
    for (const { name, answer } of results) {
      if (answer.status_code === 0) continue;
      expect([name, answer.status_msg]).toEqual([name, expect.stringMatching(/^The .+: .+/)]);
      expect(answer.status_msg).not.toMatch(/ffmpeg|ffprobe|moov|\/tmp|\.staged|Invalid|Error/);
    }
  });

  it('is answered long before the app gives up', () => {
    const inTime = new Set(results.filter((result) => !isLate(result)).map(({ name }) => name));
    const slow = results.filter((result) => isLate(result) && !inTime.has(alone(result.name)));
    expect(slow.map(({ name, tookMs }) => [name, Math.round(tookMs)])).toEqual([]);
  });

  it('leaves no row and no file where it is refused', async () => {
    await settled();
    expect((await mine()).map((video) => textOf(video, 'title')).sort()).toEqual(
      taken()
        .map(({ name }) => name)
        .sort(),
    );
    // All files of a video lie in one folder; those that were replaced stay for a day.
    const rows = await server.context.database.reader.selectFrom('videos').select('id').execute();
    const folders = new Set((await kept()).map((path) => path.split('/').slice(0, 2).join('/')));
    expect([...folders].sort()).toEqual(rows.map(({ id }) => `videos/${id}`).sort());
    expect(rows).toHaveLength(taken().length);
    // What was taken is prepared, each within its own bounds.
  }, 240_000);

  it('leads nowhere: no other file is read, and nobody is called', async () => {
    for (const path of await kept()) {
      const content = await mediaFile(server, path);
      expect([path, content.includes(secret.slice(0, 16))]).toEqual([path, false]);
    }
    expect(JSON.stringify(results.map(({ answer }) => answer))).not.toContain(secret.slice(0, 16));
    expect(connections).toBe(0);
  });

  it('leaves no program running', async () => {
    await settled();
    expect(children().filter((name) => name.startsWith('ff'))).toEqual([]);
  });
});

describe('what was taken', () => {
  it('is served as a video and nothing else', async () => {
    const videos = await mine();
    for (const video of videos) {
      const { status, type } = await fetchMedia(server, textOf(video, 'play_url'));
      expect([textOf(video, 'title'), status]).toEqual([textOf(video, 'title'), 200]);
      expect(type).toMatch(/^video\/(?:mp4|webm)$|^application\/octet-stream$/);
      // What another server sends is served from another origin, where a page could do no harm to ours.
      if (server.bucket !== undefined) continue;
      const { pathname } = new URL(textOf(video, 'play_url'));
      const { headers } = await server.context.app.inject({ url: pathname });
      expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff' });
      expect(headers['content-security-policy']).toContain('sandbox');
    }
    expect(videos.map((video) => textOf(video, 'title'))).toContain('a video that is a page as well');
  });

  it('is prepared, or fails with a reason, and carries nothing along', async () => {
    await settled();
    const videos = await mine();
    expect(videos).toHaveLength(taken().length);
    const unplayable = results.filter(({ outcome }) => outcome === 'unplayable').map(({ name }) => name);
    for (const video of videos) {
      const states = unplayable.includes(textOf(video, 'title')) ? ['failed'] : ['ready', 'failed'];
      expect([textOf(video, 'title'), states]).toEqual([video['title'], expect.arrayContaining([video['state']])]);
      if (video['state'] === 'failed') expect(video['failure']).not.toBe('');
      if (video['state'] !== 'ready') continue;
      const file = await fetchMedia(server, textOf(video, 'play_url'));
      expect([textOf(video, 'title'), file.body.includes('<script>')]).toEqual([textOf(video, 'title'), false]);
    }
    expect(connections).toBe(0);
    expect(stagedFiles(server.dataDir)).toEqual([]);
  });

  it('did not keep the server from taking a good one', async () => {
    const id = await server.publish(user, 'after all that');
    expect((await server.call('video', { video_id: id })).status_code).toBe(0);
  });
});
