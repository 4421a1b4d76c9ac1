/**
 * Playlists and subtitles that lie in an object store. A player takes what a playlist names as relative to where the playlist
 * came from, and a page of another site reads subtitles only from where they are said to be: so they are not redirected to,
 * as videos are, but answered from here. They are small.
 */
import { createHash } from 'node:crypto';
import type { BlobStore } from '../ports/index.ts';
import type { FileFacts } from './file-conditions.ts';

/** The playlist of a video of hours has 100 KiB. */
const textMaxBytes = 256 * 1024;
const maxTextsBytes = 8 * 1024 * 1024;
/** Another process may have deleted it. */
const textLifeMs = 60_000;

export type StoredText = FileFacts & { readonly body: Buffer };

export type StoredTexts = {
  /** `undefined` if there is none. Rejects with `BlobTooLargeError` if it is larger than a text is. */
  find(key: string): Promise<StoredText | undefined>;
};

export const isStoredText = (key: string): boolean => key.endsWith('.m3u8') || key.endsWith('.vtt');

export function createStoredTexts(blobs: Pick<BlobStore, 'read'>): StoredTexts {
  /** Oldest first. */
  const texts = new Map<string, StoredText & { readonly untilMs: number }>();
  const reading = new Map<string, Promise<StoredText | undefined>>();
  let keptBytes = 0;

  const forget = (key: string): void => {
    keptBytes -= texts.get(key)?.body.length ?? 0;
    texts.delete(key);
  };
  const read = async (key: string): Promise<StoredText | undefined> => {
    const body = await blobs.read(key, { maxBytes: textMaxBytes });
    if (body === undefined) return undefined;
    const hash = createHash('sha256').update(body).digest('hex').slice(0, 32);
    // It never was anything else.
    const text = { body, sizeBytes: body.length, tag: `"${hash}"`, modifiedMs: 0 };
    forget(key);
    texts.set(key, { ...text, untilMs: performance.now() + textLifeMs });
    keptBytes += body.length;
    for (const oldest of texts.keys()) {
      if (keptBytes <= maxTextsBytes) break;
      forget(oldest);
    }
    return text;
  };

  return {
    find: async (key) => {
      const known = texts.get(key);
      if (known !== undefined && performance.now() < known.untilMs) return known;
      const found = reading.get(key) ?? read(key).finally(() => reading.delete(key));
      reading.set(key, found);
      return await found;
    },
  };
}
