import { operations } from '@tiktok-server/contract';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { listOf, startTestServer, type TestServer, textOf } from '../../test/server.ts';
import { answerOf, exchange, listen, requestText, type WireResponse } from '../../test/sockets.ts';
import { removeMediaPlace } from '../../test/stored.ts';

/** The pages for people, the health of the server, and what every answer carries, whatever it is. */
let server: TestServer;
let port: number;

beforeAll(async () => {
  server = await startTestServer();
  port = await listen(server);
});
afterAll(() => server.close());

const get = (path: string, headers: Readonly<Record<string, string>> = {}): Promise<WireResponse> =>
  exchange(port, requestText('GET', path, headers));

/** What the page at `path` loads by itself; links that a person may follow are not among it. */
function loadedBy(html: string): string[] {
  return [...html.matchAll(/<(?:link|script|img|video|source|iframe)\b[^>]*?\s(?:href|src)="([^"]*)"/g)].map(
    ([, url]) => url ?? '',
  );
}

describe.each(['/', '/docs'])('the page %s', (path) => {
  it('loads what it needs from here, and all of it is there with its type', async () => {
    const page = await get(path);
    expect([page.status, page.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
    const html = page.body.toString('utf8');
    const urls = loadedBy(html);
    expect(urls.length).toBeGreaterThanOrEqual(3);
    for (const url of urls) {
      expect(url).toMatch(/^\/[^/]/);
      const asset = await get(url);
      const type = url.endsWith('.css') ? 'text/css' : url.endsWith('.js') ? 'text/javascript' : 'image/';
      expect([url, asset.status, asset.headers['content-type']]).toEqual([url, 200, expect.stringContaining(type)]);
      expect(asset.body.length).toBeGreaterThan(0);
    }
    // Nothing inline, and no other origin: the policy forbids it, so it would not even work.
    expect(html).not.toMatch(/<script(?![^>]*\ssrc=)|<style|\son\w+=|\sstyle=|javascript:|https?:\/\//);
  });

  it('may run only scripts of its own', async () => {
    const { 'content-security-policy': policy = '' } = (await get(path)).headers;
    const directives = new Map(policy.split(';').map((one) => [one.trim().split(' ')[0], one.trim()]));
    expect(directives.get('default-src')).toBe("default-src 'none'");
    expect(directives.get('script-src')).toBe("script-src 'self'");
    expect(directives.get('connect-src')).toBe("connect-src 'self'");
    expect(directives.get('frame-ancestors')).toBe("frame-ancestors 'none'");
    expect(directives.get('base-uri')).toBe("base-uri 'none'");
    expect(policy).not.toMatch(/unsafe-eval|\*|https?:/);
    // Swagger UI sets style attributes; nothing else may.
    expect(policy.includes('unsafe-inline')).toBe(path === '/docs');
    expect(directives.get('style-src')).toBe(
      path === '/docs' ? "style-src 'self' 'unsafe-inline'" : "style-src 'self'",
    );
  });
});

it('the page to try the API asks for the document that is served, and no other origin', async () => {
  const script = (await get('/docs/init.js')).body.toString('utf8');
  const [, url = ''] = /url: '(.*)'/.exec(script) ?? [];
  expect(JSON.parse((await get(url)).body.toString('utf8'))).toMatchObject({
    openapi: '3.1.0',
    servers: [{ url: '/' }],
  });
  expect(script).toContain('validatorUrl: null');
  expect((await get('/openapi.json')).status).toBe(200);
  expect((await get('/docs/')).status).toBe(200);
  for (const path of ['/docs/../package.json', '/docs/package.json', '/assets/', '/assets/../src/main.ts']) {
    expect([path, (await get(path)).status]).toEqual([path, 404]);
  }
});

describe('every answer', () => {
  it('carries the security headers and an id, and says nothing about what serves it', async () => {
    const user = await server.user();
    await server.publish(user);
    const [video] = listOf(await server.call('feed'), 'video_list');
    const media = new URL(textOf(video, 'play_url')).pathname;
    const { etag = '' } = (await get(media)).headers;
    const seen: [string, WireResponse][] = [];
    for (const path of [
      '/',
      '/docs',
      '/docs/init.js',
      '/docs/swagger-ui.css',
      '/openapi.json',
      '/favicon.ico',
      media,
    ]) {
      seen.push([path, await get(path)]);
    }
    for (const path of ['/healthz', '/readyz', '/nothing', '/%zz', '/media/nothing', '/douyin/feed/']) {
      seen.push([path, await get(path)]);
    }
    seen.push(['refused', await get('/douyin/user/?user_id=x')]);
    seen.push(['wrong method', await get(operations.login.path)]);
    seen.push(['not changed', await get(media, { 'if-none-match': etag })]);
    seen.push(['a part', await get(media, { range: 'bytes=0-9' })]);
    seen.push(['no such part', await get(media, { range: 'bytes=999999999-' })]);
    const ids = new Set<string | undefined>();
    for (const [what, { headers, status, body }] of seen) {
      expect([what, headers]).toEqual([
        what,
        expect.objectContaining({
          'x-content-type-options': 'nosniff',
          'x-frame-options': 'DENY',
          'referrer-policy': 'no-referrer',
          'x-request-id': expect.stringMatching(/^[\w-]{3,40}$/),
        }),
      ]);
      for (const name of ['x-powered-by', 'server', 'set-cookie'])
        expect([what, headers[name]]).toEqual([what, undefined]);
      ids.add(headers['x-request-id']);
      const isPage = what === '/' || what === '/docs';
      expect([what, headers['content-type']?.startsWith('text/html') ?? false]).toEqual([what, isPage]);
      if (status >= 400) expect(body.toString('utf8')).toMatch(/^\{"status_code":\d{6},"status_msg":"/);
    }
    expect(ids.size).toBe(seen.length);
  });

  it('of the API may not be kept by a cache', async () => {
    for (const path of ['/douyin/feed/', '/douyin/user/?user_id=x', '/nothing', '/douyin/user/login/']) {
      expect([path, (await get(path)).headers['cache-control']]).toEqual([path, 'no-store']);
    }
  });

  it('repeats nothing of the request that a browser could run', async () => {
    const script = '<script>alert(1)</script>';
    for (const path of [
      `/${script}`,
      `/douyin/feed/?token=${script}`,
      `/douyin/user/?user_id=${script}`,
      `/media/${script}`,
    ]) {
      const response = await get(path.replaceAll(' ', '%20'), { 'accept-language': script, accept: 'text/html' });
      expect(response.body.toString('utf8')).not.toContain('<');
      expect(response.headers['content-type']).toBe('application/json; charset=utf-8');
    }
  });
});

describe('health', () => {
  const ready = async (one: TestServer, language = 'en') =>
    await one.context.app.inject({ url: '/readyz', headers: { 'accept-language': language } });

  it('is good when everything answers', async () => {
    expect(answerOf(await get('/healthz'))).toEqual({ status_code: 0, status_msg: '' });
    expect(answerOf(await get('/readyz'))).toEqual({
      status_code: 0,
      status_msg: '',
      database: 'ok',
      cache: 'ok',
      queue: 'ok',
      blobs: 'ok',
    });
  });

  it('names what has failed, with 503 and when to ask again, and nothing of the cause', async () => {
    const broken = await startTestServer();
    try {
      await removeMediaPlace(broken);
      const response = await ready(broken);
      expect([response.statusCode, response.headers['retry-after']]).toEqual([503, '2']);
      expect(response.headers['cache-control']).toBe('no-store');
      expect(response.json()).toEqual({
        status_code: 110_702,
        status_msg: 'The server is overloaded, please try again: not ready: blobs',
      });
      vi.spyOn(broken.context.database, 'ping').mockRejectedValue(new Error('/secret/path'));
      expect((await ready(broken, 'zh')).json()).toEqual({
        status_code: 110_702,
        status_msg: '服务器繁忙，请稍后再试: 尚未就绪：database, blobs',
      });
      // The process itself is fine: nobody should restart it.
      expect((await broken.context.app.inject({ url: '/healthz' })).statusCode).toBe(200);
    } finally {
      await broken.close();
    }
  });

  it('does not wait for ever for what does not answer, nor break on what throws', async () => {
    const { cache } = server.context;
    const hanging = vi.spyOn(cache, 'ping').mockImplementation(() => new Promise<void>(() => undefined));
    const startedMs = performance.now();
    const response = await get('/readyz');
    hanging.mockRestore();
    expect(performance.now() - startedMs).toBeLessThan(4_000);
    expect([response.status, answerOf(response).status_msg]).toEqual([503, expect.stringMatching(/not ready: cache$/)]);
    const throwing = vi.spyOn(cache, 'ping').mockImplementation(() => {
      throw new Error('/secret/path');
    });
    const thrown = await get('/readyz');
    throwing.mockRestore();
    expect([thrown.status, answerOf(thrown).status_msg]).toEqual([503, expect.stringMatching(/not ready: cache$/)]);
    expect((await get('/readyz')).status).toBe(200);
  });
});
