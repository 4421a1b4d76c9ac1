import { Type } from 'typebox';
import { limits } from './limits.ts';
import { Comment, FriendUser, Message, User, Video } from './objects.ts';
import type { Access, FilePart, Operation } from './operation.ts';
import type { ParameterTable } from './parameters.ts';
import { choice, cursor, id, moment, optionalId, optionalText, text } from './parameters.ts';

/** Every operation under /douyin/, section 3 of the contract, with the additions of ours beside their relatives. */

function operation<
  const P extends ParameterTable,
  A extends Operation['answer'],
  const X extends Access,
  const F extends Readonly<Record<string, FilePart>> = Record<never, FilePart>,
>(given: Omit<Operation<P, A, F, X>, 'files'> & { readonly files?: F }): Operation<P, A, F, X>;
function operation(given: Omit<Operation, 'files'> & { readonly files?: Operation['files'] }): Operation {
  return { ...given, files: given.files ?? {} };
}

const page = {
  has_more: Type.Boolean({ description: 'Ours: whether the list goes on' }),
  next_cursor: Type.String({ description: 'Ours: give it as `cursor` to go on; "" at the end' }),
};
const videoPage = Type.Object({ video_list: Type.Array(Video, { maxItems: limits.videoPageVideos }), ...page });
const userPage = Type.Object({ user_list: Type.Array(User, { maxItems: limits.userPageUsers }), ...page });
const feedPage = Type.Object({
  video_list: Type.Array(Video, { maxItems: limits.feedPageVideos }),
  next_time: Type.Integer({ minimum: 0, description: 'ms since 1970: the `latest_time` of the next page' }),
});
const session = Type.Object({
  user_id: Type.Integer({ minimum: 0, description: 'The user' }),
  token: Type.String({ description: `Valid for ${limits.tokenLifeDays} days, or until the password changes` }),
});
const nothing = Type.Object({});

const username = text(
  { maxCodePoints: limits.usernameMaxCodePoints, empty: 'ErrSecretEmpty', tooLong: 'ErrReachMaxCount' },
  'alice',
  { en: '1–32 characters, unique without regard to case', zh: '1–32 个字符，不区分大小写且唯一' },
);
const newPassword = text(
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
const password = text(
  { maxCodePoints: limits.passwordMaxCodePoints, empty: 'ErrSecretEmpty', tooLong: 'ErrReachMaxCount', secret: true },
  'correct horse',
  { en: 'The password', zh: '密码' },
);
const videoId = id({ en: 'The video', zh: '视频' });
const ownerId = optionalId({ en: 'Whose; without it, the caller', zh: '所属用户；不填则为当前用户' });
const latestTime = moment({
  en: 'Only videos strictly older than this: ms since 1970 (≥ 1e11) or seconds; missing or invalid: now',
  zh: '只返回严格早于该时刻的视频：毫秒（≥ 1e11）或秒；缺失或无效时为当前时间',
});

export const operations = {
  feed: operation({
    method: 'GET',
    path: '/douyin/feed/',
    access: 'optional',
    group: 'Feed',
    origin: 'course',
    summary: { en: 'Newest videos of everyone', zh: '视频流' },
    parameters: { latest_time: latestTime },
    answer: feedPage,
    errors: [],
  }),
  followingFeed: operation({
    method: 'GET',
    path: '/douyin/feed/following/',
    access: 'required',
    group: 'Feed',
    origin: 'ours',
    summary: { en: 'Newest videos of the users that the caller follows', zh: '关注的人的视频流' },
    parameters: { latest_time: latestTime },
    answer: feedPage,
    errors: [],
  }),
  register: operation({
    method: 'POST',
    path: '/douyin/user/register/',
    access: 'none',
    group: 'Users',
    origin: 'course',
    summary: { en: 'Sign up', zh: '用户注册' },
    parameters: { username, password: newPassword },
    answer: session,
    errors: ['ErrSecretEmpty', 'ErrReachMaxCount', 'ErrUserAlreadyExist'],
  }),
  login: operation({
    method: 'POST',
    path: '/douyin/user/login/',
    access: 'none',
    group: 'Users',
    origin: 'course',
    summary: { en: 'Sign in', zh: '用户登录' },
    description: {
      en: 'An unknown user and a wrong password get the same answer after the same time.',
      zh: '用户不存在与密码错误的响应及耗时完全一致。',
    },
    parameters: { username, password },
    answer: session,
    errors: ['ErrSecretEmpty', 'ErrReachMaxCount', 'ErrPasswordIncorrect'],
  }),
  user: operation({
    method: 'GET',
    path: '/douyin/user/',
    access: 'optional',
    group: 'Users',
    origin: 'course',
    summary: { en: 'One user', zh: '用户信息' },
    parameters: { user_id: ownerId },
    answer: Type.Object({ user: User }),
    errors: ['ErrUserNotFound'],
  }),
  changePassword: operation({
    method: 'POST',
    path: '/douyin/user/password/',
    access: 'required',
    group: 'Users',
    origin: 'ours',
    summary: { en: 'Change the password', zh: '修改密码' },
    description: {
      en: 'Ends every session of the user, this one too; the answer carries a new token.',
      zh: '结束该用户的所有会话（包括当前会话）；响应中带有新的 token。',
    },
    parameters: { old_password: password, new_password: newPassword },
    answer: session,
    errors: ['ErrSecretEmpty', 'ErrReachMaxCount', 'ErrPasswordIncorrect'],
  }),
  editProfile: operation({
    method: 'POST',
    path: '/douyin/user/profile/',
    access: 'required',
    group: 'Users',
    origin: 'ours',
    summary: { en: 'Edit the profile', zh: '编辑资料' },
    description: {
      en: 'What is not given stays as it is. Pictures are re-encoded, never served as received.',
      zh: '未提供的项保持不变。图片会重新编码，不会原样提供。',
    },
    parameters: {
      signature: optionalText(
        { maxCodePoints: limits.signatureMaxCodePoints, tooLong: 'ErrValidation', multiline: true },
        'Hello',
        { en: 'A few words, at most 200 characters', zh: '个性签名，最多 200 个字符' },
      ),
    },
    files: {
      avatar: { required: false, doc: { en: 'A picture, cut to a square', zh: '头像图片，裁成正方形' } },
      background_image: { required: false, doc: { en: 'A wide picture', zh: '主页背景图' } },
    },
    answer: Type.Object({ user: User }),
    errors: ['ErrNotPicture', 'ErrFileTooLarge', 'ErrStorageFull'],
  }),
  deleteAccount: operation({
    method: 'POST',
    path: '/douyin/user/delete/',
    access: 'required',
    group: 'Users',
    origin: 'ours',
    summary: { en: 'Delete the account and everything in it', zh: '注销账号并删除全部内容' },
    parameters: { password },
    answer: nothing,
    errors: ['ErrSecretEmpty', 'ErrReachMaxCount', 'ErrPasswordIncorrect'],
  }),
  publish: operation({
    method: 'POST',
    path: '/douyin/publish/action/',
    access: 'required',
    group: 'Videos',
    origin: 'course',
    summary: { en: 'Publish a video', zh: '投稿' },
    description: {
      en: 'multipart/form-data, parts in any order. The video is in the list of its author at once; others see it as soon as browsers can play it.',
      zh: 'multipart/form-data，各部分顺序任意。作者的列表中立即可见；浏览器可播放后其他人可见。',
    },
    parameters: {
      title: optionalText(
        { maxCodePoints: limits.titleMaxCodePoints, tooLong: 'ErrTitleTooLong', multiline: true },
        'My day',
        {
          en: 'At most 255 characters',
          zh: '标题，最多 255 个字符',
        },
      ),
    },
    files: {
      data: { required: true, doc: { en: 'The video; judged by its content', zh: '视频文件；按内容判断类型' } },
    },
    answer: nothing,
    errors: [
      'ErrTitleTooLong',
      'ErrFileMissing',
      'ErrNotVideo',
      'ErrFileTooLarge',
      'ErrVideoTooLong',
      'ErrStorageFull',
      'ErrUnsupportedCodec',
      'ErrUploadIncomplete',
    ],
  }),
  publishList: operation({
    method: 'GET',
    path: '/douyin/publish/list/',
    access: 'optional',
    group: 'Videos',
    origin: 'course',
    summary: { en: 'Videos of a user, newest first', zh: '发布列表' },
    parameters: { user_id: ownerId, cursor: cursor() },
    answer: videoPage,
    errors: ['ErrUserNotFound'],
  }),
  video: operation({
    method: 'GET',
    path: '/douyin/video/',
    access: 'optional',
    group: 'Videos',
    origin: 'ours',
    summary: { en: 'One video', zh: '单个视频' },
    parameters: { video_id: videoId },
    answer: Type.Object({ video: Video }),
    errors: ['ErrVideoNotFound'],
  }),
  deleteVideo: operation({
    method: 'POST',
    path: '/douyin/publish/delete/',
    access: 'required',
    group: 'Videos',
    origin: 'ours',
    summary: { en: 'Delete one of the own videos', zh: '删除自己的视频' },
    parameters: { video_id: videoId },
    answer: nothing,
    errors: ['ErrVideoNotFound', 'ErrPermissionDenied'],
  }),
  like: operation({
    method: 'POST',
    path: '/douyin/favorite/action/',
    access: 'required',
    group: 'Likes',
    origin: 'course',
    summary: { en: 'Like or unlike', zh: '赞操作' },
    parameters: {
      video_id: videoId,
      action_type: choice([1, 2], { en: '1: like, 2: unlike', zh: '1 点赞，2 取消点赞' }),
    },
    answer: nothing,
    errors: ['ErrVideoNotFound', 'ErrVideoProcessing'],
  }),
  likeList: operation({
    method: 'GET',
    path: '/douyin/favorite/list/',
    access: 'optional',
    group: 'Likes',
    origin: 'course',
    summary: { en: 'Videos that a user likes, latest like first', zh: '喜欢列表' },
    parameters: { user_id: ownerId, cursor: cursor() },
    answer: videoPage,
    errors: ['ErrUserNotFound'],
  }),
  comment: operation({
    method: 'POST',
    path: '/douyin/comment/action/',
    access: 'required',
    group: 'Comments',
    origin: 'course',
    summary: { en: 'Add or delete a comment', zh: '评论操作' },
    description: {
      en: 'Adding needs `comment_text`; deleting needs `comment_id` and is open to the author of the comment and of the video.',
      zh: '发布需要 `comment_text`；删除需要 `comment_id`，评论作者和视频作者可以删除。',
    },
    parameters: {
      video_id: videoId,
      action_type: choice([1, 2], { en: '1: add, 2: delete', zh: '1 发布，2 删除' }),
      comment_text: optionalText(
        {
          maxCodePoints: limits.commentMaxCodePoints,
          tooLong: 'ErrCommentTooLong',
          multiline: true,
        },
        'Nice!',
        { en: '1–500 characters', zh: '1–500 个字符' },
      ),
      comment_id: optionalId({ en: 'The comment to delete', zh: '要删除的评论' }),
    },
    answer: Type.Object({ comment: Type.Union([Comment, Type.Null()]) }),
    errors: [
      'ErrVideoNotFound',
      'ErrVideoProcessing',
      'ErrCommentNotFound',
      'ErrCommentEmpty',
      'ErrCommentTooLong',
      'ErrPermissionDenied',
    ],
  }),
  commentList: operation({
    method: 'GET',
    path: '/douyin/comment/list/',
    access: 'optional',
    group: 'Comments',
    origin: 'course',
    summary: { en: 'Comments on a video, newest first', zh: '评论列表' },
    parameters: { video_id: videoId, cursor: cursor() },
    answer: Type.Object({ comment_list: Type.Array(Comment, { maxItems: limits.commentPageComments }), ...page }),
    errors: ['ErrVideoNotFound'],
  }),
  follow: operation({
    method: 'POST',
    path: '/douyin/relation/action/',
    access: 'required',
    group: 'Relations',
    origin: 'course',
    summary: { en: 'Follow or unfollow', zh: '关系操作' },
    parameters: {
      to_user_id: id({ en: 'Whom', zh: '对方用户' }),
      action_type: choice([1, 2], { en: '1: follow, 2: unfollow', zh: '1 关注，2 取消关注' }),
    },
    answer: nothing,
    errors: ['ErrUserNotFound', 'ErrFollowSelf'],
  }),
  followList: operation({
    method: 'GET',
    path: '/douyin/relation/follow/list/',
    access: 'optional',
    group: 'Relations',
    origin: 'course',
    summary: { en: 'Users that a user follows, latest first', zh: '关注列表' },
    parameters: { user_id: ownerId, cursor: cursor() },
    answer: userPage,
    errors: ['ErrUserNotFound'],
  }),
  followerList: operation({
    method: 'GET',
    path: '/douyin/relation/follower/list/',
    access: 'optional',
    group: 'Relations',
    origin: 'course',
    summary: { en: 'Users that follow a user, latest first', zh: '粉丝列表' },
    parameters: { user_id: ownerId, cursor: cursor() },
    answer: userPage,
    errors: ['ErrUserNotFound'],
  }),
  friendList: operation({
    method: 'GET',
    path: '/douyin/relation/friend/list/',
    access: 'required',
    group: 'Relations',
    origin: 'course',
    summary: { en: 'Mutual follows, most recent conversation first', zh: '好友列表' },
    parameters: {
      user_id: optionalId({ en: 'The caller, if given at all', zh: '如填写，必须是当前用户' }),
      cursor: cursor(),
    },
    answer: Type.Object({ user_list: Type.Array(FriendUser, { maxItems: limits.userPageUsers }), ...page }),
    errors: ['ErrPermissionDenied'],
  }),
  chat: operation({
    method: 'GET',
    path: '/douyin/message/chat/',
    access: 'required',
    group: 'Messages',
    origin: 'course',
    summary: { en: 'Messages with a user, oldest first', zh: '聊天记录' },
    description: {
      en: 'Without `pre_msg_time`: the latest messages in both directions. With it: only newer ones, and only those addressed to the caller, who has already drawn the own ones. `cursor` goes back in time.',
      zh: '不带 `pre_msg_time`：双方最近的消息。带上时：只返回更新的、且发给当前用户的消息（自己的消息客户端已显示）。`cursor` 用于向前翻页。',
    },
    parameters: {
      to_user_id: id({ en: 'The other one', zh: '对方用户' }),
      pre_msg_time: moment({
        en: 'Time of the newest message already shown: ms since 1970 (≥ 1e11) or seconds; missing or invalid: the history',
        zh: '已显示的最新消息的时间：毫秒（≥ 1e11）或秒；缺失或无效时返回历史记录',
      }),
      cursor: cursor(),
    },
    answer: Type.Object({ message_list: Type.Array(Message, { maxItems: limits.messagePageMessages }), ...page }),
    errors: ['ErrUserNotFound'],
  }),
  sendMessage: operation({
    method: 'POST',
    path: '/douyin/message/action/',
    access: 'required',
    group: 'Messages',
    origin: 'course',
    summary: { en: 'Send a message', zh: '发送消息' },
    parameters: {
      to_user_id: id({ en: 'To whom', zh: '对方用户' }),
      action_type: choice([1], { en: '1: send', zh: '1 发送' }),
      content: text(
        {
          maxCodePoints: limits.messageMaxCodePoints,
          empty: 'ErrMessageEmpty',
          tooLong: 'ErrMessageTooLong',
          multiline: true,
        },
        'Hi!',
        { en: '1–1000 characters', zh: '1–1000 个字符' },
      ),
    },
    answer: nothing,
    errors: ['ErrUserNotFound', 'ErrMessageEmpty', 'ErrMessageTooLong', 'ErrMessageSelf'],
  }),
} as const;

export type Operations = typeof operations;
export type OperationName = keyof Operations;
export const operationNames = Object.keys(operations).filter((name): name is OperationName => name in operations);
