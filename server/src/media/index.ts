/**
 * What is known about media, without touching any: ffprobe's report → decisions, ffmpeg's arguments as data, the choice
 * of a cover. Pure: no I/O here; the transcoder port runs what this room decides.
 */
export * from './cover.ts';
export * from './ffmpeg-arguments.ts';
export * from './judge-video.ts';
export * from './mp4-boxes.ts';
export * from './no-room.ts';
export * from './picture.ts';
export * from './probe-report.ts';
