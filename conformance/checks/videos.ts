/** Section 3, publish/: uploads and the list of a user's videos. */
import { limits, operations } from '@tiktok-server/contract';
import { checksOf, lookAt, Unchecked } from '../check.ts';
import type { Part, Reply } from '../client.ts';
import { expect, expectOk, expectRefused, findById, idsOf, kindOf, listOf, numberIn, rowIn } from '../expect.ts';
import { bear, bearPart, field, type Kit, randomText, type TestUser, uploadTimeoutMs } from '../kit.ts';

/** The app gives up after this. */
const replyMaxMs = 5_000;

export const upload = (kit: Kit, parts: readonly Part[]): Promise<Reply> =>
  kit.api.call('POST', operations.publish.path, { parts, timeoutMs: uploadTimeoutMs });

const ownVideos = async (kit: Kit, { id, token }: TestUser) => {
  const reply = await kit.op('publishList', { user_id: id }, token);
  return { reply, videos: listOf(reply, 'video_list') };
};

/** What is refused must not leave a video behind. */
async function expectNotPublished(kit: Kit, author: TestUser, files: readonly (readonly [string, Part | undefined])[]) {
  for (const [what, file] of files) {
    const title = `refused ${randomText(8)}`;
    const parts = [...(file === undefined ? [] : [file]), field('token', author.token), field('title', title)];
    expectRefused(await upload(kit, parts), what);
    const { reply, videos } = await ownVideos(kit, author);
    expect(reply, !videos.some((one) => one['title'] === title), `no video "${title}": its upload was refused`);
  }
}

const fileOf = (content: string | Buffer, type?: string): Part => {
  const part: Part = { name: 'data', content: Buffer.from(content), fileName: 'bear.mp4' };
  return type === undefined ? part : { ...part, type };
};

const png = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

export const videoChecks = checksOf('operations', [
  {
    id: 'videos.publish',
    title: 'publish/action/ takes a video as the public tests send it; it is in the list at once',
    why: 'Parts data, token, title in this order, a path as file name, no MIME type; the list is read right after.',
    fix: 'Parse the whole multipart body before you look for the token; store the row before you answer.',
    run: async (kit) => {
      const { row, list, upload: sent } = await lookAt(kit.video());
      const seconds = (sent.tookMs / 1000).toFixed(1);
      expect(sent, sent.tookMs < replyMaxMs, 'an answer within 5 s: then the app gives up', `it took ${seconds} s`);
      for (const name of ['play_url', 'cover_url']) {
        const url = row[name];
        expect(list, typeof url === 'string' && url !== '', `"${name}" not to be empty`, `it is ${kindOf(url)}`);
      }
    },
  },
  {
    id: 'videos.part-order',
    title: 'the parts of an upload come in any order, the file under any name and MIME type',
    why: 'HTTP libraries order parts as they like, and say what they like about the type.',
    fix: 'Judge the type by the content (ffprobe), and read all parts before you decide.',
    run: async (kit) => {
      await lookAt(kit.twins());
    },
  },
  {
    id: 'videos.work-count',
    fault: 'drift',
    title: 'work_count is the number of videos in the list',
    why: 'The profile shows the number above the list.',
    fix: 'Change it in the transaction that inserts or deletes the video.',
    run: async (kit) => {
      const { author } = await kit.video();
      const { reply, videos } = await ownVideos(kit, author);
      const user = await kit.op('user', { user_id: author.id }, author.token);
      const count = numberIn(user, rowIn(user, 'user'), 'work_count');
      // A full page may go on.
      if (videos.length >= limits.videoPageVideos) throw new Unchecked('the author has more videos than a page holds');
      expect(reply, count === videos.length, `as many videos as "work_count" of the user says: ${count}`);
    },
  },
  {
    id: 'videos.title',
    title: 'titles have 0 to 255 characters',
    why: 'Characters are what people count, not bytes.',
    fix: 'Count code points (Go: utf8.RuneCountInString) and make the column wide enough (utf8mb4).',
    run: async (kit) => {
      const author = await kit.userFor('videos');
      const [token, full] = [field('token', author.token), `${randomText(8)}🐻${'熊'.repeat(246)}`];
      for (const [title, what] of [
        [full, 'a title of 255 characters'],
        ['', 'an empty title'],
      ] as const) {
        const parts = [field('title', title), bearPart, token];
        expectOk(await upload(kit, parts), what);
        const { reply, videos } = await ownVideos(kit, author);
        expect(reply, videos[0]?.['title'] === title, `${what} to be stored as it is`);
      }
      const tooLong = await upload(kit, [field('title', `${full}熊`), bearPart, token]);
      expectRefused(tooLong, 'the title has 256 characters');
      const { reply, videos } = await ownVideos(kit, author);
      expect(reply, videos.length === 2, 'two videos: the third upload was refused', `there are ${videos.length}`);
    },
  },
  {
    id: 'videos.not-a-video',
    fault: 'failed-upload-looks-fine',
    title: 'a file that is no video is refused, whatever its name and MIME type say',
    why: 'Otherwise the feed fills with videos that never play.',
    fix: 'Look into the file before you answer (ffprobe: is there a video stream?), and delete what you stored if there is none.',
    run: async (kit) => {
      await expectNotPublished(kit, await kit.userFor('videos'), [
        ['a text file is no video', fileOf('this is no video\n'.repeat(100), 'video/mp4')],
        ['an empty file is no video', fileOf('', 'video/mp4')],
        ['a PNG picture is no video', fileOf(png, 'video/mp4')],
        ['a playlist is no video', fileOf('#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n', 'video/mp4')],
      ]);
    },
  },
  {
    id: 'videos.broken',
    fault: 'failed-upload-looks-fine',
    title: 'a video that is cut off, and an upload without a file, are refused',
    why: 'A success must mean that the video is there and plays.',
    fix: 'Look whether the file can be decoded (ffprobe finds the streams), and whether the part "data" is there.',
    run: async (kit) => {
      await expectNotPublished(kit, await kit.userFor('videos'), [
        ['the file is cut off', fileOf(bear.subarray(0, 2_000))],
        ['there is no file', undefined],
        ['"data" is text and not a file', field('data', 'bear.mp4')],
      ]);
    },
  },
  {
    id: 'videos.list-of-user',
    fault: 'oneself-only',
    title: 'publish/list/ shows the videos of user_id, for everyone, newest first',
    why: 'It fills the profiles of others.',
    fix: 'Filter by user_id; fall back to the user of the token only if there is none.',
    run: async (kit) => {
      const [video, [newer, other]] = [await kit.video(), await kit.twins()];
      for (const token of [undefined, other.author.token, video.author.token]) {
        const reply = await kit.op('publishList', { user_id: video.author.id }, token);
        const videos = listOf(reply, 'video_list');
        const ids = idsOf(videos);
        const row = findById(videos, video.id);
        expect(reply, row !== undefined, `video ${video.id} of user ${video.author.id}`);
        expect(reply, row['title'] === video.title, `"title": "${video.title}", as sent`);
        expect(reply, !ids.includes(other.id), `no video ${other.id}, which is by user ${other.author.id}`);
        const holds = ids.indexOf(newer.id) < ids.indexOf(video.id);
        expect(reply, holds, `video ${newer.id} before video ${video.id}, which is older`);
      }
      const own = await kit.op('publishList', {}, other.author.token);
      const isOwn = idsOf(listOf(own, 'video_list')).includes(other.id);
      expect(own, isOwn, `without user_id the videos of the token’s user, ${other.id} among them`);
    },
  },
]);
