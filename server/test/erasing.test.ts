/** Nothing of a deleted video or account stays among the files, whatever was made from it and whoever is making more. */

import { Readable } from 'node:stream';
import { DomainError } from '@tiktok-server/contract';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { promoteWith } from '../src/jobs/index.ts';
import { fileOwnerStore } from '../src/store/index.ts';
import { ownVideo, putFile } from './owned-video.ts';
import { startTestServer, type TestServer, type TestUser } from './server.ts';
import { mediaFiles } from './stored.ts';

let server: TestServer;
let author: TestUser;
let before: string[];
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());
beforeEach(async () => {
  author = await server.user();
  before = await mediaFiles(server);
});

const erase = async (videoId: number): Promise<void> => {
  expect(await server.call('deleteVideo', { video_id: videoId }, { token: author.token })).toMatchObject({
    status_code: 0,
  });
};

/** Files of a package on their way into the folder of a video; the row is written by `commit`. */
async function promotePackage(ownerId: number, commit: () => Promise<boolean>): Promise<boolean> {
  const { writer, blobs } = server.context.publishing;
  const folder = `videos/${ownerId}/0123456789abcdef0123456789abcdef`;
  const files = await Promise.all(
    Array.from({ length: 25 }, async (_, index) => ({
      key: `${folder}/${index}.mp4`,
      staged: await blobs.stage(Readable.from(['x']), { maxBytes: 1 }),
    })),
  );
  return await promoteWith({ writer, blobs }, { owner: 'video', ownerId }, files, commit);
}

it('a deleted video takes its package, its received file and what lay in its folder with it', async () => {
  const video = await ownVideo(server, author);
  await putFile(server, `videos/${video.id}/left/by/nobody.mp4`);
  const other = await ownVideo(server, author);
  await erase(video.id);
  await server.context.jobs.processAll();
  const kept = [other.play_key, other.received_key, other.cover_key, ...other.package];
  expect(await mediaFiles(server)).toEqual([...before, ...kept].sort());
  await erase(other.id);
  await server.context.jobs.processAll();
  expect(await mediaFiles(server)).toEqual(before);
});

it('so does a deleted account, with all of its videos', async () => {
  await ownVideo(server, author);
  await ownVideo(server, author);
  await server.publish(author);
  const answer = await server.call('deleteAccount', { password: author.password }, { token: author.token });
  expect(answer.status_code).toBe(0);
  await server.context.jobs.processAll();
  expect(await mediaFiles(server)).toEqual(before);
});

it('a package that is finished after its video was deleted is removed by who finished it', async () => {
  const gone = await ownVideo(server, author);
  const { database } = server.context;
  // Gone with row and folder between the promotion and the transaction, and refused there in both ways.
  const refusals = [
    async (): Promise<boolean> => (await fileOwnerStore.findVideoFiles(database.reader, [gone.id])).length > 0,
    async (): Promise<boolean> => Promise.reject(new DomainError('ErrVideoNotFound')),
  ];
  await erase(gone.id);
  await server.context.jobs.processAll();
  for (const commit of refusals) {
    await promotePackage(gone.id, commit).catch((error: unknown) => expect(error).toBeInstanceOf(DomainError));
    expect(await mediaFiles(server)).toEqual(before);
  }
});

it('so is one whose video is deleted in the middle of it', async () => {
  const video = await ownVideo(server, author);
  const promoted = await promotePackage(video.id, async () => {
    // All files of the package are there by now.
    expect((await mediaFiles(server)).length).toBeGreaterThan(before.length + 25);
    return false;
  });
  expect(promoted).toBe(false);
  await erase(video.id);
  await server.context.jobs.processAll();
  expect(await mediaFiles(server)).toEqual(before);
});
