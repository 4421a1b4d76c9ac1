import { randomBytes } from 'node:crypto';

/**
 * A key of a video's file: it cannot be guessed, so that a file which is not shown to everyone is not found by everyone,
 * and it never names other content later, so that it can be cached for ever.
 */
export const videoFileKey = (videoId: number, extension: string): string =>
  `videos/${videoId}/${randomBytes(16).toString('hex')}.${extension}`;
