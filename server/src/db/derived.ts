/**
 * What is made from a video for adaptive playback: a folder of files below the video's own, all or nothing. The video's row
 * holds this as JSON, which names every file, so that nobody else has to know their names.
 */
import { type Static, Type } from 'typebox';
import { Compile } from 'typebox/schema';

const fileName = Type.String({ pattern: '^[a-z0-9-]+\\.[a-z0-9]+$', maxLength: 40 });

export const Derived = Type.Object({
  /** Key of the folder: `videos/ID/RANDOM`, 128 random bits, since what is not shown to everyone must not be guessed. */
  folder: Type.String({ pattern: '^videos/[0-9]+/[0-9a-f]{32}$' }),
  /** Names of all files in it. */
  files: Type.Array(fileName, { minItems: 1, maxItems: 40 }),
  /** The HLS master playlist. */
  master: fileName,
  /** Short sides of the renditions in pixels, smallest first. */
  renditions: Type.Array(Type.Integer({ minimum: 2 }), { maxItems: 8 }),
  /** The cover as WebP, smallest first. */
  covers: Type.Array(Type.Object({ width: Type.Integer({ minimum: 1 }), name: fileName }), { maxItems: 8 }),
  /** A short animated WebP. */
  preview: Type.Union([fileName, Type.Null()]),
  /** WebVTT that names the parts of a sprite. */
  thumbnails: Type.Union([fileName, Type.Null()]),
  /** Integrated loudness of the source in LUFS (EBU R 128); null without sound, or where it is silent. */
  loudness: Type.Union([Type.Number(), Type.Null()]),
  /** Of all files together. */
  sizeBytes: Type.Integer({ minimum: 0 }),
});
export type Derived = Static<typeof Derived>;

const derived = Compile(Derived);

/** Reads what a row holds; null if there is nothing, or nothing that this version understands. */
export function readDerived(text: string | null): Derived | null {
  if (text === null) return null;
  try {
    const value: unknown = JSON.parse(text);
    return derived.Check(value) ? value : null;
  } catch {
    return null;
  }
}
