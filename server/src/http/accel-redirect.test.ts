/** Files that nginx sends in our place: a real one in front of a real server, with the recipe of docs/operations.md. */
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect } from 'vitest';
import { itWith } from '../../../docker/test/programs.ts';
import { answersAt, createProcess } from '../../../stack/process.ts';
import { listOf, someVideo, startTestServer, type TestServer, temporaryFolder, textOf } from '../../test/server.ts';
import { listen } from '../../test/sockets.ts';

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return address !== null && typeof address === 'object' ? address.port : 0;
}

/** The location as an operator copies it, with the folder of this test, and one for everything else. */
function recipe(server: TestServer, apiPort: number): string {
  const operations = readFileSync(new URL('../../../docs/operations.md', import.meta.url), 'utf8');
  const [, block = ''] = /```nginx\n(# ACCEL_REDIRECT[^`]*)```/.exec(operations) ?? [];
  const internal = block.replace('/var/lib/tiktok-server/media/', `${server.dataDir}/media/`);
  return `location / { proxy_pass http://127.0.0.1:${apiPort}; proxy_http_version 1.1; }\n${internal}`;
}

async function throughNginx(
  nginx: string,
  run: (front: {
    readonly url: string;
    readonly server: TestServer;
    readonly said: readonly string[];
  }) => Promise<void>,
): Promise<void> {
  const folder = temporaryFolder();
  const server = await startTestServer({ ACCEL_REDIRECT: '/protected-media/' });
  const [apiPort, port] = [await listen(server), await freePort()];
  const own = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (one) => `${one}_temp_path ${folder.path}/${one};`,
  );
  const configuration = join(folder.path, 'nginx.conf');
  writeFileSync(
    configuration,
    `daemon off; ${process.getuid?.() === 0 ? 'user root;' : ''} worker_processes 1; pid ${folder.path}/pid; error_log stderr warn;
events { worker_connections 100; }
http { access_log off; ${own.join(' ')} server { listen 127.0.0.1:${port}; ${recipe(server, apiPort)} } }`,
  );
  const url = `http://127.0.0.1:${port}`;
  const said: string[] = [];
  const front = createProcess({
    name: 'nginx',
    command: nginx,
    args: ['-p', folder.path, '-c', configuration, '-e', 'stderr'],
    folder: folder.path,
    environment: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    answers: () => answersAt(`${url}/media/nothing`, 'anything'),
    onLine: (line) => said.push(line),
    onEnd: (how) => said.push(how),
  });
  try {
    await front.start();
    await run({ url, server, said });
  } finally {
    await front.stop();
    await server.close();
    folder.remove();
  }
}

itWith('nginx', 'nginx-light', 'nginx sends the files, with Range and our headers, and nothing else of them', (nginx) =>
  throughNginx(nginx, async ({ url, server }) => {
    const user = await server.user();
    await server.publish(user);
    const [video] = listOf(await server.call('publishList', {}, { token: user.token }), 'video_list');
    const path = new URL(textOf(video, 'play_url')).pathname;
    const bytesOf = async (response: Response): Promise<Buffer> => Buffer.from(await response.arrayBuffer());

    const whole = await fetch(`${url}${path}`, { headers: { origin: 'https://elsewhere.example' } });
    expect([whole.status, (await bytesOf(whole)).equals(someVideo)]).toEqual([200, true]);
    const ours = {
      'content-type': 'video/mp4',
      'cache-control': 'public, max-age=31536000, immutable',
      'accept-ranges': 'bytes',
      'access-control-allow-origin': '*',
      'access-control-expose-headers': expect.stringContaining('Content-Range'),
      'cross-origin-resource-policy': 'cross-origin',
      'content-security-policy': expect.stringMatching(/^default-src 'none';.*sandbox$/),
      'x-content-type-options': 'nosniff',
    };
    expect(Object.fromEntries(whole.headers)).toMatchObject(ours);
    expect(whole.headers.get('x-accel-redirect')).toBeNull();
    expect(whole.headers.get('server')).toMatch(/^nginx/);

    const part = await fetch(`${url}${path}`, { headers: { range: 'bytes=100-199' } });
    expect([part.status, part.headers.get('content-range')]).toEqual([206, `bytes 100-199/${someVideo.length}`]);
    expect((await bytesOf(part)).equals(someVideo.subarray(100, 200))).toBe(true);
    const { 'accept-ranges': _said, ...others } = ours;
    expect(Object.fromEntries(part.headers)).toMatchObject({ ...others, 'content-length': '100' });
    const etag = whole.headers.get('etag') ?? '';
    expect((await fetch(`${url}${path}`, { headers: { 'if-none-match': etag } })).status).toBe(304);
    const head = await fetch(`${url}${path}`, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, String(someVideo.length)]);

    // A playlist, three folders deep.
    const folder = join(server.dataDir, 'media/videos/1/0123456789abcdef0123456789abcdef');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'index.m3u8'), '#EXTM3U\n');
    const playlist = await fetch(`${url}/media/videos/1/0123456789abcdef0123456789abcdef/index.m3u8`);
    expect([playlist.status, await playlist.text()]).toEqual([200, '#EXTM3U\n']);
    expect(playlist.headers.get('content-type')).toBe('application/vnd.apple.mpegurl');
    rmSync(join(folder, 'index.m3u8'));

    for (const none of ['/media/videos/1/0123456789abcdef0123456789abcdef/index.m3u8', '/media/.staged/x', '/media/']) {
      const missing = await fetch(`${url}${none}`);
      expect([none, missing.status, missing.headers.get('cache-control')]).toEqual([none, 404, 'no-store']);
      expect(await missing.json()).toMatchObject({ status_code: 100_008 });
    }
    // Nobody gets there but by us.
    const inside = path.replace('/media/', '/protected-media/');
    expect((await fetch(`${url}${inside}`)).status).toBe(404);
    const preflight = await fetch(`${url}${path}`, { method: 'OPTIONS' });
    expect([preflight.status, preflight.headers.get('access-control-allow-methods')]).toEqual([204, 'GET, HEAD']);
  }),
);
