/** Resumable uploads through the end of the server: killed in the middle of one, and between its last byte and its video. */
import { afterEach, expect, it } from 'vitest';
import { createHeldFfmpeg } from './held-ffmpeg.ts';
import { listOf, someVideo, temporaryFolder, textOf } from './server.ts';
import { callServer, endProcess, freePort, type ServerProcess, startServerProcess } from './server-process.ts';
import { openBreakingWay, refusalOf, tusUpload } from './tus.ts';

/** Three starts of servers, and what their machine may do beside. */
const timeoutMs = 120_000;
const chunkBytes = 64 * 1024;
const headersBytes = 16 * 1024;
/** Until a server has started again. */
const retryDelays = [0, ...Array.from({ length: 1_000 }, () => 100)];

const closers: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function start(dataDir: string, settings: Record<string, string>): Promise<ServerProcess> {
  const server = await startServerProcess(dataDir, settings);
  closers.push(() => endProcess(server.child, 'SIGKILL'));
  return server;
}

async function prepare() {
  const folder = temporaryFolder();
  closers.push(() => folder.remove());
  const port = await freePort();
  const ffmpeg = await createHeldFfmpeg();
  closers.push(() => ffmpeg.remove());
  const settings = { PORT: String(port), FFMPEG_PATH: ffmpeg.path };
  const server = await start(folder.path, settings);
  const answer = await callServer(server.url, 'POST', '/douyin/user/register/', {
    username: 'ann',
    password: 'secret1',
  });
  const token = textOf(answer, 'token');
  const titles = async (): Promise<unknown[]> => {
    const list = await callServer(server.url, 'GET', '/douyin/publish/list/', { token });
    return listOf(list, 'video_list').map((video) => video['title']);
  };
  return { server, port, token, ffmpeg, titles, restart: () => start(folder.path, settings) };
}

it('goes on after the server was killed in the middle, and sends at most one chunk again', {
  timeout: timeoutMs,
}, async () => {
  const { server, port, token, titles, restart } = await prepare();
  const way = await openBreakingWay(port);
  closers.push(() => way.close());
  let killed = false;
  const { done, answers } = tusUpload(way.url, { token }, someVideo, {
    retryDelays,
    onProgress: (sent) => {
      if (sent < 2 * chunkBytes || killed) return;
      killed = true;
      server.child.kill('SIGKILL');
    },
  });
  await expect.poll(() => server.child.signalCode, { timeout: 30_000 }).toBe('SIGKILL');
  await restart();
  expect((await done)('upload-video-id')).toBeDefined();
  expect(answers.filter((answer) => answer === 'HEAD 200')).toHaveLength(1);
  expect(way.sentBytes).toBeLessThan(someVideo.length + chunkBytes + headersBytes);
  expect(await titles()).toHaveLength(1);
});

it('is published after a restart if the server was killed between its last byte and its video', {
  timeout: timeoutMs,
}, async () => {
  const { server, token, ffmpeg, titles, restart } = await prepare();
  ffmpeg.hold('uploads');
  const { done } = tusUpload(server.url, { token }, someVideo, { metadata: { title: 'late' }, retryDelays: [] });
  expect((await refusalOf(done)).status).toBe(503);
  await server.end('SIGKILL');
  ffmpeg.letGo('uploads');
  await restart();
  // Nobody asks for the upload; its job need not wait for a process that is gone.
  await expect.poll(titles, { timeout: 30_000 }).toEqual(['late']);
});
