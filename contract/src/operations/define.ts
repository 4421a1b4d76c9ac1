/** What the definitions of several operations share. */
import { Type } from 'typebox';
import { limits } from '../limits.ts';
import { User, Video, videoStates } from '../objects.ts';
import type { Access, FilePart, Operation } from '../operation.ts';
import type { ParameterTable } from '../parameters.ts';
import { id, moment, optionalId, text } from '../parameters.ts';

export function operation<
  const P extends ParameterTable,
  A extends Operation['answer'],
  const X extends Access,
  const F extends Readonly<Record<string, FilePart>> = Record<never, FilePart>,
  const S extends boolean = false,
>(
  given: Omit<Operation<P, A, F, X>, 'files' | 'streams'> & { readonly files?: F; readonly streams?: S },
): Operation<P, A, F, X, S>;
export function operation(
  given: Omit<Operation, 'files' | 'streams'> & Partial<Pick<Operation, 'files' | 'streams'>>,
): Operation {
  return { ...given, files: given.files ?? {}, streams: given.streams ?? false };
}

export const page = {
  has_more: Type.Boolean({ description: 'Ours: whether the list goes on' }),
  next_cursor: Type.String({ description: 'Ours: give it as `cursor` to go on; "" at the end' }),
};
export const videoPage = Type.Object({ video_list: Type.Array(Video, { maxItems: limits.videoPageVideos }), ...page });
export const userPage = Type.Object({ user_list: Type.Array(User, { maxItems: limits.userPageUsers }), ...page });
export const feedPage = Type.Object({
  video_list: Type.Array(Video, { maxItems: limits.feedPageVideos }),
  next_time: Type.Integer({ minimum: 0, description: 'ms since 1970: the `latest_time` of the next page' }),
});
export const session = Type.Object({
  user_id: Type.Integer({ minimum: 0, description: 'The user' }),
  token: Type.String({ description: `Valid for ${limits.tokenLifeDays} days, or until the password changes` }),
});
export const publishStatus = Type.Object({
  state: Type.Enum([...videoStates], { description: 'As that of the video' }),
  progress: Type.Integer({
    minimum: 0,
    maximum: 100,
    description: 'Percent of the processing. A video that plays as it was received is "ready" before this is 100',
  }),
  failure: Type.String({ description: 'Why processing failed, in words; "" otherwise' }),
});
export const nothing = Type.Object({});

export const username = text(
  { maxCodePoints: limits.usernameMaxCodePoints, empty: 'ErrSecretEmpty', tooLong: 'ErrReachMaxCount' },
  'alice',
  { en: '1–32 characters, unique without regard to case', zh: '1–32 个字符，不区分大小写且唯一' },
);
export const newPassword = text(
  {
    minCodePoints: limits.passwordMinCodePoints,
    maxCodePoints: limits.passwordMaxCodePoints,
    empty: 'ErrSecretEmpty',
    tooLong: 'ErrReachMaxCount',
    secret: true,
  },
  'correct horse',
  { en: '6–32 characters', zh: '6–32 个字符' },
);
// Without a lower bound: a short password is a wrong one, and must take as long to be refused as any other.
export const password = text(
  { maxCodePoints: limits.passwordMaxCodePoints, empty: 'ErrSecretEmpty', tooLong: 'ErrReachMaxCount', secret: true },
  'correct horse',
  { en: 'The password', zh: '密码' },
);
export const videoId = id({ en: 'The video', zh: '视频' });
export const ownerId = optionalId({ en: 'Whose; without it, the caller', zh: '所属用户；不填则为当前用户' });
export const latestTime = moment({
  en: 'Only videos strictly older than this: ms since 1970 (≥ 1e11) or seconds; missing or invalid: now',
  zh: '只返回严格早于该时刻的视频：毫秒（≥ 1e11）或秒；缺失或无效时为当前时间',
});
