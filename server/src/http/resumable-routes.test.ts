import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createHeldFfmpeg, type HeldFfmpeg } from '../../test/held-ffmpeg.ts';
import { createManualClock } from '../../test/manual-clock.ts';
import { bytesType, idOf, type UploadsAt, uploadsAt } from '../../test/resumable-server.ts';
import { someVideo, startTestServer, type TestServer } from '../../test/server.ts';
import { exchange, listen, open, requestText } from '../../test/sockets.ts';
import { stored } from '../../test/stored.ts';
import { tusUpload } from '../../test/tus.ts';

const clock = createManualClock();
const dayMs = 24 * 60 * 60_000;
let ffmpeg: HeldFfmpeg;
let server: TestServer;
let port: number;
let url: string;
let at: UploadsAt;
beforeAll(async () => {
  ffmpeg = await createHeldFfmpeg();
  server = await startTestServer(
    {
      FFMPEG_PATH: ffmpeg.path,
      UPLOAD_UNFINISHED_PER_USER: '2',
      UPLOAD_UNFINISHED_SIZE: '1MB',
      UPLOAD_MAX_SIZE: '800KB',
    },
    { clock },
  );
  port = await listen(server);
  url = `http://127.0.0.1:${port}`;
  at = uploadsAt(server, url);
});
afterAll(async () => {
  await server.close();
  ffmpeg.remove();
});

describe('two requests for one upload', () => {
  it('do not write at once: who asks makes the other give way, and both clients come to the end', async () => {
    const user = await server.user();
    const address = await at.begin(user, 1_000);
    const stuck = open(port);
    const headers = {
      authorization: `Bearer ${user.token}`,
      'tus-resumable': '1.0.0',
      'upload-offset': '1000',
      ...bytesType,
    };
    // Half-open: the client is gone, and the server has not been told.
    const expecting = { ...headers, expect: '100-continue', 'content-length': String(someVideo.length - 1_000) };
    stuck.write(requestText('PATCH', address, expecting));
    expect((await stuck.response({ bodiless: true })).status).toBe(100);
    stuck.write(someVideo.subarray(1_000, 51_000));
    const uploads = [1, 2].map(() => tusUpload(url, user, someVideo, { uploadUrl: `${url}${address}` }));
    const ids = await Promise.all(uploads.map(async ({ done }) => (await done)('upload-video-id')));
    stuck.reset();
    expect(new Set(ids).size).toBe(1);
    // Nobody had to wait until the connection was found to be dead.
    expect(uploads.flatMap(({ answers }) => answers).filter((answer) => answer.endsWith('423'))).toEqual([]);
    expect(await at.titlesOf(user)).toHaveLength(1);
  });
});

it('ends a chunk that takes longer than a request may, and keeps what came', async () => {
  const own = await startTestServer({ REQUEST_TIMEOUT: '1s', HEADERS_TIMEOUT: '1s' });
  try {
    const ownPort = await listen(own);
    const user = await own.user();
    const headers = { authorization: `Bearer ${user.token}`, 'tus-resumable': '1.0.0' };
    const created = await exchange(ownPort, requestText('POST', '/uploads/', { ...headers, 'upload-length': '1000' }));
    const slow = open(ownPort);
    const patch = { ...headers, ...bytesType, 'upload-offset': '0', 'content-length': '1000' };
    slow.write(requestText('PATCH', created.headers['location'] ?? '', patch, ''));
    slow.write('a hundred bytes'.padEnd(100));
    const answer = await slow.response();
    expect([answer.status, answer.headers['upload-offset'], answer.headers['connection']]).toEqual([
      204,
      '100',
      'close',
    ]);
    slow.reset();
  } finally {
    await own.close();
  }
});

describe('an upload', () => {
  it('is nobody else’s', async () => {
    const [owner, other] = [await server.user(), await server.user()];
    const address = await at.begin(owner);
    for (const method of ['HEAD', 'PATCH', 'DELETE']) {
      expect((await at.request(other, method, address, method === 'PATCH' ? bytesType : {})).status).toBe(404);
      expect((await at.request({ ...other, token: 'x' }, method, address, bytesType)).status).toBe(401);
    }
    expect((await at.request(owner, 'HEAD', address)).header('upload-offset')).toBe('100000');
  });

  it('goes on only from where it ends', async () => {
    const user = await server.user();
    const address = await at.begin(user);
    const { status, answer } = await at.request(user, 'PATCH', address, bytesType, someVideo.subarray(0, 10));
    expect([status, answer?.status_code]).toEqual([409, 100004]);
    const late = await at.request(
      user,
      'PATCH',
      address,
      { ...bytesType, 'upload-offset': '100000' },
      Buffer.alloc(someVideo.length),
    );
    expect(late.status).toBe(413);
    expect((await at.request(user, 'HEAD', address)).header('upload-offset')).toBe('100000');
  });

  it('is ended by DELETE, with all that came of it', async () => {
    const user = await server.user();
    const address = await at.begin(user);
    expect((await at.partialFiles()).join()).toContain(idOf(address));
    expect((await at.request(user, 'DELETE', address)).status).toBe(204);
    expect((await at.request(user, 'HEAD', address)).status).toBe(404);
    await stored(server);
    expect((await at.partialFiles()).join()).not.toContain(idOf(address));
  });

  it('goes a day after its last byte, not after its first', async () => {
    const user = await server.user();
    const address = await at.begin(user);
    clock.advance(dayMs - 60_000);
    const patch = await at.request(
      user,
      'PATCH',
      address,
      { ...bytesType, 'upload-offset': '100000' },
      someVideo.subarray(100_000, 100_001),
    );
    expect(Date.parse(patch.header('upload-expires') ?? '')).toBe(clock.now() + dayMs);
    clock.advance(60_000);
    await stored(server);
    expect((await at.request(user, 'HEAD', address)).header('upload-offset')).toBe('100001');
    clock.advance(dayMs);
    expect((await at.request(user, 'HEAD', address)).status).toBe(404);
    await stored(server);
    expect(await at.uploadsOf(user)).toEqual([]);
    expect((await at.partialFiles()).join()).not.toContain(idOf(address));
  });

  it('goes with the account of its owner', async () => {
    const user = await server.user();
    const address = await at.begin(user);
    await server.call('deleteAccount', { password: user.password }, { token: user.token });
    await stored(server);
    expect(await at.uploadsOf(user)).toEqual([]);
    expect((await at.partialFiles()).join()).not.toContain(idOf(address));
  });

  it('is published by its job if the request that brought its last byte could not', async () => {
    const user = await server.user();
    const address = await at.begin(user, 100_000, { title: 'from a job' });
    ffmpeg.hold('uploads');
    const last = { ...bytesType, 'upload-offset': '100000' };
    const { status, answer } = await at.request(user, 'PATCH', address, last, someVideo.subarray(100_000));
    expect([status, answer?.status_code]).toEqual([503, 110702]);
    // Not anew: who asks is told to come again.
    expect((await at.request(user, 'HEAD', address)).status).toBe(423);
    expect(await at.uploadsOf(user)).toMatchObject([{ state: 'complete' }]);
    ffmpeg.letGo('uploads');
    clock.advance(30_000);
    await stored(server);
    expect(await at.titlesOf(user)).toEqual(['from a job']);
    const [row] = await at.uploadsOf(user);
    expect((await at.request(user, 'HEAD', address)).header('upload-video-id')).toBe(String(row?.video_id));
    expect((await at.partialFiles()).join()).not.toContain(idOf(address));
  });
});

describe('what a user may have unfinished', () => {
  it('is so many uploads', async () => {
    const user = await server.user();
    const [first] = [await at.begin(user, 10), await at.begin(user, 10)];
    const refusal = await at.request(user, 'POST', '/uploads/', { 'upload-length': '10' });
    expect([refusal.status, refusal.answer?.status_code]).toEqual([413, 110609]);
    expect(refusal.answer?.status_msg).toContain('2 of at most 2');
    await at.request(user, 'DELETE', first);
    expect((await at.request(user, 'POST', '/uploads/', { 'upload-length': '10' })).status).toBe(201);
  });

  it('is so many bytes, and each so many', async () => {
    const user = await server.user();
    const create = (bytes: number) => at.request(user, 'POST', '/uploads/', { 'upload-length': String(bytes) });
    expect((await create(801 * 1024)).answer?.status_code).toBe(110603);
    expect((await create(800 * 1024)).status).toBe(201);
    const refusal = await create(300 * 1024);
    expect([refusal.status, refusal.answer?.status_code]).toEqual([413, 110609]);
    expect((await create(200 * 1024)).status).toBe(201);
  });
});

describe('the protocol', () => {
  it('says what is spoken, to anyone', async () => {
    const response = await fetch(`${url}/uploads/`, { method: 'OPTIONS' });
    expect(response.status).toBe(204);
    expect(response.headers.get('tus-version')).toBe('1.0.0');
    expect(response.headers.get('tus-extension')).toBe('creation,creation-with-upload,expiration,termination');
    expect(response.headers.get('tus-max-size')).toBe(String(800 * 1024));
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
  });

  it('gives everything that is wrong a status and words', async () => {
    const user = await server.user();
    const refused = async (method: string, path: string, headers: Record<string, string>) => {
      const { status, answer } = await at.request(user, method, path, headers);
      return [status, answer?.status_code, answer?.status_msg];
    };
    const title = Buffer.from('x'.repeat(256)).toString('base64');
    const create = { 'upload-length': '9' };
    const cases = [
      ['POST', '/uploads/', {}, 400, 100004, 'Upload-Length'],
      ['POST', '/uploads/', { 'upload-length': '0' }, 400, 110601, 'Upload-Length is 0'],
      ['POST', '/uploads/', { 'upload-length': 'x' }, 400, 100004, 'upload-length'],
      ['POST', '/uploads/', { 'upload-defer-length': '1' }, 501, 100004, 'defer'],
      ['POST', '/uploads/', { ...create, 'tus-resumable': '0.2.2' }, 400, 100004, 'tus-resumable'],
      ['POST', '/uploads/', { ...create, 'upload-metadata': 'sha256 AAAA' }, 400, 100004, 'sha256 must be'],
      ['POST', '/uploads/', { ...create, 'upload-metadata': `title ${title}` }, 400, 110203, 'title must be'],
      ['POST', '/uploads/', { ...create, 'upload-concat': 'partial' }, 501, 100004, 'parallel'],
      ['GET', '/uploads/', {}, 405, 100009, ''],
      ['PATCH', '/uploads/nothing', bytesType, 404, 110611, ''],
      ['POST', `/uploads/${'a'.repeat(32)}`, create, 405, 100009, ''],
    ] as const;
    for (const [method, path, headers, status, code, words] of cases) {
      expect(await refused(method, path, headers)).toEqual([status, code, expect.stringContaining(words)]);
    }
  });

  it('reads a refused body to its end, so that the client sees why', async () => {
    const user = await server.user();
    const headers = {
      authorization: `Bearer ${user.token}`,
      'tus-resumable': '1.0.0',
      'upload-offset': '0',
      ...bytesType,
    };
    const body = Buffer.alloc(4 * 1024 * 1024);
    const head = requestText('PATCH', `/uploads/${'a'.repeat(32)}`, {
      ...headers,
      'content-length': String(body.length),
    });
    const { status } = await exchange(port, Buffer.concat([Buffer.from(head), body]));
    expect(status).toBe(404);
  });
});

it('counts as an upload at once: more are told to come again', async () => {
  const user = await server.user();
  const slots = [1, 2].map(() => open(port));
  const headers = {
    authorization: `Bearer ${user.token}`,
    'tus-resumable': '1.0.0',
    'upload-offset': '10',
    ...bytesType,
  };
  for (const slot of slots)
    slot.write(requestText('PATCH', await at.begin(user, 10), { ...headers, 'content-length': '1000' }));
  await expect
    .poll(async () => (await at.request(user, 'PATCH', `/uploads/${'a'.repeat(32)}`, bytesType)).status)
    .toBe(503);
  for (const slot of slots) slot.reset();
});
