import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listOf, rowOf, startTestServer, type TestServer, textOf } from '../../test/server.ts';
import { answerOf, exchange, listen, requestText } from '../../test/sockets.ts';

/** Under which address a device is told to fetch media: the one by which it reached us, and never one that was forged. */
type Site = { readonly port: number; readonly authorId: number };
const servers: TestServer[] = [];

async function start(settings: Readonly<Record<string, string>>): Promise<Site> {
  const server = await startTestServer(settings);
  servers.push(server);
  const user = await server.user();
  await server.publish(user);
  return { port: await listen(server), authorId: user.id };
}

/** The origins of all addresses in the answer to a request with these headers. */
async function originsOf(site: Site, headers: Readonly<Record<string, string>>): Promise<string> {
  const path = `/douyin/publish/list/?user_id=${site.authorId}`;
  const [video] = listOf(answerOf(await exchange(site.port, requestText('GET', path, headers))), 'video_list');
  const urls = [textOf(video, 'play_url'), textOf(video, 'cover_url')];
  const origins = new Set(urls.map((url) => url.slice(0, url.indexOf('/media/'))));
  expect(origins.size).toBe(1);
  expect(textOf(rowOf(video, 'author'), 'avatar')).toBe('');
  return [...origins].join();
}

const forwarded = { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'videos.example' };

describe('without a proxy', () => {
  let site: Site;
  beforeAll(async () => {
    site = await start({});
  });

  it.each([
    ['videos.example', 'http://videos.example'],
    ['192.168.1.20:8080', 'http://192.168.1.20:8080'],
    ['[fe80::1]:8080', 'http://[fe80::1]:8080'],
    ['localhost:8080', 'http://localhost:8080'],
    ['my_pc.local', 'http://my_pc.local'],
  ])('the host that was asked is the host of the media: %s', async (host, origin) => {
    expect(await originsOf(site, { host })).toBe(origin);
  });

  it('what a client says was forwarded does not count', async () => {
    expect(await originsOf(site, { host: 'here.example', ...forwarded })).toBe('http://here.example');
    expect(await originsOf(site, { host: 'here.example', forwarded: 'host=videos.example;proto=https' })).toBe(
      'http://here.example',
    );
  });

  it.each([
    'evil.example/path',
    'evil.example?x=',
    'evil.example#x',
    'user:secret@evil.example',
    'evil.example\\@good.example',
    '"><script>alert(1)</script>',
    'evil.example:99999999',
    'evil.example:80:80',
    'javascript:alert(1)',
    'evil example',
    '../../etc',
    '[::1',
    '[::1%25eth0]',
    'пример.example',
    '-dash.example',
    `${'a'.repeat(300)}.example`,
    '',
  ])('a host that cannot be one is not repeated: %s', async (host) => {
    expect(await originsOf(site, { host })).toBe(`http://127.0.0.1:${site.port}`);
  });
});

describe('with PUBLIC_URL', () => {
  let site: Site;
  beforeAll(async () => {
    site = await start({ PUBLIC_URL: 'https://videos.example/', TRUST_PROXY: '1' });
  });

  it('nothing else counts', async () => {
    expect(await originsOf(site, { host: 'here.example' })).toBe('https://videos.example');
    expect(await originsOf(site, { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'ftp' })).toBe(
      'https://videos.example',
    );
  });
});

describe('behind a proxy that is trusted', () => {
  let byNumber: Site;
  let byAddress: Site;
  let another: Site;
  beforeAll(async () => {
    byNumber = await start({ TRUST_PROXY: '1' });
    byAddress = await start({ TRUST_PROXY: '127.0.0.0/8' });
    another = await start({ TRUST_PROXY: '192.0.2.1' });
  });

  it('its forwarded scheme and host count', async () => {
    for (const site of [byNumber, byAddress]) {
      expect(await originsOf(site, { host: 'inner', ...forwarded })).toBe('https://videos.example');
      expect(await originsOf(site, { host: 'inner', 'x-forwarded-host': 'videos.example:8443' })).toBe(
        'http://videos.example:8443',
      );
      expect(await originsOf(site, { host: 'inner' })).toBe('http://inner');
    }
  });

  it('those of any other client do not', async () => {
    expect(await originsOf(another, { host: 'inner', ...forwarded })).toBe('http://inner');
  });

  it('a forged host is not repeated even then', async () => {
    const script = { host: 'inner', ...forwarded, 'x-forwarded-proto': 'javascript' };
    expect(await originsOf(byNumber, script)).toBe(`http://127.0.0.1:${byNumber.port}`);
    const forged = { host: 'inner', 'x-forwarded-host': 'evil.example/"><script>' };
    expect(await originsOf(byNumber, forged)).toBe(`http://127.0.0.1:${byNumber.port}`);
    // Of several, the one that the nearest proxy has added.
    const chain = { host: 'inner', 'x-forwarded-host': 'evil.example, videos.example' };
    expect(await originsOf(byNumber, chain)).toBe('http://videos.example');
  });
});

afterAll(() => Promise.all(servers.map((server) => server.close())));
