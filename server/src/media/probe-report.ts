/**
 * ffprobe's view of a file. The input is hostile: only fixed demuxers run, nothing but the file itself is opened (a
 * playlist with the name of a video names other files), and of the report only what has the right shape is believed.
 */
export type ProbedStream = {
  readonly index: number;
  readonly kind: 'video' | 'audio' | 'other';
  readonly codec: string;
  readonly profile: string;
  readonly pixelFormat: string;
  readonly width: number;
  readonly height: number;
  /** Clockwise rotation to be applied when shown: 0, 90, 180 or 270. */
  readonly rotationDegrees: number;
  /** 0 if unknown. */
  readonly framesPerSecond: number;
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
  readonly streams: readonly ProbedStream[];
};

/** Containers that are read at all. Playlists, scripts, pictures and network formats are not among them. */
export const demuxers = 'mov,matroska,avi,flv,mpegts,mpeg,ogg,asf';

/** The largest single allocation that a tool may make: an 8K frame is 100 MB, an index that is a bomb says gigabytes. */
export const maxAllocationBytes = 512 * 1024 * 1024;
const probeBytes = 20 * 1024 * 1024;
const analyzeMicroseconds = 5_000_000;

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
    '-probesize',
    String(probeBytes),
    '-analyzeduration',
    String(analyzeMicroseconds),
    '-show_entries',
    'format=format_name,duration:stream=index,codec_type,codec_name,profile,pix_fmt,width,height,avg_frame_rate,duration:stream_disposition=attached_pic:stream_tags=rotate:stream_side_data=rotation',
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
    durationMs: millisecondsOf(field(format, 'duration')),
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
    pixelFormat: textOf(field(stream, 'pix_fmt')),
    width: countOf(field(stream, 'width')),
    height: countOf(field(stream, 'height')),
    rotationDegrees: rotationOf(stream),
    framesPerSecond: ratioOf(textOf(field(stream, 'avg_frame_rate'))),
    durationMs: millisecondsOf(field(stream, 'duration')),
    attachedPicture: field(field(stream, 'disposition'), 'attached_pic') === 1,
  };
}

/** New versions report the display matrix (counter-clockwise), old ones a tag (clockwise). */
function rotationOf(stream: unknown): number {
  const sideData = field(stream, 'side_data_list');
  const matrix = Array.isArray(sideData)
    ? sideData.map((one) => Number(field(one, 'rotation'))).find(Number.isFinite)
    : undefined;
  const tag = Number(textOf(field(field(stream, 'tags'), 'rotate')));
  const clockwise = matrix !== undefined ? -matrix : tag;
  if (!Number.isFinite(clockwise)) return 0;
  return (((Math.round(clockwise / 90) * 90) % 360) + 360) % 360;
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? Reflect.get(value, name)
    : undefined;
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

const countOf = (value: unknown): number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : 0;

function millisecondsOf(value: unknown): number {
  const seconds = Number(textOf(value));
  return Number.isFinite(seconds) && seconds > 0 ? Math.round(seconds * 1000) : 0;
}

function ratioOf(text: string): number {
  const [over = Number.NaN, under = Number.NaN] = text.split('/').map(Number);
  const value = over / under;
  return Number.isFinite(value) && value > 0 ? value : 0;
}
