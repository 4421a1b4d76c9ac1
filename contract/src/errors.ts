import type { Text } from './text.ts';

/**
 * The one table of everything that an answer's `status_code` can say. Six digits: service (2), module (2), sequence (2).
 * `status` is the HTTP status that the error stands for: it is logged and counted for every row, and sent only where
 * `sent` says so, because the app shows "network error" for anything but 200 (section 1 of the contract).
 * docs/errors.md is generated from here.
 */
export type ErrorRow = {
  readonly code: number;
  readonly status: number;
  readonly sent: boolean;
  readonly message: Text;
};

const understood = (code: number, status: number, en: string, zh: string): ErrorRow => ({
  code,
  status,
  sent: false,
  message: { en, zh },
});
const refused = (code: number, status: number, en: string, zh: string): ErrorRow => ({
  code,
  status,
  sent: true,
  message: { en, zh },
});

export const errors = {
  ErrUnknown: refused(100002, 500, 'Internal server error', '服务器内部错误'),
  ErrBind: understood(100003, 400, 'The request could not be parsed', '无法解析请求'),
  ErrValidation: understood(100004, 400, 'Validation failed', '参数校验失败'),
  ErrTokenInvalid: understood(100005, 401, 'Token invalid, please log in again', '登录状态无效，请重新登录'),
  ErrObjectStore: refused(100006, 503, 'Object storage failed, please try again', '对象存储出错，请稍后再试'),
  ErrObjectStoreUpload: refused(
    100007,
    503,
    'The upload could not be stored, please try again',
    '上传保存失败，请稍后再试',
  ),
  ErrPathNotFound: refused(100008, 404, 'No such address', '地址不存在'),
  ErrMethodNotAllowed: refused(100009, 405, 'This address takes another method', '请求方法不被允许'),
  ErrDatabase: refused(100101, 503, 'Database error, please try again', '数据库出错，请稍后再试'),
  ErrCache: refused(100102, 503, 'Cache error, please try again', '缓存出错，请稍后再试'),
  ErrExpired: understood(100203, 401, 'Token expired, please log in again', '登录已过期，请重新登录'),
  ErrPasswordIncorrect: understood(100207, 401, 'Password was incorrect', '用户名或密码错误'),
  ErrPermissionDenied: understood(100208, 403, 'Permission denied', '没有权限'),
  ErrUserNotFound: understood(110001, 404, 'User not found', '用户不存在'),
  ErrUserAlreadyExist: understood(110002, 400, 'User already exists', '用户已存在'),
  ErrReachMaxCount: understood(110101, 400, 'User name or password too long', '用户名或密码过长'),
  ErrSecretEmpty: understood(110103, 400, 'User name or password empty', '用户名或密码为空'),
  ErrVideoNotFound: understood(110201, 404, 'Video not found', '视频不存在'),
  ErrVideoProcessing: understood(110202, 409, 'The video is still being processed', '视频仍在处理中'),
  ErrTitleTooLong: understood(110203, 400, 'The title is too long', '标题过长'),
  ErrVideoNotFailed: understood(110204, 400, 'This video cannot be processed again', '该视频无法重新处理'),
  ErrCommentNotFound: understood(110301, 404, 'Comment not found', '评论不存在'),
  ErrCommentEmpty: understood(110302, 400, 'The comment is empty', '评论为空'),
  ErrCommentTooLong: understood(110303, 400, 'The comment is too long', '评论过长'),
  ErrFollowSelf: understood(110401, 400, 'You cannot follow yourself', '不能关注自己'),
  ErrMessageEmpty: understood(110501, 400, 'The message is empty', '消息为空'),
  ErrMessageTooLong: understood(110502, 400, 'The message is too long', '消息过长'),
  ErrMessageSelf: understood(110503, 400, 'You cannot send a message to yourself', '不能给自己发消息'),
  ErrFileMissing: understood(110601, 400, 'No file was sent', '没有收到文件'),
  ErrNotVideo: understood(110602, 400, 'The file is not a video that can be played', '文件不是可播放的视频'),
  ErrFileTooLarge: understood(110603, 413, 'The file is too large', '文件过大'),
  ErrVideoTooLong: understood(110604, 400, 'The video is too long', '视频时长过长'),
  ErrStorageFull: understood(110605, 507, 'The storage is full', '存储空间已满'),
  ErrUnsupportedCodec: understood(110606, 415, 'The video uses a format that is not supported', '不支持的视频编码格式'),
  ErrNotPicture: understood(110607, 400, 'The file is not a picture that can be shown', '文件不是可显示的图片'),
  ErrUploadIncomplete: understood(
    110608,
    400,
    'The upload ended before the file was complete',
    '上传未完成，文件不完整',
  ),
  ErrUploadQuota: understood(
    110609,
    413,
    'Too much is being uploaded at once; finish or cancel an upload first',
    '未完成的上传过多，请先完成或取消',
  ),
  ErrAlreadyPublished: understood(110610, 409, 'You have published this file already', '你已经发布过这个文件'),
  ErrUploadNotFound: understood(110611, 404, 'No such upload, or it has expired', '上传不存在或已过期'),
  ErrTooManyRequests: refused(110701, 429, 'Too many requests, please try again later', '请求过于频繁，请稍后再试'),
  ErrOverloaded: refused(110702, 503, 'The server is overloaded, please try again', '服务器繁忙，请稍后再试'),
} as const satisfies Record<string, ErrorRow>;

export type ErrorName = keyof typeof errors;

/** What a user is told beyond the table's message. Never a cause, an SQL text or a path: those go to the log only. */
export type ErrorDetail = {
  /** Which parameter or limit, and which rule it breaks. */
  readonly detail?: Text;
  /** Seconds after which trying again makes sense; sent as `Retry-After`. */
  readonly retryAfterSeconds?: number;
  /** What went wrong underneath, for the log. */
  readonly cause?: unknown;
};

/** The only error that services throw on purpose: a row of the table, with what this case adds to it. */
export class DomainError extends Error {
  readonly row: ErrorName;
  readonly detail: Text | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(row: ErrorName, more: ErrorDetail = {}) {
    super(
      more.detail === undefined ? errors[row].message.en : `${errors[row].message.en}: ${more.detail.en}`,
      more.cause === undefined ? undefined : { cause: more.cause },
    );
    this.name = 'DomainError';
    this.row = row;
    this.detail = more.detail;
    this.retryAfterSeconds = more.retryAfterSeconds;
  }
}
