import { videoStore } from '../../server/src/store/index.ts';
import type { TestServer } from '../../server/test/server.ts';

/** Enough videos for a feed of three pages: one is published, the others are rows that show the same file. */
const copies = 70;

export async function seedFeed(server: TestServer): Promise<void> {
  const user = await server.user();
  const first = await server.publish(user);
  // The file that was received gives way to another one first.
  await server.context.jobs.processAll();
  const { database, publishing } = server.context;
  const [row] = await videoStore.findVideos(database.reader, [first]);
  if (row === undefined) throw new Error('the first video is gone');
  const { favorite_count: _likes, comment_count: _comments, failure: _failure, prepared_at: _prepared, ...video } = row;
  await publishing.writer.write(async ({ trx }) => {
    for (let copy = 1; copy <= copies; copy += 1) {
      const id = publishing.ids.next();
      await videoStore.insertVideo(trx, { ...video, id, published_at: video.published_at - copy });
    }
  });
}
