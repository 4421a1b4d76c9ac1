/** What concerns videos: how they come, and what is made of them. */
import { duration, integer, oneOf, path, size } from './kinds.ts';
import { setting } from './setting.ts';

export const mediaSettings = {
  FFMPEG_PATH: setting({
    default: '',
    kind: path,
    doc: {
      en: 'ffmpeg to use, with ffprobe beside it; without it, that of the system, else an old one from npm',
      zh: '使用的 ffmpeg（ffprobe 在同一目录）；默认使用系统的，否则使用 npm 附带的旧版本',
    },
  }),
  VIDEO_ENCODER: setting({
    default: 'auto',
    kind: oneOf(
      'auto',
      'libx264',
      'h264_nvenc',
      'h264_videotoolbox',
      'h264_qsv',
      'h264_vaapi',
      'h264_amf',
      'h264_v4l2m2m',
    ),
    doc: {
      en: 'Encoder of H.264; `auto`: the first hardware encoder that works here, else `libx264`',
      zh: 'H.264 编码器；`auto`：第一个在本机可用的硬件编码器，否则 `libx264`',
    },
  }),
  UPLOAD_MAX_SIZE: setting({
    default: '512MB',
    kind: size(1_024, 1024 ** 4),
    doc: { en: 'Largest video', zh: '视频大小上限' },
  }),
  UPLOAD_MAX_DURATION: setting({
    default: '10m',
    kind: duration(1_000, 24 * 3_600_000),
    doc: { en: 'Longest video', zh: '视频时长上限' },
  }),
  UPLOAD_MAX_PIXELS: setting({
    default: '9437184',
    kind: integer(1_024, 8_192 * 8_192),
    doc: { en: 'Most pixels of a frame (4096 × 2304)', zh: '单帧像素上限（4096 × 2304）' },
  }),
  UPLOADS_PER_USER: setting({
    default: '2',
    kind: integer(1, 1_000),
    doc: { en: 'Uploads of one user at once', zh: '单个用户同时上传数' },
  }),
  UPLOADS_TOTAL: setting({
    default: '8',
    kind: integer(1, 10_000),
    doc: { en: 'Uploads of all at once', zh: '全站同时上传数' },
  }),
  UPLOAD_UNFINISHED_PER_USER: setting({
    default: '5',
    kind: integer(1, 10_000),
    doc: { en: 'Resumable uploads of one user that are not finished', zh: '单个用户未完成的续传上传数' },
  }),
  UPLOAD_UNFINISHED_SIZE: setting({
    default: '2GB',
    kind: size(1_024, 1024 ** 5),
    doc: {
      en: 'Their sizes together; never less than `UPLOAD_MAX_SIZE`',
      zh: '这些上传的总大小；不会小于 `UPLOAD_MAX_SIZE`',
    },
  }),
  UPLOAD_EXPIRY: setting({
    default: '24h',
    kind: duration(60_000, 30 * 24 * 3_600_000),
    doc: {
      en: 'How long a resumable upload is kept after its last byte came',
      zh: '续传上传在最后一次收到数据后的保留时间',
    },
  }),
  PICTURE_MAX_SIZE: setting({
    default: '10MB',
    kind: size(1_024, 1024 ** 3),
    doc: { en: 'Largest avatar or background picture', zh: '头像和背景图大小上限' },
  }),
  MEDIA_WORKERS: setting({
    default: '1',
    kind: integer(1, 64),
    doc: { en: 'Conversions of videos at once', zh: '同时转码数' },
  }),
  MEDIA_PRIORITY: setting({
    default: 'idle',
    kind: oneOf('idle', 'normal'),
    doc: {
      en: '`idle`: conversions run when nothing else wants the processor; `normal`: they take their share, on machines that do nothing else',
      zh: '`idle`：仅在处理器空闲时转码；`normal`：与其他进程平等竞争，适合专用转码机器',
    },
  }),
} as const;
