/**
 * What a new site shows before anybody has published: three clips of an account that nobody can log in to. They go through
 * the ordinary publishing, once, on an empty database; whoever deletes them does not get them back.
 */
import { createReadStream } from 'node:fs';
import type { Context } from './context.ts';
import { publishVideo } from './features/video/publish.service.ts';
import { metaStore, userStore } from './store/index.ts';

const folder = new URL('../demo/', import.meta.url);
const clips = [
  { file: 'tide.mp4', title: 'Tide · 潮' },
  { file: 'bloom.mp4', title: 'Bloom · 花开' },
  { file: 'aurora.mp4', title: 'Aurora · 极光' },
] as const;
const clipMaxBytes = 4 * 1024 * 1024;

/** Publishes the clips if the site is new; a failure is logged and keeps nobody from starting. */
export async function publishDemo({ database, account, publishing, blobs, log }: Context): Promise<void> {
  const isNew = (await userStore.findNewestId(database.reader)) === 0;
  if (!isNew || (await metaStore.findMeta(database.reader, 'demo')) !== undefined) return;
  // Noted first: a crash in between leaves fewer clips, never a second set of them.
  await database.transaction((trx) => metaStore.putMeta(trx, 'demo', 'published'));
  try {
    const authorId = await account.openWithoutLogin('demo');
    for (const { file, title } of clips) {
      const staged = await blobs.stage(createReadStream(new URL(file, folder)), { maxBytes: clipMaxBytes });
      try {
        await publishVideo(publishing, { authorId, title, file: staged });
      } finally {
        await staged.discard();
      }
    }
  } catch (error) {
    log.logger.error({ err: error }, 'the demo clips could not be published');
  }
}
