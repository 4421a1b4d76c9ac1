/**
 * What a new site shows before anybody has published: three clips of an account that nobody can log in to. They go through
 * the ordinary publishing, on an empty database; whoever deletes them does not get them back.
 */
import { createReadStream } from 'node:fs';
import type { Context } from './context.ts';
import { publishVideo } from './features/video/publish.service.ts';
import { metaStore, userStore, videoStore } from './store/index.ts';

const folder = new URL('../demo/', import.meta.url);
const name = 'demo';
const clips = [
  { file: 'tide.mp4', title: 'Tide · 潮' },
  { file: 'bloom.mp4', title: 'Bloom · 花开' },
  { file: 'aurora.mp4', title: 'Aurora · 极光' },
] as const;
const clipMaxBytes = 4 * 1024 * 1024;

/**
 * Publishes the clips if the site is new, or goes on where a start that was interrupted left off: nobody else has an
 * account before the first start is through. A failure is logged and keeps nobody from starting.
 */
export async function publishDemo(context: Context): Promise<void> {
  const { database, log, config } = context;
  const state = await metaStore.findMeta(database.reader, 'demo');
  const isNew = (await userStore.findNewestId(database.reader)) === 0;
  if (state !== 'started' && (state !== undefined || !isNew)) return;
  // Where several processes share a database, the one that notes it first publishes, and nobody goes on for it.
  if (config.database.kind !== 'sqlite' && !(await isFirst(database))) return;
  const note = (value: 'started' | 'published'): Promise<void> =>
    database.transaction((trx) => metaStore.putMeta(trx, 'demo', value));
  await note('started');
  try {
    await publishMissing(context);
  } catch (error) {
    log.logger.error({ err: error }, 'the demo clips could not be published');
  }
  await note('published');
}

async function isFirst(database: Context['database']): Promise<boolean> {
  try {
    await database.transaction((trx) => metaStore.insertMeta(trx, 'demo', 'started'));
    return true;
  } catch (error) {
    if ((await metaStore.findMeta(database.reader, 'demo')) === undefined) throw error;
    return false;
  }
}

async function publishMissing({ database, account, publishing, blobs }: Context): Promise<void> {
  const user = await userStore.findUserByNameKey(database.reader, name);
  const authorId = user?.id ?? (await account.openWithoutLogin(name));
  const own = await videoStore.listByAuthor(database.reader, authorId, true, undefined, clips.length);
  const videos = await videoStore.findVideos(
    database.reader,
    own.rows.map(({ id }) => id),
  );
  for (const { file, title } of clips.filter((clip) => videos.every((video) => video.title !== clip.title))) {
    const staged = await blobs.stage(createReadStream(new URL(file, folder)), { maxBytes: clipMaxBytes });
    try {
      await publishVideo(publishing, { authorId, title, file: staged });
    } finally {
      await staged.discard();
    }
  }
}
