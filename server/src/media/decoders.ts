/**
 * Names of decoders, for `-codec_whitelist`: nothing else of ffmpeg's five hundred is ever fed with what a stranger sent.
 * A build that lacks one of them, or has another for the same format, does not mind: unknown names are not looked up.
 */
const videoDecoders = [
  'h264',
  'hevc',
  'vp8',
  'libvpx',
  'vp9',
  'libvpx-vp9',
  'libdav1d',
  'libaom-av1',
  'av1',
  'mpeg4',
  // Microsoft's MPEG-4, versions 2 and 3; Sorenson's H.263 of Flash.
  ...['msmpeg4v2', 'msmpeg4', 'flv'],
  ...['mpeg1video', 'mpeg2video', 'h263', 'mjpeg', 'prores', 'dnxhd', 'theora'],
  ...['wmv1', 'wmv2', 'wmv3', 'vc1'],
];

const pcm = [
  ...['pcm_u8', 'pcm_s8', 'pcm_s16le', 'pcm_s16be', 'pcm_s24le', 'pcm_s24be', 'pcm_s32le', 'pcm_s32be'],
  ...['pcm_f32le', 'pcm_f32be', 'pcm_alaw', 'pcm_mulaw', 'pcm_bluray', 'pcm_dvd'],
  ...['adpcm_ms', 'adpcm_ima_wav', 'adpcm_ima_qt', 'adpcm_swf'],
];

const audioDecoders = [
  ...['aac', 'aac_latm', 'mp3', 'mp3float', 'mp2', 'mp2float', 'ac3', 'eac3', 'dca'],
  ...['opus', 'libopus', 'vorbis', 'libvorbis', 'flac', 'alac', 'speex', 'libspeex', 'nellymoser'],
  // Phones before 2010.
  ...['amrnb', 'amrwb', 'libopencore_amrnb', 'libopencore_amrwb', 'qcelp'],
  ...['wmav1', 'wmav2', 'wmapro'],
  ...pcm,
];

/** Formats of pictures that are taken, by ffprobe's names of codecs, which are not always those of their decoders. */
export const videoCodecs: ReadonlySet<string> = new Set([
  ...['h264', 'hevc', 'vp8', 'vp9', 'av1', 'mpeg4', 'msmpeg4v2', 'msmpeg4v3', 'mpeg1video', 'mpeg2video', 'h263'],
  ...['flv1', 'mjpeg', 'prores', 'dnxhd', 'theora', 'wmv1', 'wmv2', 'wmv3', 'vc1'],
]);
export const audioCodecs: ReadonlySet<string> = new Set([
  ...['aac', 'aac_latm', 'mp3', 'mp2', 'ac3', 'eac3', 'dts', 'opus', 'vorbis', 'flac', 'alac', 'speex', 'nellymoser'],
  ...['amr_nb', 'amr_wb', 'qcelp', 'wmav1', 'wmav2', 'wmapro'],
  ...pcm,
]);

/**
 * What lies beside pictures and sound and is never decoded: covers and subtitles. ffprobe opens a decoder for every stream,
 * and gives up on a file that has one which is not on its list.
 */
const besideDecoders = [
  ...['png', 'bmp', 'mov_text', 'subrip', 'srt', 'ass', 'ssa', 'webvtt', 'text', 'cc_dec'],
  ...['dvbsub', 'dvdsub', 'libzvbi_teletextdec'],
];

/** For ffmpeg, as an option of its input. */
export const decoders = [...videoDecoders, ...audioDecoders].join(',');

/** For ffprobe. */
export const probedDecoders = [...videoDecoders, ...audioDecoders, ...besideDecoders].join(',');
