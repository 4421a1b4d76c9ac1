import type { Comment, FriendUser, User, Video } from '@tiktok-server/contract';
import type { CommentRow, MessageRow } from '../db/index.ts';
import type { Facts } from './facts.ts';
import { presentComment, presentFriend, presentUser, presentVideo, type Viewer } from './present.ts';
import { userIsVisible, videoIsVisible } from './rules.ts';

/**
 * The pipeline behind the ids: facts → rules → presentation, for each noun. Ids keep their order; those that the viewer
 * may not see are left out, so a page can be shorter than its list of ids, and paging goes by the ids.
 */
export async function videoPage(facts: Facts, ids: readonly number[], viewer: Viewer): Promise<Video[]> {
  const videos = await facts.videos(ids);
  const authorIds = [...videos.values()].map((video) => video.author_id);
  const [authors, viewerFacts] = await Promise.all([
    facts.users(authorIds),
    facts.viewer(viewer.userId, { videoIds: ids, userIds: [...new Set(authorIds)] }),
  ]);
  return ids.flatMap((id) => {
    const video = videos.get(id);
    const author = video === undefined ? undefined : authors.get(video.author_id);
    if (!videoIsVisible(video, author, viewer.userId) || author === undefined) return [];
    return [presentVideo(video, author, viewerFacts, viewer)];
  });
}

export async function userPage(facts: Facts, ids: readonly number[], viewer: Viewer): Promise<User[]> {
  const [users, viewerFacts] = await Promise.all([
    facts.users(ids),
    facts.viewer(viewer.userId, { videoIds: [], userIds: ids }),
  ]);
  return ids.flatMap((id) => {
    const user = users.get(id);
    return userIsVisible(user) ? [presentUser(user, viewerFacts, viewer)] : [];
  });
}

export async function commentPage(
  facts: Facts,
  comments: readonly CommentRow[],
  viewer: Viewer,
  monthAndDay: (momentMs: number) => string,
): Promise<Comment[]> {
  const authorIds = [...new Set(comments.map((comment) => comment.user_id))];
  const [authors, viewerFacts] = await Promise.all([
    facts.users(authorIds),
    facts.viewer(viewer.userId, { videoIds: [], userIds: authorIds }),
  ]);
  return comments.flatMap((comment) => {
    const author = authors.get(comment.user_id);
    return userIsVisible(author) ? [presentComment(comment, author, viewerFacts, viewer, monthAndDay)] : [];
  });
}

export async function friendPage(
  facts: Facts,
  friends: readonly { readonly userId: number; readonly latest: MessageRow | undefined }[],
  viewer: Viewer,
): Promise<FriendUser[]> {
  const ids = friends.map((friend) => friend.userId);
  const [users, viewerFacts] = await Promise.all([
    facts.users(ids),
    facts.viewer(viewer.userId, { videoIds: [], userIds: ids }),
  ]);
  return friends.flatMap(({ userId, latest }) => {
    const user = users.get(userId);
    return userIsVisible(user) ? [presentFriend(user, latest, viewerFacts, viewer)] : [];
  });
}
