import { type Static, Type } from 'typebox';

/**
 * The objects of section 2 of the contract. Every field is always present. Fields marked "ours" are additions that the
 * app ignores; the names and types of all others are fixed.
 */
const count = (description: string) => Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description });
const id = (description: string) => Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description });
const moment = (description: string) =>
  Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: `${description}, ms since 1970` });

const userFields = {
  id: id('The user'),
  name: Type.String({ description: 'Shown name' }),
  follow_count: count('Users that this user follows'),
  follower_count: count('Users that follow this user'),
  is_follow: Type.Boolean({ description: 'Whether the caller follows this user; false for a guest' }),
  avatar: Type.String({ description: 'Absolute address of a square picture, or ""' }),
  background_image: Type.String({ description: 'Absolute address of a wide picture, or ""' }),
  signature: Type.String({ description: 'A few words about oneself, or ""' }),
  total_favorited: count('Likes that the videos of this user have'),
  work_count: count('Videos of this user that everyone can see'),
  favorite_count: count('Videos that this user likes'),
};

export const User = Type.Object(userFields, { title: 'User' });
export type User = Static<typeof User>;

export const FriendUser = Type.Object(
  {
    ...userFields,
    message: Type.String({ description: 'Latest message between the two, "" if there is none' }),
    msgType: Type.Integer({
      minimum: 0,
      maximum: 1,
      description: '0: received by the caller, or none; 1: sent by the caller',
    }),
  },
  { title: 'FriendUser' },
);
export type FriendUser = Static<typeof FriendUser>;

export const videoStates = ['uploaded', 'processing', 'ready', 'failed'] as const;

export const Video = Type.Object(
  {
    id: id('The video'),
    author: User,
    play_url: Type.String({ minLength: 1, description: 'Absolute address of the file' }),
    cover_url: Type.String({ minLength: 1, description: 'Absolute address of a JPEG picture' }),
    favorite_count: count('Likes'),
    comment_count: count('Comments'),
    is_favorite: Type.Boolean({ description: 'Whether the caller likes this video; false for a guest' }),
    title: Type.String({ description: 'Title, "" if none' }),
    publish_time: moment('Ours: when it was published'),
    duration_ms: count('Ours: length in milliseconds'),
    width: count('Ours: width in pixels as shown, rotation applied'),
    height: count('Ours: height in pixels as shown, rotation applied'),
    state: Type.Enum([...videoStates], { description: 'Ours: only the author sees videos that are not "ready"' }),
    failure: Type.String({ description: 'Ours: why processing failed, in words; "" otherwise' }),
    hls_url: Type.String({
      description: 'Ours: absolute address of the HLS master playlist, for adaptive playback; "" until it is made',
    }),
    cover_srcset: Type.String({
      description:
        'Ours: the cover as WebP in several widths, in the form of the srcset attribute; "" until they are made',
    }),
    placeholder: Type.String({ description: 'Ours: BlurHash of the cover, to be shown until it has come; "" if none' }),
    preview_url: Type.String({
      description: 'Ours: absolute address of a short animated WebP without sound; "" until it is made',
    }),
    thumbnails_url: Type.String({
      description:
        'Ours: absolute address of a WebVTT file that names the parts of a sprite of thumbnails; "" until it is made',
    }),
  },
  { title: 'Video' },
);
export type Video = Static<typeof Video>;

export const Comment = Type.Object(
  {
    id: id('The comment'),
    user: User,
    content: Type.String({ description: 'Text' }),
    create_date: Type.String({ pattern: '^\\d{2}-\\d{2}$', description: 'MM-dd in the time zone of the server' }),
    create_time: moment('Ours: when it was written'),
  },
  { title: 'Comment' },
);
export type Comment = Static<typeof Comment>;

export const Message = Type.Object(
  {
    id: id('The message'),
    to_user_id: id('Who receives it'),
    from_user_id: id('Who sent it'),
    content: Type.String({ description: 'Text' }),
    create_time: moment('When it was sent'),
  },
  { title: 'Message' },
);
export type Message = Static<typeof Message>;
