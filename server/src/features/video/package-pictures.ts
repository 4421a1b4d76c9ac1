import { DomainError } from '@tiktok-server/contract';
import type { Derived } from '../../db/index.ts';
import {
  type AcceptedVideo,
  pictureArguments,
  previewStartMs,
  thumbnailGrid,
  thumbnailsVtt,
} from '../../media/index.ts';
import type { StagedBlob } from '../../ports/index.ts';
import type { Workshop } from './workshop.ts';

/** It decodes the smallest rendition once. */
const timeoutMs = 10 * 60_000;
const coverWidths = [240, 480, 720, 1280] as const;

export type Pictured = {
  readonly files: readonly { readonly name: string; readonly staged: StagedBlob }[];
  readonly derived: Pick<Derived, 'covers' | 'preview' | 'thumbnails'>;
};

/** What a video can be played without, made of our own files: an ffmpeg that cannot do it must not keep the video back. */
export async function makePictures(
  log: { readonly error: (fields: object, message: string) => void },
  workshop: Workshop,
  from: {
    readonly rendition: { readonly path: string; readonly width: number; readonly height: number };
    readonly durationMs: number;
    readonly coverPath: string | undefined;
    readonly video: AcceptedVideo;
  },
): Promise<Pictured> {
  const { rendition, durationMs, coverPath, video } = from;
  const grid = thumbnailGrid(durationMs, rendition.width, rendition.height);
  const widths = coverPath === undefined ? [] : coverWidths.filter((width) => width <= video.width);
  const covers = widths.map((width) => ({ width, name: `cover-${width}.webp`, path: workshop.path('webp') }));
  const [sprite, preview] = [workshop.path('jpg'), workshop.path('webp')];
  const args = pictureArguments({
    ...{ rendition: rendition.path, grid, sprite },
    preview: { path: preview, fromMs: previewStartMs(durationMs) },
    cover: coverPath === undefined ? undefined : { path: coverPath, outputs: covers },
  });
  try {
    await workshop.run(args, { timeoutMs });
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    log.error({ err: error }, 'a video goes without thumbnails, preview and covers of several widths');
    return { files: [], derived: { covers: [], preview: null, thumbnails: null } };
  }
  const files = [
    { name: 'thumbnails.jpg', staged: await workshop.stage(sprite) },
    { name: 'preview.webp', staged: await workshop.stage(preview) },
    { name: 'thumbnails.vtt', staged: await workshop.write(thumbnailsVtt(grid, durationMs, 'thumbnails.jpg')) },
  ];
  for (const { name, path } of covers) files.push({ name, staged: await workshop.stage(path) });
  return {
    files,
    derived: {
      covers: covers.map(({ width, name }) => ({ width, name })),
      preview: 'preview.webp',
      thumbnails: 'thumbnails.vtt',
    },
  };
}
