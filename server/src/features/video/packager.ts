/**
 * Makes from a received file what is played: HLS renditions with their playlists, one MP4 for who knows no HLS, covers in
 * several widths, a preview and thumbnails. All of it lies staged when this resolves, and nothing of it when it rejects.
 */
import { open, stat } from 'node:fs/promises';
import { DomainError } from '@tiktok-server/contract';
import type { Derived } from '../../db/index.ts';
import {
  type AcceptedVideo,
  type FragmentedFile,
  gainOf,
  type Loudness,
  ladderOf,
  loudnessArguments,
  masterPlaylist,
  mediaPlaylist,
  outputRate,
  packageArguments,
  progressiveArguments,
  readFragments,
  readLoudness,
  readProgress,
} from '../../media/index.ts';
import type { BlobStore, StagedBlob, Transcoder } from '../../ports/index.ts';
import { type Encoders, memoryLimitOf } from './encoders.ts';
import { makePictures } from './package-pictures.ts';
import { createWorkshop, type Workshop } from './workshop.ts';

export type MadePackage = {
  /** The MP4 that is played without HLS. */
  readonly play: StagedBlob;
  /** What lies in the package's folder, by name. */
  readonly files: readonly { readonly name: string; readonly staged: StagedBlob }[];
  readonly derived: Omit<Derived, 'folder'>;
  /** As it really is, whatever the received file says about itself. */
  readonly durationMs: number;
  readonly width: number;
  readonly height: number;
  /** Removes what was not promoted. */
  discard(): Promise<void>;
};

export type Source = {
  readonly path: string;
  readonly video: AcceptedVideo;
  /** A local file with the cover, if there is one. */
  readonly coverPath: string | undefined;
};

export interface Packager {
  /**
   * Rejects with a {@link DomainError} if the file is to blame, `TooCostlyError` if this computer is, and with other errors if it
   * may work another time. `progress` is told the percentage now and then.
   */
  make(source: Source, options: { signal: AbortSignal; progress: (percent: number) => void }): Promise<MadePackage>;
}

/** ffmpeg gets this much time for each second of video, beyond a first minute: ten times what one slow core needs for 1080p. */
const msPerSecond = 30_000;
const firstMs = 60_000;
/** For what only copies, or listens. */
const shortRunMs = 10 * 60_000;
/** What a file may become beyond what its ceiling of bits, or its source, says: an index, and rates that are only met in the mean. */
const outputGrowth = 2;
const outputMinBytes = 64 * 1024 * 1024;
/** A little more than is allowed, so that a file which hid its length is found out. */
const beyondAllowedMs = 1_000;
/** Of the percentage, what the renditions are; the rest is what is made of them. */
const renditionsShare = 92;

export function createPackager(deps: {
  readonly transcoder: Transcoder;
  readonly blobs: BlobStore;
  readonly encoders: Pick<Encoders, 'encode'>;
  readonly limits: { readonly maxDurationMs: number };
  /** Of ffmpeg's decoder and of each encoder. */
  readonly threads: number;
  readonly log: { readonly error: (fields: object, message: string) => void };
}): Packager {
  return {
    make: async (source, options) => {
      const workshop = createWorkshop(deps, options.signal);
      try {
        return await makeAll(deps, workshop, source, options);
      } catch (error) {
        await workshop.discard();
        throw error;
      }
    },
  };
}

type Deps = Parameters<typeof createPackager>[0];

async function makeAll(
  deps: Deps,
  workshop: Workshop,
  { path, video, coverPath }: Source,
  { signal, progress }: Parameters<Packager['make']>[1],
): Promise<MadePackage> {
  const made: { name: string; staged: StagedBlob }[] = [];
  const keep = async (name: string, file: string): Promise<void> => {
    made.push({ name, staged: await workshop.stage(file) });
  };
  const write = async (name: string, text: string): Promise<void> => {
    made.push({ name, staged: await workshop.write(text) });
  };

  const expectedMs = video.durationMs > 0 ? video.durationMs : deps.limits.maxDurationMs;
  const loudness = await measureLoudness(workshop, path, video);
  const renditions = ladderOf(video).map((rendition) => ({ ...rendition, path: workshop.path('mp4') }));
  const soundPath = video.audioIndex === undefined ? undefined : workshop.path('mp4');
  const plan = {
    video,
    renditions,
    loudness,
    threads: deps.threads,
    toneMap: await canToneMap(deps.transcoder),
    maxDurationMs: deps.limits.maxDurationMs + beyondAllowedMs,
  };
  const outputs = renditions.map((rendition) => rendition.path);
  const maxBits = Math.max(...renditions.map(({ maxBitsPerSecond }) => maxBitsPerSecond));
  const limits = {
    timeoutMs: firstMs + (expectedMs / 1000) * msPerSecond,
    maxFileBytes: Math.max(outputMinBytes, Math.ceil((maxBits / 8) * (plan.maxDurationMs / 1000) * outputGrowth)),
    onLine: (line: string): void => {
      const doneMs = readProgress(line);
      if (doneMs !== undefined)
        progress(Math.min(renditionsShare, Math.floor((doneMs / expectedMs) * renditionsShare)));
    },
  };
  await deps.encoders.encode(
    (encoder) =>
      workshop.run(packageArguments(path, { ...plan, encoder }, outputs, soundPath), {
        ...limits,
        ...memoryLimitOf(encoder),
      }),
    signal,
  );

  const entries = [];
  for (const { path: file, shortSide, width, height } of renditions) {
    entries.push({ name: `v${shortSide}`, path: file, width, height, file: await structureOf(file) });
  }
  const [smallest] = entries;
  const largest = entries.at(-1);
  if (smallest === undefined || largest === undefined) throw new TypeError('a video without renditions');
  // Sound of a track that has none is no sound.
  const soundFile = soundPath === undefined ? undefined : await structureOf(soundPath, 'may be empty');
  const sound = soundPath === undefined || soundFile === undefined ? undefined : { path: soundPath, file: soundFile };
  // Whichever goes on longer: of a single picture with a song, the song.
  const durationMs = Math.round(Math.max(largest.file.seconds, sound?.file.seconds ?? 0) * 1000);

  const playPath = workshop.path('mp4');
  const pictures = video.compliant ? { path, index: video.videoIndex } : { path: largest.path, index: 0 };
  const ownSound = video.compliant && video.audioCompliant && gainOf(loudness) === 0 && video.audioIndex !== undefined;
  const played = ownSound
    ? { path, index: video.audioIndex }
    : sound === undefined
      ? undefined
      : { ...sound, index: 0 };
  const copying = { timeoutMs: shortRunMs, maxFileBytes: outputMinBytes + outputGrowth * (await stat(path)).size };
  await workshop.run(progressiveArguments(playPath, pictures, played), copying);
  const play = await workshop.stage(playPath);

  const pictured = await makePictures(deps.log, workshop, {
    rendition: smallest,
    durationMs: Math.round(smallest.file.seconds * 1000),
    coverPath,
    video,
  });
  made.push(...pictured.files);

  for (const { name, path: file, file: structure } of entries) {
    await write(`${name}.m3u8`, mediaPlaylist(`${name}.mp4`, structure));
    await keep(`${name}.mp4`, file);
  }
  if (sound !== undefined) {
    await write('audio.m3u8', mediaPlaylist('audio.mp4', sound.file));
    await keep('audio.mp4', sound.path);
  }
  const framesPerSecond = outputRate(video) ?? video.framesPerSecond;
  await write(
    'master.m3u8',
    masterPlaylist(
      entries.map((entry) => ({ ...entry, playlist: `${entry.name}.m3u8`, framesPerSecond })),
      sound === undefined
        ? undefined
        : { playlist: 'audio.m3u8', file: sound.file, channels: video.audioChannels === 1 ? 1 : 2 },
    ),
  );
  return {
    play,
    files: made,
    derived: {
      files: made.map(({ name }) => name),
      master: 'master.m3u8',
      renditions: renditions.map(({ shortSide }) => shortSide),
      ...pictured.derived,
      loudness: loudness?.integrated ?? null,
      sizeBytes: made.reduce((sum, { staged }) => sum + staged.sizeBytes, 0),
    },
    durationMs,
    width: video.compliant ? video.width : largest.width,
    height: video.compliant ? video.height : largest.height,
    discard: workshop.discard,
  };
}

/** Without these filters, pictures of a high dynamic range come out pale, which is better than not at all. */
async function canToneMap(transcoder: Transcoder): Promise<boolean> {
  const { filters } = await transcoder.capabilities();
  return filters.has('zscale') && filters.has('tonemap');
}

/** Undefined without sound, or with one that cannot be measured: the conversion says what is wrong with it. */
async function measureLoudness(workshop: Workshop, path: string, video: AcceptedVideo): Promise<Loudness | undefined> {
  const { audioIndex } = video;
  if (audioIndex === undefined) return undefined;
  try {
    const { stderrTail } = await workshop.run(loudnessArguments(path, { ...video, audioIndex }), {
      timeoutMs: shortRunMs,
    });
    return readLoudness(stderrTail);
  } catch (error) {
    if (error instanceof DomainError) return undefined;
    throw error;
  }
}

async function structureOf(path: string): Promise<FragmentedFile>;
async function structureOf(path: string, empty: 'may be empty'): Promise<FragmentedFile | undefined>;
async function structureOf(path: string, empty?: 'may be empty'): Promise<FragmentedFile | undefined> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const structure = await readFragments(size, async (offset, length) => {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, offset);
      return buffer.subarray(0, bytesRead);
    });
    if (structure !== undefined || empty !== undefined) return structure;
    throw new DomainError('ErrNotVideo', { cause: 'no picture came out of it' });
  } finally {
    await file.close();
  }
}
