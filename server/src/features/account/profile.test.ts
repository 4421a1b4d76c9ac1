import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fetchMedia } from '../../../test/clips.ts';
import { rowOf, startTestServer, type TestServer, type TestUser, textOf } from '../../../test/server.ts';
import { mediaFiles } from '../../../test/stored.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ UPLOADS_PER_USER: '4' });
});
afterAll(() => server.close());

const filesOf = async ({ id }: TestUser): Promise<string[]> =>
  (await mediaFiles(server)).filter((path) => path.startsWith(`users/${id}/`));

describe('profile', () => {
  it('encodes pictures anew and replaces the ones before', async () => {
    const user = await server.user();
    const picture = await sharp({ create: { width: 700, height: 500, channels: 3, background: '#336699' } })
      .withExif({ IFD0: { Copyright: 'secret place' } })
      .png()
      .toBuffer();
    const answer = await server.call(
      'editProfile',
      { signature: 'Hi\nthere' },
      { token: user.token, files: { avatar: picture, background_image: picture } },
    );
    const shown = rowOf(answer, 'user');
    expect(shown['signature']).toBe('Hi\nthere');
    const served = await fetchMedia(server, textOf(shown, 'avatar'));
    expect(served.type).toBe('image/jpeg');
    expect(await sharp(served.body).metadata()).toMatchObject({ format: 'jpeg', width: 320, height: 320 });
    expect(served.body.includes('secret place')).toBe(false);
    const again = rowOf(
      await server.call('editProfile', {}, { token: user.token, files: { avatar: picture } }),
      'user',
    );
    expect(again['avatar']).not.toBe(shown['avatar']);
    expect(again['background_image']).toBe(shown['background_image']);
    await server.context.jobs.processAll();
    expect((await fetchMedia(server, textOf(shown, 'avatar'))).status).toBe(404);
  });

  it('keeps the pictures of one of several edits at once', async () => {
    const user = await server.user();
    const pictures = await Promise.all(
      ['#111111', '#222222', '#333333', '#444444'].map((background) =>
        sharp({ create: { width: 64, height: 64, channels: 3, background } })
          .png()
          .toBuffer(),
      ),
    );
    const edits = pictures.map((picture) =>
      server.call('editProfile', {}, { token: user.token, files: { avatar: picture } }),
    );
    for (const answer of await Promise.all(edits)) expect(answer.status_code).toBe(0);
    await server.context.jobs.processAll();
    expect(await filesOf(user)).toHaveLength(1);
  });

  it.each(['jpeg', 'png', 'webp', 'gif', 'avif'] as const)('takes %s', async (format) => {
    const user = await server.user();
    const picture = await sharp({ create: { width: 64, height: 64, channels: 3, background: '#336699' } })
      .toFormat(format)
      .toBuffer();
    const answer = await server.call('editProfile', {}, { token: user.token, files: { avatar: picture } });
    expect(answer.status_code).toBe(0);
  });

  it.each([
    [
      'SVG, of which a kilobyte can take minutes',
      () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
    ],
    [
      'TIFF',
      () =>
        sharp({ create: { width: 9, height: 9, channels: 3, background: '#336699' } })
          .tiff()
          .toBuffer(),
    ],
    [
      'a picture of more pixels than are decoded',
      () =>
        sharp({ create: { width: 10_000, height: 6_000, channels: 3, background: '#000' } })
          .png()
          .toBuffer(),
    ],
  ])('does not take %s', async (_what, make) => {
    const user = await server.user();
    const answer = await server.call('editProfile', {}, { token: user.token, files: { avatar: await make() } });
    expect(answer).toMatchObject({ status_code: 110607, user: null });
  });

  it('refuses what is no picture, and keeps everything as it was', async () => {
    const user = await server.user();
    const answer = await server.call(
      'editProfile',
      { signature: 'changed' },
      { token: user.token, files: { avatar: Buffer.from('<svg onload="x">') } },
    );
    expect(answer).toMatchObject({ status_code: 110607, user: null });
    expect(rowOf(await server.call('user', {}, { token: user.token }), 'user')).toMatchObject({
      signature: '',
      avatar: '',
    });
    expect(await filesOf(user)).toEqual([]);
  });
});
