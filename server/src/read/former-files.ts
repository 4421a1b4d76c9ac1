import { posix } from 'node:path';
import type { Clock } from '../ports/index.ts';
import type { Facts } from './facts.ts';

/** How long the file of a video that was received is kept after another has taken its place: who plays it can go on. */
export const replacedFileLifeMs = 24 * 60 * 60_000;
/**
 * Nobody is sent to such a file in the last part of its life: where files are elsewhere, an address that was handed out is
 * used for as long again (`redirectMaxAgeMs` of the S3 adapter).
 */
const lastAddressMs = 60 * 60_000;

/**
 * What addresses of received files lead to, now that others play in their place: addresses never break. `isThere`: the store
 * knows of the file, though it may be gone by now. Undefined: the key is not one of these, or its file is to be had.
 */
export type FormerFiles = (key: string, isThere: boolean) => Promise<string | undefined>;

/** A file of a video's own folder. Covers are not replaced. */
const videoFile = /^videos\/(\d{1,16})\/[^/]+\.(?!jpg$)[a-z0-9]+$/;

/** The result is a reference relative to the address that was asked for. */
export function createFormerFiles(deps: { readonly facts: Facts; readonly clock: Clock }): FormerFiles {
  async function successorOf(key: string, isThere: boolean): Promise<string | undefined> {
    const id = Number(videoFile.exec(key)?.[1]);
    if (!Number.isSafeInteger(id)) return undefined;
    const video = (await deps.facts.videos([id])).get(id);
    if (video?.state !== 'ready' || video.received_key !== key || video.play_key === key) return undefined;
    const endsMs = (video.prepared_at ?? 0) + replacedFileLifeMs - lastAddressMs;
    if (isThere && deps.clock.now() < endsMs) return undefined;
    return posix.relative(posix.dirname(key), video.play_key);
  }
  return async (key, isThere) => {
    try {
      return await successorOf(key, isThere);
    } catch (error) {
      // A file that is there is served, whatever else is away.
      if (isThere) return undefined;
      throw error;
    }
  };
}
