import { type AnswerOf, DomainError, type Operations } from '@tiktok-server/contract';
import type { Database } from '../../db/index.ts';
import { failureText, type Viewer } from '../../read/index.ts';
import { videoStatusStore } from '../../store/index.ts';
import type { VideoStatusRow } from '../../store/video-status.store.ts';
import { StreamAnswer } from '../handler.ts';
import type { StatusWatch } from './status-watch.ts';

export type VideoStatus = AnswerOf<Operations['publishStatus']>;

/** How far processing of one of the caller's videos has come; what is somebody else's is not there. */
export async function statusOf(database: Database, videoId: number, viewer: Viewer): Promise<VideoStatus> {
  const [row] = await videoStatusStore.findStatuses(database.reader, [videoId]);
  return presentStatus(row, viewer);
}

/** The same, and then whenever it changes, until nothing more will. */
export async function followStatus(
  deps: { readonly database: Database; readonly watch: StatusWatch },
  videoId: number,
  viewer: Viewer,
): Promise<StreamAnswer<VideoStatus>> {
  const first = await statusOf(deps.database, videoId, viewer);
  async function* changes(signal: AbortSignal): AsyncGenerator<VideoStatus> {
    let told = first;
    for await (const row of deps.watch.follow(videoId, signal)) {
      const status = presentStatus(row, viewer);
      if (isSame(status, told)) continue;
      told = status;
      yield status;
    }
  }
  return new StreamAnswer(first, isFinal, changes);
}

function presentStatus(row: VideoStatusRow | undefined, viewer: Viewer): VideoStatus {
  if (row === undefined || row.state === 'deleted' || row.author_id !== viewer.userId) {
    throw new DomainError('ErrVideoNotFound');
  }
  const done = row.state === 'ready' && row.prepared_at !== null;
  return {
    state: row.state,
    progress: done ? 100 : (row.percent ?? 0),
    failure: failureText(row.failure, viewer.language),
  };
}

/** A video that plays as it was received is ready before it is done. */
const isFinal = ({ state, progress }: VideoStatus): boolean =>
  state === 'failed' || (state === 'ready' && progress === 100);

const isSame = (one: VideoStatus, other: VideoStatus): boolean =>
  one.state === other.state && one.progress === other.progress && one.failure === other.failure;
