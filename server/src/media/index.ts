/**
 * What is known about media, without touching any: ffprobe's report → decisions, ffmpeg's arguments as data, the choice
 * of a cover. Pure: no I/O here; the transcoder port runs what this room decides.
 */
export * from './cover.ts';
export * from './decoders.ts';
export * from './ffmpeg-arguments.ts';
export * from './fragments.ts';
export * from './judge-video.ts';
export * from './ladder.ts';
export * from './loudness.ts';
export * from './matroska-segment.ts';
export * from './mp4-boxes.ts';
export * from './no-room.ts';
export * from './package-arguments.ts';
export * from './picture.ts';
export * from './picture-filters.ts';
export * from './playlists.ts';
export * from './probe-report.ts';
export * from './shown-pictures.ts';
export * from './thumbnails.ts';
export * from './video-encoders.ts';
