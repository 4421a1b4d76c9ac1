import { operations } from '@tiktok-server/contract';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { makeClip, testPattern } from '../../../test/clips.ts';
import { type EventReader, openEvents, readEvents } from '../../../test/events.ts';
import { createHeldFfmpeg, type Held, type HeldFfmpeg } from '../../../test/held-ffmpeg.ts';
import { seedSettings, seedUser, seedVideo } from '../../../test/seed.ts';
import { startTestServer, type TestServer, type TestUser } from '../../../test/server.ts';
import { listen } from '../../../test/sockets.ts';
import { noteProgress, updateVideoRow } from '../../../test/video-rows.ts';

/** What authors are told of the processing of their videos. */
const notFound = 110_201;
/** Its job begins when it likes. */
const underWay = expect.stringMatching(/^(?:uploaded|processing)$/);
const now = Date.now();
let ffmpeg: HeldFfmpeg;
let server: TestServer;
let base: string;
let author: TestUser;
let held: Held | undefined;
let matroska: Buffer;
let readers: EventReader[] = [];
beforeAll(async () => {
  ffmpeg = await createHeldFfmpeg();
  server = await startTestServer({ ...seedSettings, FFMPEG_PATH: ffmpeg.path }, { clock: { now: () => now } });
  matroska = await makeClip(server, 'mkv', [...testPattern, '-c:v', 'mpeg4']);
  base = `http://127.0.0.1:${await listen(server)}`;
});
afterAll(async () => {
  // Having hung up, fetch connects anew for requests that do not come; such a connection is waited for.
  server.context.app.server.closeAllConnections();
  await server.close();
  ffmpeg.remove();
});
beforeEach(async () => {
  author = await seedUser(server);
});
afterEach(() => {
  for (const reader of readers) reader.close();
  readers = [];
  if (held !== undefined) letGo();
});

function hold(what: Held): void {
  ffmpeg.hold(what);
  held = what;
}
function letGo(): void {
  if (held !== undefined) ffmpeg.letGo(held);
  held = undefined;
}
const statusOf = (videoId: number, by = author) =>
  server.call('publishStatus', { video_id: videoId }, { token: by.token });
const remove = (videoId: number) => server.call('deleteVideo', { video_id: videoId }, { token: author.token });
async function follow(videoId: number, by = author): Promise<EventReader> {
  const url = `${base}${operations.publishEvents.path}?video_id=${videoId}&token=${by.token}`;
  const reader = await openEvents(url);
  readers.push(reader);
  return reader;
}

describe('the status of a video', () => {
  it('goes from "uploaded" to "ready", and is told to its author alone', async () => {
    hold('conversions');
    const videoId = await server.publish(author, '', matroska);
    expect(await statusOf(videoId)).toEqual({
      status_code: 0,
      status_msg: '',
      state: underWay,
      progress: expect.any(Number),
      failure: '',
    });
    expect(await statusOf(videoId, await seedUser(server))).toMatchObject({ status_code: notFound });
    expect(await server.call('publishStatus', { video_id: videoId })).toMatchObject({ status_code: 100_005 });
    letGo();
    await server.context.jobs.processAll();
    expect(await statusOf(videoId)).toMatchObject({ state: 'ready', progress: 100, failure: '' });
    // Everyone sees the video now; how it became one is still nobody else's business.
    expect(await statusOf(videoId, await seedUser(server))).toMatchObject({ status_code: notFound });
  });

  it('is "ready" before all is done where the received file plays', async () => {
    const videoId = await seedVideo(server, author);
    await updateVideoRow(server, videoId, { state: 'processing' });
    expect(await statusOf(videoId)).toMatchObject({ state: 'processing', progress: 0 });
    await noteProgress(server, videoId, 40);
    expect(await statusOf(videoId)).toMatchObject({ state: 'processing', progress: 40 });
    await updateVideoRow(server, videoId, { state: 'ready' });
    await noteProgress(server, videoId, 70);
    expect(await statusOf(videoId)).toMatchObject({ state: 'ready', progress: 70 });
    await updateVideoRow(server, videoId, { prepared_at: now });
    expect(await statusOf(videoId)).toMatchObject({ state: 'ready', progress: 100 });
  });

  it('says why it failed in words, in the language of who asks, and what to do', async () => {
    const videoId = await seedVideo(server, author);
    const inChinese = { token: author.token, headers: { 'accept-language': 'zh' } };
    for (const [failure, en, zh] of [
      ['undecodable', 'upload it once more', '重新导出'],
      ['too-long', 'Please cut it', '请剪短'],
      ['incomplete', 'upload it once more', '重新上传'],
      ['internal', 'Please try again', '请重试'],
    ] as const) {
      await updateVideoRow(server, videoId, { state: 'failed', failure });
      expect(await statusOf(videoId)).toMatchObject({ failure: expect.stringContaining(en) });
      expect(await server.call('publishStatus', { video_id: videoId }, inChinese)).toMatchObject({
        failure: expect.stringContaining(zh),
      });
    }
  });

  it.each(['uploaded', 'processing'] as const)('"%s" is why it takes no likes and comments yet', async (state) => {
    const videoId = await seedVideo(server, author);
    await updateVideoRow(server, videoId, { state });
    const fan = await seedUser(server);
    for (const [by, code] of [
      [author, 110_202],
      [fan, notFound],
    ] as const) {
      const parameters = { video_id: videoId, action_type: 1, comment_text: 'x' };
      const more = { token: by.token };
      expect(await server.call('like', parameters, more)).toMatchObject({ status_code: code });
      expect(await server.call('comment', parameters, more)).toMatchObject({ status_code: code });
    }
  });
});

describe('the events of a video', () => {
  it('tell each change, and end when it is done', async () => {
    const videoId = await seedVideo(server, author);
    await updateVideoRow(server, videoId, { state: 'uploaded' });
    const reader = await follow(videoId);
    expect(reader.headers.get('content-type')).toBe('text/event-stream');
    expect((await reader.next())?.data).toEqual(await statusOf(videoId));
    await updateVideoRow(server, videoId, { state: 'processing' });
    expect((await reader.next())?.data).toMatchObject({ status_code: 0, state: 'processing', progress: 0 });
    for (const percent of [1, 50]) {
      await noteProgress(server, videoId, percent);
      expect((await reader.next())?.data).toMatchObject({ status_code: 0, state: 'processing', progress: percent });
    }
    // It plays, but there is more to come.
    await updateVideoRow(server, videoId, { state: 'ready' });
    expect(await reader.next()).toMatchObject({ id: undefined, data: { state: 'ready', progress: 50 } });
    await updateVideoRow(server, videoId, { prepared_at: now });
    expect(await reader.next()).toMatchObject({ id: 'last', data: { state: 'ready', progress: 100 } });
    expect(await reader.next()).toBeUndefined();
  });

  it('come as the job that converts it goes on', async () => {
    hold('conversions');
    const reader = await follow(await server.publish(author, '', matroska));
    expect((await reader.next())?.data).toMatchObject({ state: underWay });
    letGo();
    await server.context.jobs.processAll();
    const last = readEvents(await reader.ended()).events.at(-1);
    expect(last).toMatchObject({ id: 'last', data: { state: 'ready', progress: 100 } });
  });

  it('tell why it failed, and end', async () => {
    const videoId = await seedVideo(server, author);
    await updateVideoRow(server, videoId, { state: 'processing' });
    const [one, other] = [await follow(videoId), await follow(videoId)];
    await updateVideoRow(server, videoId, { state: 'failed', failure: 'undecodable' });
    for (const reader of [one, other]) {
      const last = readEvents(await reader.ended()).events.at(-1)?.data;
      expect(last).toMatchObject({ state: 'failed', failure: expect.stringContaining('could not be read') });
    }
    expect(readEvents(await (await follow(videoId)).ended()).events).toHaveLength(1);
  });

  it('end with a refusal when the video is deleted', async () => {
    const videoId = await seedVideo(server, author);
    const reader = await follow(videoId);
    await remove(videoId);
    expect(readEvents(await reader.ended()).events.at(-1)).toMatchObject({
      id: 'last',
      data: { status_code: notFound, status_msg: 'Video not found', progress: 0, failure: '' },
    });
  });

  it('are refused as any call is, before they begin', async () => {
    const other = await seedUser(server);
    const videoId = await seedVideo(server, author);
    const ask = async (query: string) => {
      const response = await fetch(`${base}${operations.publishEvents.path}?${query}`);
      const body: unknown = await response.json();
      return [response.headers.get('content-type'), body];
    };
    for (const [query, code] of [
      [`video_id=${videoId}&token=${other.token}`, notFound],
      [`video_id=${videoId + 1}&token=${author.token}`, notFound],
      [`video_id=${videoId}`, 100_005],
      [`video_id=x&token=${author.token}`, 100_004],
    ] as const) {
      const [type, body] = await ask(query);
      expect([query, type, body]).toEqual([
        query,
        'application/json; charset=utf-8',
        expect.objectContaining({ status_code: code, progress: 0, failure: '' }),
      ]);
    }
  });

  it('of more than four at once are refused to one user', async () => {
    const videoId = await seedVideo(server, author);
    for (let i = 0; i < 4; i += 1) expect((await follow(videoId)).status).toBe(200);
    const fifth = await follow(videoId);
    expect([fifth.status, fifth.headers.get('retry-after')]).toEqual([429, '5']);
    expect(await fifth.ended()).toContain('"status_code":110701');
    readers[0]?.close();
    await vi.waitFor(async () => expect((await follow(videoId)).status).toBe(200));
  });
});
