/**
 * The H.264 encoders that ffmpeg may have, and how each is told the same thing: High profile, a quality with a most of bits per second,
 * and key frames exactly where they are asked for. Sources: ffmpeg-codecs(1) and `ffmpeg -h encoder=NAME`.
 */

/** By ffmpeg's names. All but `libx264` belong to a graphics card or a chip. */
export const videoEncoders = [
  'libx264',
  'h264_nvenc',
  'h264_videotoolbox',
  'h264_qsv',
  'h264_vaapi',
  'h264_amf',
  'h264_v4l2m2m',
] as const;
export type VideoEncoder = (typeof videoEncoders)[number];

/** Which ones to try on a platform of Node (`process.platform`), the best first. */
export function hardwareEncoders(platform: string): readonly VideoEncoder[] {
  if (platform === 'darwin') return ['h264_videotoolbox'];
  if (platform === 'win32') return ['h264_nvenc', 'h264_qsv', 'h264_amf'];
  return ['h264_nvenc', 'h264_qsv', 'h264_vaapi', 'h264_amf', 'h264_v4l2m2m'];
}

export type EncodeRequest = {
  /** Which stream of the output this is about, as a stream specifier without its colon: `v:0`. */
  readonly stream: string;
  /** Quality on the scale of x264's CRF, 0 to 51; less is better. Encoders that know none aim at a share of the most bits. */
  readonly crf: number;
  readonly maxBitsPerSecond: number;
  /** Where key frames are: a value of `-force_key_frames`, such as `expr:gte(t,2*n_forced)`. There are no others for 600 frames. */
  readonly keyFrames: string;
  /** Of libx264: what a machine gives to it. */
  readonly threads: number;
};

export type EncoderArguments = {
  /** Before the first input: opens the device. The same for all streams of a run, so it is given once. */
  readonly beforeInput: readonly string[];
  /** The last filters of the stream's chain: what the encoder wants pictures to be. */
  readonly filter: string;
  /** Options of the output, each for the one stream. */
  readonly output: readonly string[];
};

/** Key frames are forced; this is the most that may lie between two if they are not: 10 s of 60 frames. */
const keyFrameMaxInterval = 600;
/** A picture that changes may borrow this much from those after it; the file is larger by it at its beginning. */
const bufferSeconds = 1.5;
/** Encoders without a scale of quality aim at this share of the most bits. */
const averageShare = 0.7;

/** What makes ffmpeg encode one stream with an encoder. */
export function encoderArguments(encoder: VideoEncoder, request: EncodeRequest): EncoderArguments {
  const { stream, maxBitsPerSecond } = request;
  const { beforeInput = [], filter, options } = forms[encoder](request);
  const common = {
    maxrate: maxBitsPerSecond,
    bufsize: Math.round(bufferSeconds * maxBitsPerSecond),
    g: keyFrameMaxInterval,
    force_key_frames: request.keyFrames,
    // No picture refers across a key frame: each segment can be played by itself.
    flags: '+cgop',
  };
  const all: Readonly<Record<string, string | number>> = { c: encoder, ...common, ...options };
  return {
    beforeInput,
    filter,
    output: Object.entries(all).flatMap(([name, value]) => [`-${name}:${stream}`, String(value)]),
  };
}

type Form = {
  readonly beforeInput?: readonly string[];
  readonly filter: string;
  readonly options: Readonly<Record<string, string | number>>;
};

const high = { profile: 'high' } as const;

const average = ({ maxBitsPerSecond }: EncodeRequest): number => Math.round(maxBitsPerSecond * averageShare);

const forms: Readonly<Record<VideoEncoder, (request: EncodeRequest) => Form>> = {
  libx264: ({ crf, threads }) => ({
    filter: 'format=yuv420p',
    // Key frames at cuts would differ from one rendition to the next.
    options: { ...high, preset: 'veryfast', crf, sc_threshold: 0, keyint_min: 1, threads },
  }),
  h264_nvenc: ({ crf }) => ({
    filter: 'format=yuv420p',
    options: { ...high, preset: 'p4', rc: 'vbr', cq: crf, b: 0, 'no-scenecut': 1, 'forced-idr': 1 },
  }),
  h264_videotoolbox: (request) => ({
    filter: 'format=yuv420p',
    options: { ...high, b: average(request), realtime: 0 },
  }),
  h264_qsv: (request) => ({
    filter: 'format=nv12',
    options: { ...high, preset: 'faster', b: average(request), forced_idr: 1, adaptive_i: 0, look_ahead: 0 },
  }),
  h264_vaapi: (request) => ({
    beforeInput: ['-init_hw_device', 'vaapi=gpu', '-filter_hw_device', 'gpu'],
    filter: 'format=nv12,hwupload',
    options: { ...high, rc_mode: 'VBR', b: average(request) },
  }),
  h264_amf: (request) => ({
    filter: 'format=nv12',
    options: { ...high, quality: 'balanced', rc: 'vbr_peak', b: average(request), forced_idr: 1 },
  }),
  // It takes no profile by name: the driver chooses one.
  h264_v4l2m2m: (request) => ({ filter: 'format=nv12', options: { b: average(request) } }),
};

const trialSeconds = 2;
const trialFramesPerSecond = 10;

/** Key frames that the trial asks for: one at the beginning of each second. */
export const trialKeyFrames = trialSeconds;

/** Encodes two seconds of a small moving picture, and writes them as a bare H.264 stream (Annex B) to standard output. */
export function trialArguments(encoder: VideoEncoder): string[] {
  const { beforeInput, filter, output } = encoderArguments(encoder, {
    stream: 'v:0',
    crf: 23,
    maxBitsPerSecond: 1_000_000,
    keyFrames: 'expr:gte(t,n_forced)',
    threads: 1,
  });
  return [
    ...['-hide_banner', '-nostdin', '-v', 'error', ...beforeInput],
    ...['-f', 'lavfi', '-i', `testsrc2=size=640x360:rate=${trialFramesPerSecond}:duration=${trialSeconds}`],
    ...['-vf', filter, ...output, '-f', 'h264', 'pipe:1'],
  ];
}

/** Pictures of a bare H.264 stream at which a player can begin (IDR, ITU-T H.264 7.4.1.2.4), if each is one slice. */
export function countKeyFrames(annexB: Buffer): number {
  let count = 0;
  for (let at = annexB.indexOf(startCode); at >= 0; at = annexB.indexOf(startCode, at + startCode.length)) {
    const [type = 0, slice = 0] = annexB.subarray(at + startCode.length, at + startCode.length + 2);
    // first_mb_in_slice is 0, whose code is a single 1: other slices of the same picture begin further down.
    if ((type & nalTypeMask) === idrSlice && (slice & firstBit) !== 0) count += 1;
  }
  return count;
}

const startCode = Buffer.from([0, 0, 1]);
const nalTypeMask = 0x1f;
const idrSlice = 5;
const firstBit = 0x80;
