import { probedDecoders } from './decoders.ts';

/**
 * ffprobe's view of a file. The input is hostile: only fixed demuxers and decoders run, nothing but the file itself is
 * opened (a playlist with the name of a video names other files), and of the report only what has the right shape is
 * believed.
 */
export type ProbedStream = {
  readonly index: number;
  readonly kind: 'video' | 'audio' | 'other';
  readonly codec: string;
  readonly profile: string;
  /** Of H.264, ten times what it is called: 42 is level 4.2. 0 if unknown. */
  readonly level: number;
  readonly pixelFormat: string;
  /** As coded: before rotation, in pixels that need not be square. */
  readonly width: number;
  readonly height: number;
  /** Width of a pixel through its height; 1 if unknown. */
  readonly pixelAspect: number;
  /** Clockwise rotation to be applied when shown: 0, 90, 180 or 270. */
  readonly rotationDegrees: number;
  /** On average; 0 if unknown. */
  readonly framesPerSecond: number;
  /** The lowest rate whose grid holds all moments that were looked at, `r_frame_rate`: a guess. 0 if unknown. */
  readonly gridFramesPerSecond: number;
  /** ffmpeg's names; empty or `unknown` where the file does not say. */
  readonly colorTransfer: string;
  readonly colorPrimaries: string;
  readonly colorSpace: string;
  readonly colorRange: string;
  /** `progressive`, `tt`, `bb`, `tb` or `bt`; empty or `unknown` where the file does not say. */
  readonly fieldOrder: string;
  /** 0 if unknown, and of pictures. */
  readonly channels: number;
  readonly sampleRate: number;
  /** 0 if the container does not count them. */
  readonly frames: number;
  /** Moment of the first packet: may be below 0, and is 0 if unknown. */
  readonly startMs: number;
  /** 0 if unknown. */
  readonly durationMs: number;
  /** A picture that goes with the file, such as the cover of a song. */
  readonly attachedPicture: boolean;
};

export type ProbeReport = {
  /** All names of the demuxer: `mov,mp4,m4a,3gp,3g2,mj2`. */
  readonly formatNames: readonly string[];
  /** 0 if unknown: recordings of browsers do not say. */
  readonly durationMs: number;
  /** Of the first stream that starts: may be below 0, and is 0 if unknown. */
  readonly startMs: number;
  /** Of all streams together; 0 if unknown. */
  readonly bitsPerSecond: number;
  readonly streams: readonly ProbedStream[];
};

/** Containers that are read at all. Playlists, scripts, pictures and network formats are not among them. */
export const demuxers = 'mov,matroska,avi,flv,mpegts,mpeg,ogg,asf';

/** The largest single allocation that a tool may make: an 8K frame is 100 MB, an index that is a bomb says gigabytes. */
export const maxAllocationBytes = 512 * 1024 * 1024;
const probeBytes = 20 * 1024 * 1024;
const analyzeMicroseconds = 5_000_000;
/** ffmpeg turns by a right angle within so much of one. */
const leaningDegrees = 1;

/** What an old ffprobe does not know of these it leaves out. */
const reported = [
  'format=format_name,duration,start_time,bit_rate',
  'stream=index,codec_type,codec_name,profile,level,pix_fmt,width,height,sample_aspect_ratio,avg_frame_rate,r_frame_rate,color_transfer,color_primaries,color_space,color_range,field_order,channels,sample_rate,nb_frames,start_time,duration',
  'stream_disposition=attached_pic',
  'stream_tags=rotate',
  'stream_side_data=rotation',
].join(':');

export function probeArguments(path: string): string[] {
  return [
    '-v',
    'error',
    '-max_alloc',
    String(maxAllocationBytes),
    '-protocol_whitelist',
    'file',
    '-format_whitelist',
    demuxers,
    '-codec_whitelist',
    probedDecoders,
    '-probesize',
    String(probeBytes),
    '-analyzeduration',
    String(analyzeMicroseconds),
    '-show_entries',
    reported,
    '-of',
    'json',
    `file:${path}`,
  ];
}

/** Reads ffprobe's JSON; undefined if it is not a report at all. */
export function readProbeReport(text: string): ProbeReport | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const format = field(value, 'format');
  const streams = field(value, 'streams');
  if (!Array.isArray(streams)) return undefined;
  return {
    formatNames: textOf(field(format, 'format_name')).split(','),
    durationMs: Math.max(0, millisecondsOf(field(format, 'duration'))),
    startMs: startOf(format),
    bitsPerSecond: numberOf(field(format, 'bit_rate')),
    streams: streams.map(readStream),
  };
}

function readStream(stream: unknown): ProbedStream {
  const kind = textOf(field(stream, 'codec_type'));
  return {
    index: countOf(field(stream, 'index')),
    kind: kind === 'video' || kind === 'audio' ? kind : 'other',
    codec: textOf(field(stream, 'codec_name')),
    profile: textOf(field(stream, 'profile')),
    level: countOf(field(stream, 'level')),
    pixelFormat: textOf(field(stream, 'pix_fmt')),
    width: countOf(field(stream, 'width')),
    height: countOf(field(stream, 'height')),
    pixelAspect: ratioOf(textOf(field(stream, 'sample_aspect_ratio')), ':') || 1,
    rotationDegrees: rotationOf(stream),
    framesPerSecond: ratioOf(textOf(field(stream, 'avg_frame_rate'))),
    gridFramesPerSecond: ratioOf(textOf(field(stream, 'r_frame_rate'))),
    colorTransfer: textOf(field(stream, 'color_transfer')),
    colorPrimaries: textOf(field(stream, 'color_primaries')),
    colorSpace: textOf(field(stream, 'color_space')),
    colorRange: textOf(field(stream, 'color_range')),
    fieldOrder: textOf(field(stream, 'field_order')),
    channels: countOf(field(stream, 'channels')),
    sampleRate: numberOf(field(stream, 'sample_rate')),
    frames: numberOf(field(stream, 'nb_frames')),
    startMs: startOf(stream),
    durationMs: Math.max(0, millisecondsOf(field(stream, 'duration'))),
    attachedPicture: field(field(stream, 'disposition'), 'attached_pic') === 1,
  };
}

/**
 * New versions report the display matrix (counter-clockwise), old ones a tag (clockwise). Pictures that lean are shown
 * upright by every player.
 */
function rotationOf(stream: unknown): number {
  const sideData = field(stream, 'side_data_list');
  const matrix = Array.isArray(sideData)
    ? sideData.map((one) => Number(field(one, 'rotation'))).find(Number.isFinite)
    : undefined;
  const tag = Number(textOf(field(field(stream, 'tags'), 'rotate')));
  const clockwise = matrix !== undefined ? -matrix : tag;
  const upright = Math.round(clockwise / 90) * 90;
  if (!Number.isFinite(clockwise) || Math.abs(clockwise - upright) > leaningDegrees) return 0;
  return ((upright % 360) + 360) % 360;
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? Reflect.get(value, name)
    : undefined;
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

const countOf = (value: unknown): number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : 0;

/** A count that ffprobe prints as text. */
const numberOf = (value: unknown): number => (/^\d{1,15}$/.test(textOf(value)) ? Number(value) : 0);

function millisecondsOf(value: unknown): number {
  const text = textOf(value);
  const seconds = text === '' ? Number.NaN : Number(text);
  // Not `-0`, which is another value than 0 to a test.
  return Number.isFinite(seconds) ? Math.round(seconds * 1000) + 0 : 0;
}

function startOf(value: unknown): number {
  const startMs = millisecondsOf(field(value, 'start_time'));
  return Number.isSafeInteger(startMs) ? startMs : 0;
}

function ratioOf(text: string, separator = '/'): number {
  const [over = Number.NaN, under = Number.NaN] = text.split(separator).map(Number);
  const value = over / under;
  return Number.isFinite(value) && value > 0 ? value : 0;
}
