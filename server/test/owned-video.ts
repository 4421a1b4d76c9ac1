/** Videos with files of a test's choice, made durable as the server does it, without encoding anything. */
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import type { Derived, VideoRow } from '../src/db/index.ts';
import { newBlobKey, promoteWith } from '../src/jobs/index.ts';
import type { StagedBlob } from '../src/ports/index.ts';
import { feedHeadKey, userKey, videoKey } from '../src/read/index.ts';
import { fileOwnerStore, userStore, videoStore } from '../src/store/index.ts';
import { someVideo, type TestServer, type TestUser } from './server.ts';

const maxBytes = 4 * 1024 * 1024;
const packageNames = [
  'master.m3u8',
  'v240.m3u8',
  'v240.mp4',
  'audio.mp4',
  'cover-240.webp',
  'preview.webp',
  'thumbs.vtt',
];

const stage = (server: TestServer, content: Buffer | string): Promise<StagedBlob> =>
  server.context.blobs.stage(Readable.from([content]), { maxBytes });

/** Puts a file where no row knows of it. */
export async function putFile(server: TestServer, key: string, content: Buffer | string = key): Promise<void> {
  await (await stage(server, content)).promote(key);
}

export type OwnedVideo = Pick<VideoRow, 'id' | 'play_key' | 'received_key' | 'cover_key'> & {
  /** Keys of the package. */
  readonly package: readonly string[];
};

/** A ready, prepared video with everything that a video may have. */
export async function ownVideo(
  server: TestServer,
  author: TestUser,
  more: fileOwnerStore.VideoFileChanges = {},
): Promise<OwnedVideo> {
  const { writer, ids, clock } = server.context.publishing;
  const { blobs } = server.context;
  const id = ids.next();
  const owner = { owner: 'video', ownerId: id } as const;
  const folder = `videos/${id}/${randomBytes(16).toString('hex')}`;
  const [play, received, cover] = [newBlobKey(owner, 'mp4'), newBlobKey(owner, 'mp4'), newBlobKey(owner, 'jpg')];
  const names = packageNames.map((name) => `${folder}/${name}`);
  const files = await Promise.all(
    [play, received, cover, ...names].map(async (key) => ({
      key,
      // What is prepared again has to be a video.
      staged: await stage(server, key === play || key === received ? someVideo : 'x'),
    })),
  );
  const derived: Derived = {
    folder,
    files: packageNames,
    master: 'master.m3u8',
    renditions: [240],
    covers: [{ width: 240, name: 'cover-240.webp' }],
    preview: 'preview.webp',
    thumbnails: 'thumbs.vtt',
    loudness: null,
    sizeBytes: 1,
  };
  const state = more.state ?? 'ready';
  await promoteWith({ writer, blobs }, owner, files, async ({ trx, invalidate }) => {
    const row = { id, author_id: author.id, title: '', state, play_key: play, cover_key: cover, placeholder: 'L' };
    const shape = { duration_ms: 1_000, width: 64, height: 64, size_bytes: someVideo.length, sha256: '' };
    const publishedAt = await videoStore.nextPublishedAt(trx, clock.now());
    await videoStore.insertVideo(trx, { ...row, ...shape, published_at: publishedAt });
    const prepared = { received_key: received, derived: JSON.stringify(derived), prepared_at: clock.now() };
    await fileOwnerStore.updateVideoFiles(trx, id, { ...prepared, ...more });
    if (state === 'ready') await userStore.addToUserCounter(trx, [author.id], 'work_count', 1);
    invalidate(videoKey(id), userKey(author.id), feedHeadKey);
    return true;
  });
  return { id, play_key: play, received_key: received, cover_key: cover, package: names };
}
