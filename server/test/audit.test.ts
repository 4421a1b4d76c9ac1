/** The comparison of rows and files, on a whole server. */
import { randomBytes } from 'node:crypto';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Audit, auditLines, createAuditDesk, orphanGraceMs } from '../src/jobs/index.ts';
import { videoStore } from '../src/store/index.ts';
import { type OwnedVideo, ownVideo, putFile } from './owned-video.ts';
import { seedSettings, seedUser } from './seed.ts';
import { listOf, type Row, rowOf, someVideo, startTestServer, type TestServer, type TestUser } from './server.ts';
import { expectCountersToEqualRows, mediaFiles } from './stored.ts';

let now: number;
let server: TestServer;
let author: TestUser;
beforeEach(async () => {
  now = Date.now();
  server = await startTestServer(seedSettings, { clock: { now: () => now } });
  author = await seedUser(server);
});
afterEach(() => server.close());

/** So late that files which lie there now are old. */
const later = (): void => {
  now += orphanGraceMs + 60_000;
};

async function audit(repair = false): Promise<Audit> {
  const desk = createAuditDesk({ database: server.context.database, clock: { now: () => now } });
  const { audit: asked, isNew } = await desk.request({ repair });
  expect(isNew).toBe(true);
  await server.context.jobs.processAll();
  const done = await desk.find(asked.id);
  if (done?.state !== 'done') throw new Error(`the audit is ${done?.state}`);
  return done;
}
const nothing = { orphanFiles: { count: 0 }, orphanRows: { count: 0 }, youngFiles: { count: 0 }, refused: null };
const seen = async (videoId: number, headers: Record<string, string> = {}): Promise<Row | undefined> => {
  const answer = await server.call('video', { video_id: videoId }, { token: author.token, headers });
  return answer.status_code === 0 ? rowOf(answer, 'video') : undefined;
};
const feed = async (): Promise<unknown[]> =>
  listOf(await server.call('feed'), 'video_list').map((video) => video['id']);
const rowOfVideo = async ({ id }: OwnedVideo) => (await videoStore.findVideos(server.context.database.reader, [id]))[0];
const keys = async () => (await mediaFiles(server)).filter((key) => /^(?:videos|users)\//.test(key));
const lose = (...keys: (string | null)[]) => server.context.blobs.delete(keys.filter((key) => key !== null));

it('finds nothing where everything is in its place, from the upload to long after', async () => {
  const picture = await sharp({ create: { width: 64, height: 64, channels: 3, background: '#336699' } })
    .png()
    .toBuffer();
  await server.call('editProfile', {}, { token: author.token, files: { avatar: picture, background_image: picture } });
  await server.publish(author);
  await lose((await ownVideo(server, author)).received_key);
  for (const wait of [0, 3_600_000, orphanGraceMs]) {
    now += wait;
    await server.context.jobs.processAll();
    const { report } = await audit();
    expect(report).toMatchObject({
      ...nothing,
      videos: 2,
      users: 1,
      youngFiles: { count: wait < orphanGraceMs ? 1 : 0 },
    });
  }
});

describe('files that no row names', () => {
  it('are told, and deleted when that is asked; what is young or named stays', async () => {
    const [old, fresh] = [await ownVideo(server, author), await ownVideo(server, author)];
    const strays = [
      'users/77/avatar.jpg',
      `users/${author.id}/replaced.jpg`,
      'videos/1/a.mp4',
      'videos/1/0123456789abcdef0123456789abcdef/master.m3u8',
      'videos/stray.mp4',
      'videos/not-a-number/a.mp4',
      `videos/${old.id}/stray/deep/below/a.mp4`,
    ];
    for (const key of strays) await putFile(server, key);
    await lose(old.received_key);
    later();
    // Of this one a file was replaced a moment ago: the one before is kept for a day.
    await server.context.publishing.writer.write(({ trx }) =>
      trx.updateTable('videos').set({ prepared_at: now }).where('id', '=', fresh.id).execute(),
    );
    const before = await mediaFiles(server);
    const found = (await audit()).report;
    expect(found).toMatchObject({
      orphanFiles: { count: strays.length, deleted: 0, bytes: strays.join('').length },
      youngFiles: { count: 1, bytes: someVideo.length },
      orphanRows: { count: 0 },
    });
    expect(found.orphanFiles.examples.map(({ key }) => key).toSorted()).toEqual(strays.toSorted());
    expect(await mediaFiles(server)).toEqual(before);
    expect((await audit(true)).report.orphanFiles).toMatchObject({ count: strays.length, deleted: strays.length });
    expect(await mediaFiles(server)).toEqual(before.filter((key) => !strays.includes(key)));
    expect((await audit()).report).toMatchObject({ ...nothing, youngFiles: { count: 1 } });
  });

  it('are left alone for a day', async () => {
    await ownVideo(server, author);
    await putFile(server, 'videos/1/a.mp4');
    const { report } = await audit(true);
    expect(report).toMatchObject({ orphanFiles: { count: 0 }, youngFiles: { count: 2 } });
    expect(await mediaFiles(server)).toContain('videos/1/a.mp4');
  });

  it('are not judged where a newer version has described them', async () => {
    const video = await ownVideo(server, author, { derived: '{"later":true}' });
    await lose(video.received_key);
    later();
    expect((await audit(true)).report).toMatchObject(nothing);
  });
});

describe('rows whose files are gone', () => {
  it('are told by every part, and repaired: prepared again, given a new cover, or said to be lost', async () => {
    const lost = await ownVideo(server, author);
    const [again, uncovered, fallen, packageOnly, whole] = [
      await ownVideo(server, author),
      await ownVideo(server, author),
      await ownVideo(server, author),
      await ownVideo(server, author),
      await ownVideo(server, author),
    ];
    await lose(lost.play_key, lost.received_key, lost.cover_key, lost.package[3] ?? null);
    await lose(again.package[1] ?? null);
    await lose(uncovered.cover_key);
    await lose(fallen.play_key, fallen.cover_key);
    await lose(packageOnly.play_key, packageOnly.received_key);
    const remedies = [
      { id: lost.id, missing: ['play', 'package', 'cover'], remedy: 'failed' },
      { id: again.id, missing: ['package'], remedy: 'prepare' },
      { id: uncovered.id, missing: ['cover'], remedy: 'cover' },
      { id: fallen.id, missing: ['play', 'cover'], remedy: 'received' },
      { id: packageOnly.id, missing: ['play'], remedy: 'left' },
    ];
    const rowsBefore = await Promise.all([lost, again, uncovered, fallen].map(rowOfVideo));
    const told = await audit();
    expect(told.report.orphanRows).toMatchObject({ count: 5, repaired: 0, examples: remedies });
    expect(await Promise.all([lost, again, uncovered, fallen].map(rowOfVideo))).toEqual(rowsBefore);
    expect(auditLines(told).join('\n')).toContain(`video ${lost.id}: without the file that is played`);

    // Everybody has looked, so that what is cached would be seen.
    await Promise.all([feed(), seen(lost.id), server.call('user', { user_id: author.id })]);
    expect((await audit(true)).report.orphanRows).toMatchObject({ count: 5, repaired: 4, examples: remedies });

    expect(await seen(lost.id)).toMatchObject({
      state: 'failed',
      failure: 'The file of this video is gone from the storage. Please upload it again.',
    });
    expect(await seen(lost.id, { 'accept-language': 'zh-CN' })).toMatchObject({
      failure: expect.stringContaining('丢失'),
    });
    expect(await feed()).not.toContain(lost.id);
    await expectCountersToEqualRows(server);
    const user = rowOf(await server.call('user', { user_id: author.id }), 'user');
    expect(user['work_count']).toBe(5);

    // The jobs of the repair have run.
    expect(await rowOfVideo(again)).toMatchObject({ state: 'ready', prepared_at: now });
    expect((await rowOfVideo(again))?.derived).toEqual(expect.any(String));
    expect((await rowOfVideo(uncovered))?.cover_key).not.toBe(null);
    expect(await rowOfVideo(fallen)).toMatchObject({ state: 'ready' });
    expect(await rowOfVideo(whole)).toMatchObject({ play_key: whole.play_key, derived: expect.any(String) });
    expect(await feed()).toEqual(expect.arrayContaining([again, uncovered, fallen, whole].map(({ id }) => id)));

    // A day later nothing is left to find but what could not be repaired.
    later();
    await server.context.jobs.processAll();
    const after = (await audit(true)).report;
    expect(after.orphanRows).toMatchObject({ count: 1, repaired: 0, examples: [{ id: packageOnly.id }] });
    expect((await audit()).report.orphanFiles.count).toBe(0);
  });

  it('a video that waits or failed is lost without having been counted; one that is deleted is no matter', async () => {
    const unprepared = { derived: null, prepared_at: null, received_key: null };
    const waiting = await ownVideo(server, author, { ...unprepared, state: 'processing' });
    const failed = await ownVideo(server, author, { ...unprepared, state: 'failed', failure: 'internal' });
    const deleted = await ownVideo(server, author, { state: 'deleted' });
    for (const video of [waiting, failed, deleted]) await lose(video.play_key, ...video.package);
    expect((await audit(true)).report.orphanRows).toMatchObject({ count: 2, repaired: 2 });
    expect([(await rowOfVideo(waiting))?.failure, (await rowOfVideo(failed))?.failure]).toEqual(['missing', 'missing']);
    expect((await audit(true)).report.orphanRows.count).toBe(0);
    await expectCountersToEqualRows(server);
  });

  it('a picture is named no more, and nobody is shown its address', async () => {
    const picture = await sharp({ create: { width: 64, height: 64, channels: 3, background: '#336699' } })
      .png()
      .toBuffer();
    const files = { avatar: picture, background_image: picture };
    const shown = rowOf(await server.call('editProfile', {}, { token: author.token, files }), 'user');
    await lose(String(shown['avatar']).replace(/^.*\/media\//, ''));
    await server.call('user', { user_id: author.id });
    expect((await audit(true)).report.orphanRows).toMatchObject({
      count: 1,
      examples: [{ owner: 'user', id: author.id, missing: ['avatar'], remedy: 'cleared' }],
    });
    const user = rowOf(await server.call('user', { user_id: author.id }), 'user');
    expect([user['avatar'], user['background_image']]).toEqual(['', shown['background_image']]);
  });
});

it('repairs nothing where one of the sides is empty: a disk that is not mounted, a wrong database', async () => {
  const video = await ownVideo(server, author);
  await lose(...(await keys()));
  const { report } = await audit(true);
  expect(report).toMatchObject({ refused: 'no-files', orphanRows: { count: 1, repaired: 0 } });
  expect(await rowOfVideo(video)).toMatchObject({ state: 'ready' });

  await putFile(server, `videos/1/${randomBytes(16).toString('hex')}.mp4`);
  const { writer } = server.context.publishing;
  await writer.write(({ trx }) => trx.deleteFrom('videos').execute());
  await writer.write(({ trx }) => trx.deleteFrom('users').execute());
  later();
  expect((await audit(true)).report).toMatchObject({ refused: 'no-rows', orphanFiles: { count: 1, deleted: 0 } });
  expect(await keys()).toHaveLength(1);
});
