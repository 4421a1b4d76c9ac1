import type { Comment, FriendUser, Language, Message, Text, User, Video } from '@tiktok-server/contract';
import type { CommentRow, Derived, MessageRow, VideoFailure } from '../db/index.ts';
import type { ViewerFacts } from './facts.ts';
import type { UserFacts } from './families.ts';
import type { VisibleVideo } from './rules.ts';

/** Who asks, and how addresses must look to be reachable from there. */
export type Viewer = {
  readonly userId: number | undefined;
  /** Scheme and host of media addresses, without a slash at the end. */
  readonly baseUrl: string;
  readonly language: Language;
};

/** Shown while a video has no cover of its own; a file of the program, not of the blob store. */
export const placeholderCoverPath = '/assets/cover.jpg';
export const mediaPath = '/media/';

const failures: Readonly<Record<VideoFailure, Text>> = {
  undecodable: {
    en: 'The video could not be read. Please export it again, for example as MP4, and upload it once more.',
    zh: '无法读取该视频。请重新导出（例如 MP4 格式）后再次上传。',
  },
  'too-long': {
    en: 'The video is longer than this site allows. Please cut it and upload it once more.',
    zh: '视频时长超过本站限制，请剪短后再次上传。',
  },
  incomplete: {
    en: 'The file ends before the video does. Please check that it plays to its end, and upload it once more.',
    zh: '文件不完整。请确认视频能完整播放后重新上传。',
  },
  missing: {
    en: 'The file of this video is gone from the storage. Please upload it again.',
    zh: '该视频的文件已从存储中丢失，请重新上传。',
  },
  internal: {
    en: 'Something went wrong here while converting the video. It is no fault of yours. Please try again later, or upload it once more.',
    zh: '转换视频时出现内部错误，与您的文件无关。请重试，或重新上传。',
  },
};

const mediaUrl = (viewer: Viewer, key: string | null): string =>
  key === null ? '' : `${viewer.baseUrl}${mediaPath}${key}`;

export function presentUser(user: UserFacts, facts: ViewerFacts, viewer: Viewer): User {
  return {
    id: user.id,
    name: user.name,
    follow_count: user.follow_count,
    follower_count: user.follower_count,
    is_follow: facts.followed.has(user.id),
    avatar: mediaUrl(viewer, user.avatar_key),
    background_image: mediaUrl(viewer, user.background_key),
    signature: user.signature,
    total_favorited: user.total_favorited,
    work_count: user.work_count,
    favorite_count: user.favorite_count,
  };
}

export function presentVideo(video: VisibleVideo, author: UserFacts, facts: ViewerFacts, viewer: Viewer): Video {
  return {
    id: video.id,
    author: presentUser(author, facts, viewer),
    play_url: mediaUrl(viewer, video.play_key),
    cover_url:
      video.cover_key === null ? `${viewer.baseUrl}${placeholderCoverPath}` : mediaUrl(viewer, video.cover_key),
    favorite_count: video.favorite_count,
    comment_count: video.comment_count,
    is_favorite: facts.liked.has(video.id),
    title: video.title,
    publish_time: video.published_at,
    duration_ms: video.duration_ms,
    width: video.width,
    height: video.height,
    state: video.state,
    failure: failureText(video.failure, viewer.language),
    placeholder: video.placeholder ?? '',
    ...derivedUrls(video.derived, viewer),
  };
}

/** Why processing failed, in the words of who asks. */
export const failureText = (failure: VideoFailure | null, language: Language): string =>
  failure === null ? '' : failures[failure][language];

function derivedUrls(
  derived: Derived | null,
  viewer: Viewer,
): Pick<Video, 'hls_url' | 'cover_srcset' | 'preview_url' | 'thumbnails_url'> {
  if (derived === null) return { hls_url: '', cover_srcset: '', preview_url: '', thumbnails_url: '' };
  const url = (name: string | null): string => (name === null ? '' : mediaUrl(viewer, `${derived.folder}/${name}`));
  return {
    hls_url: url(derived.master),
    cover_srcset: derived.covers.map(({ width, name }) => `${url(name)} ${width}w`).join(', '),
    preview_url: url(derived.preview),
    thumbnails_url: url(derived.thumbnails),
  };
}

export function presentComment(
  comment: CommentRow,
  author: UserFacts,
  facts: ViewerFacts,
  viewer: Viewer,
  monthAndDay: (momentMs: number) => string,
): Comment {
  return {
    id: comment.id,
    user: presentUser(author, facts, viewer),
    content: comment.content,
    create_date: monthAndDay(comment.created_at),
    create_time: comment.created_at,
  };
}

/**
 * Formats moments as "MM-dd" in one time zone; without one, in the system's. Made ready with the first moment: the world's
 * time zones take 8 MB, and most processes show no comment for a long time.
 */
export function monthAndDayIn(timeZone: string | undefined): (momentMs: number) => string {
  let format: Intl.DateTimeFormat | undefined;
  return (momentMs) => {
    format ??= dateFormat(timeZone);
    const parts = format.formatToParts(momentMs);
    const part = (type: 'month' | 'day') => parts.find((one) => one.type === type)?.value ?? '';
    return `${part('month')}-${part('day')}`;
  };
}

/** Where the system's zone has a name that nobody knows ("Etc/Unknown"), UTC. */
function dateFormat(timeZone: string | undefined): Intl.DateTimeFormat {
  const parts = { month: '2-digit', day: '2-digit' } as const;
  try {
    return new Intl.DateTimeFormat('en-US', { ...parts, timeZone });
  } catch {
    return new Intl.DateTimeFormat('en-US', { ...parts, timeZone: 'UTC' });
  }
}

export function presentMessage(message: MessageRow): Message {
  const toId = message.from_user_id === message.low_user_id ? message.high_user_id : message.low_user_id;
  return {
    id: message.id,
    to_user_id: toId,
    from_user_id: message.from_user_id,
    content: message.content,
    create_time: message.created_at,
  };
}

export function presentFriend(
  friend: UserFacts,
  latest: MessageRow | undefined,
  facts: ViewerFacts,
  viewer: Viewer,
): FriendUser {
  return {
    ...presentUser(friend, facts, viewer),
    message: latest?.content ?? '',
    msgType: latest !== undefined && latest.from_user_id === viewer.userId ? 1 : 0,
  };
}
