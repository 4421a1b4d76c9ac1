import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { multipart, parseAnswer, type Row, rowOf, someVideo, temporaryFolder, textOf } from './server.ts';
import { type ServerProcess, startServerProcess } from './server-process.ts';

/** What a real server process writes about what it is asked, and what it must never write. */
const folder = temporaryFolder();
const logs = temporaryFolder();
const maxBytes = 4_096;
const generations = 2;
const username = 'Somebody';
const password = 'pa55word-nobody-may-read';
const wrongPassword = 'wr0ng-password-nobody-may-read';
const secrets = [password, wrongPassword, 'forged-token', 'hidden-bearer', 'secret-cookie', 'old-pa55', 'new-pa55'];

let server: ServerProcess;
let lines: Row[];
let ready: Row;
const ids: string[] = [];

beforeAll(async () => {
  server = await startServerProcess(folder.path, {
    LOG_LEVEL: 'trace',
    LOG_FILE: join(logs.path, 'server.log'),
    LOG_FILE_MAX_SIZE: `${maxBytes}B`,
    LOG_FILE_GENERATIONS: String(generations),
  });
  ready = parsed(server.lines.at(-1) ?? '');
  await makeCalls();
  expect(await server.end('SIGTERM')).toBe(0);
  lines = server.lines.map(parsed);
});
afterAll(async () => {
  await server.end('SIGKILL');
  folder.remove();
  logs.remove();
});

function parsed(line: string): Row {
  const value: unknown = JSON.parse(line);
  return rowOf({ value }, 'value');
}

async function request(path: string, init: RequestInit = {}): Promise<string> {
  const response = await fetch(new URL(path, server.url), init);
  ids.push(response.headers.get('x-request-id') ?? 'none');
  return await response.text();
}

/** Every way in which a secret comes in, also broken ones. */
async function makeCalls(): Promise<void> {
  const login = '/douyin/user/login/';
  const post = (
    path: string,
    type: string,
    body: string | Uint8Array<ArrayBuffer>,
    headers: Record<string, string> = {},
  ) => request(path, { method: 'POST', body, headers: { 'content-type': type, ...headers } });
  const form = 'application/x-www-form-urlencoded';
  const query = new URLSearchParams({ username, password });
  const token = textOf(parseAnswer(await request(`/douyin/user/register/?${query}`, { method: 'POST' })), 'token');
  // All parts of a token are secret, and so is each of them.
  secrets.push(token, ...token.split('.').slice(1));
  await post(login, form, `username=${username}&password=${password}`);
  await post(login, 'application/json', JSON.stringify({ username, password: wrongPassword }));
  await post(login, 'application/json', `{"password":"${wrongPassword}",`);
  await post(login, 'text/plain', `password=${wrongPassword}`);
  await post(
    login,
    'multipart/form-data; boundary=x',
    `--x\r\nContent-Disposition: form-data; name="password"\r\n\r\n${password}`,
  );
  await request(`${login}?username=${username}&password=${password}`);
  await request(`/douyin/user/?token=${token}`);
  await request(`/douyin/user/%zz?token=${token}`);
  await request(`/douyin/nothing/?token=${token}&password=${password}`);
  await request(`/douyin/user/%3Ftoken=${token}`);
  await request(`/douyin/user/&password=${password}`);
  await request(`/douyin/user/;token=${token}`);
  await request(`/media/x.mp4?token=${token}`);
  await request('/douyin/user/?token=forged-token', {
    headers: { authorization: 'Bearer hidden-bearer', cookie: 'secret-cookie=1' },
  });
  await request('/douyin/message/chat/?to_user_id=1', { headers: { authorization: `Bearer ${token}` } });
  await request(`/douyin/user/password/?old_password=old-pa55&new_password=new-pa55&token=${token}`, {
    method: 'POST',
  });
  for (const file of [someVideo, Buffer.from('no video')]) {
    const upload = multipart([['token', token]], { data: file });
    await request('/douyin/publish/action/', {
      method: 'POST',
      body: new Uint8Array(upload.payload),
      headers: upload.headers,
    });
  }
  for (let more = 0; more < 200; more += 1) await request(`/douyin/feed/?token=${token}`);
  await request(`/douyin/user/delete/?password=${password}&token=${token}`, { method: 'POST' });
}

/** The files of the log by name, unpacked. */
function files(): Map<string, string> {
  return new Map(
    readdirSync(logs.path).map((name) => {
      const bytes = readFileSync(join(logs.path, name));
      return [name, (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')];
    }),
  );
}

describe('the log of a server', () => {
  it('holds no token, no password and no header that carries one', () => {
    const written = [...server.lines, ...files().values()].join('\n');
    expect(written.length).toBeGreaterThan(10_000);
    for (const secret of secrets) expect([secret, written.includes(secret)]).toEqual([secret, false]);
  });

  it('has one line for each request, with the id that its caller got', () => {
    const requests = lines.filter((line) => line['msg'] === 'request');
    const logged = requests.map((line) => line['requestId']);
    // An address that cannot be decoded never becomes a request with hooks; its caller gets an id all the same.
    const expected = ids.filter((id) => id !== ids[8]);
    expect(logged.filter((id) => id !== ids[8]).sort()).toEqual(expected.sort());
    expect(new Set(ids).size).toBe(ids.length);
    for (const line of requests) {
      expect(line).toMatchObject({
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        method: expect.stringMatching(/^(?:GET|POST)$/),
        path: expect.stringMatching(/^\/[^?]*$/),
        status: expect.any(Number),
        durationMs: expect.any(Number),
        address: '127.0.0.1',
      });
    }
    const [registered] = requests;
    expect(registered).toMatchObject({ operation: 'register', path: '/douyin/user/register/', status: 200, code: 0 });
    expect(requests.find((line) => line['operation'] === 'login' && line['status'] === 405)).toMatchObject({
      code: 100_009,
    });
  });

  it('says at the end of the start where everything is', () => {
    expect(ready).toMatchObject({ url: expect.stringMatching(/^http:\/\/localhost:\d+$/), dataDir: folder.path });
    const { url, ffmpeg, docs } = {
      url: textOf(ready, 'url'),
      ffmpeg: textOf(ready, 'ffmpeg'),
      docs: textOf(ready, 'docs'),
    };
    expect(docs).toBe(`${url}/docs`);
    for (const named of [url, folder.path, ffmpeg, docs]) expect(textOf(ready, 'msg')).toContain(named);
  });

  it('goes to a file that rotates by its size and keeps so many older ones, compressed', () => {
    const names = [...files().keys()].filter((name) => !name.endsWith('.txt'));
    const older = names.filter((name) => /^\d{8}-\d{4}-\d{2}-server\.log\.gz$/.test(name));
    expect(names).toContain('server.log');
    expect(older).toHaveLength(generations);
    expect(names).toHaveLength(generations + 1);
    for (const name of names) {
      const text = files().get(name) ?? '';
      // A block of lines is written as a whole: one may go beyond the size.
      expect(text.length).toBeLessThan(maxBytes * 4);
      // The newest one is empty where the last block ended the one before.
      for (const line of text.split('\n').filter((one) => one !== '')) expect(parsed(line)).toHaveProperty('msg');
    }
    expect([...files().values()].join('')).toContain(String(ids.at(-1)));
  });
});
