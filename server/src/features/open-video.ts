import { DomainError } from '@tiktok-server/contract';
import type { Transaction, VideoRow } from '../db/index.ts';
import { videoStore } from '../store/index.ts';

/**
 * A video that takes likes and comments: one that everyone can see, and that stays as it is until the transaction ends. Its
 * author is told why another one does not.
 */
export async function openVideo(trx: Transaction, videoId: number, userId: number): Promise<VideoRow> {
  const [video] = await videoStore.lockVideos(trx, [videoId]);
  if (video === undefined || video.state === 'deleted') throw new DomainError('ErrVideoNotFound');
  if (video.state === 'ready') return video;
  const underWay = video.state === 'uploaded' || video.state === 'processing';
  throw new DomainError(underWay && video.author_id === userId ? 'ErrVideoProcessing' : 'ErrVideoNotFound');
}
