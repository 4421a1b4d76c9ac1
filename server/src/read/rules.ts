import type { VideoState } from '../db/index.ts';
import type { UserFacts, VideoFacts } from './families.ts';

/** What a viewer may see. Pure: facts in, yes or no out; applied after the cache, never stored in it. */

/** A closed account is nowhere to be seen, also while its content is still being removed. */
export const userIsVisible = (user: UserFacts | undefined): user is UserFacts =>
  user !== undefined && user.deleted_at === null;

/** A video that somebody may see. */
export type VisibleVideo = VideoFacts & { readonly state: Exclude<VideoState, 'deleted'> };

/** Everyone sees ready videos; only the author sees one that is processing or has failed. */
export const videoIsVisible = (
  video: VideoFacts | undefined,
  author: UserFacts | undefined,
  viewerId: number | undefined,
): video is VisibleVideo => {
  if (video === undefined || !userIsVisible(author)) return false;
  if (video.state === 'ready') return true;
  return video.state !== 'deleted' && video.author_id === viewerId;
};
