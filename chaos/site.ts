/**
 * The words in which writes and reads speak of the same things: which register a write sets, and what an answer says about
 * registers. Names are made to be read in a report.
 */
import type { Effect, Observation } from './history.ts';

export type VideoRef = { readonly id: number; readonly authorId: number };

export const likeRegister = (userId: number, videoId: number): string => `user ${userId} likes video ${videoId}`;
export const followRegister = (userId: number, otherId: number): string => `user ${userId} follows user ${otherId}`;
export const commentRegister = (content: string): string => `comment "${content}"`;
export const messageRegister = (content: string): string => `message "${content}"`;
export const videoRegister = (title: string): string => `video "${title}"`;

export const feedList = 'the feed';
export const videosOf = (userId: number): string => `the videos of user ${userId}`;
export const likedBy = (userId: number): string => `the likes of user ${userId}`;
export const followedBy = (userId: number): string => `the follows of user ${userId}`;
export const followersOf = (userId: number): string => `the followers of user ${userId}`;
export const commentsOn = (videoId: number): string => `the comments on video ${videoId}`;
export const chatOf = (one: number, other: number): string =>
  `the chat of users ${Math.min(one, other)} and ${Math.max(one, other)}`;

/** What one has written to the other, as the other hears it message by message. */
export type Heard = { readonly fromId: number; readonly toId: number };
export const heardBy = ({ fromId, toId }: Heard): string => `what user ${toId} heard from user ${fromId}`;

export type VideoCounter = 'favorite_count' | 'comment_count';
export type UserCounter = 'follow_count' | 'follower_count' | 'total_favorited' | 'work_count' | 'favorite_count';
export const userCounters: readonly UserCounter[] = [
  'follow_count',
  'follower_count',
  'total_favorited',
  'work_count',
  'favorite_count',
];
export const videoCounters: readonly VideoCounter[] = ['favorite_count', 'comment_count'];
export const videoCount = (counter: VideoCounter, videoId: number): string => `${counter} of video ${videoId}`;
export const userCount = (counter: UserCounter, userId: number): string => `${counter} of user ${userId}`;

export const likeEffect = (userId: number, video: VideoRef, value: boolean): Effect => ({
  register: likeRegister(userId, video.id),
  value,
  counters: [
    videoCount('favorite_count', video.id),
    userCount('favorite_count', userId),
    userCount('total_favorited', video.authorId),
  ],
  lists: [likedBy(userId)],
});

export const followEffect = (userId: number, otherId: number, value: boolean): Effect => ({
  register: followRegister(userId, otherId),
  value,
  counters: [userCount('follow_count', userId), userCount('follower_count', otherId)],
  lists: [followedBy(userId), followersOf(otherId)],
});

export const commentEffect = (videoId: number, content: string, value: boolean): Effect => ({
  register: commentRegister(content),
  value,
  counters: [videoCount('comment_count', videoId)],
  lists: [commentsOn(videoId)],
});

export const messageEffect = (fromId: number, toId: number, content: string): Effect => ({
  register: messageRegister(content),
  value: true,
  counters: [],
  lists: [chatOf(fromId, toId), heardBy({ fromId, toId })],
});

export const publishEffect = (authorId: number, title: string): Effect => ({
  register: videoRegister(title),
  value: true,
  counters: [userCount('work_count', authorId)],
  lists: [feedList, videosOf(authorId)],
});

/** What an answer says about one counter, if it says a number. */
export function countSeen(counter: string, value: unknown): Observation[] {
  return typeof value === 'number' ? [{ is: 'count', counter, value }] : [];
}
