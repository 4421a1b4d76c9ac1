/** States of a video that take long to come by themselves, written straight into its row. */
import type { VideoRow } from '../src/db/index.ts';
import { videoKey } from '../src/read/index.ts';
import { videoStore } from '../src/store/index.ts';
import type { TestServer } from './server.ts';

export async function updateVideoRow(server: TestServer, id: number, set: Partial<VideoRow>): Promise<void> {
  await server.context.publishing.writer.write(async ({ trx, invalidate }) => {
    await trx.updateTable('videos').set(set).where('id', '=', id).execute();
    invalidate(videoKey(id));
  });
}

/** As a job does that has come so far. */
export async function noteProgress(server: TestServer, id: number, percent: number): Promise<void> {
  const { writer, clock } = server.context.publishing;
  await writer.write(({ trx }) => videoStore.updateProgress(trx, id, percent, clock.now()));
}

export async function videoRow(server: TestServer, id: number): Promise<VideoRow> {
  const [row] = await videoStore.findVideos(server.context.database.reader, [id]);
  if (row === undefined) throw new Error(`no video ${id}`);
  return row;
}
