/** A sprite of small pictures for scrubbing, and the WebVTT file that says which part of it belongs to which moment. */
export type ThumbnailGrid = {
  readonly intervalMs: number;
  readonly count: number;
  readonly columns: number;
  readonly rows: number;
  /** Of one picture, in pixels. */
  readonly width: number;
  readonly height: number;
};

const shortSidePixels = 90;
const maxCount = 60;
const shortestIntervalMs = 1_000;
const maxColumns = 10;
/** Sides of JPEG and of what browsers decode without complaint end far above; very long pictures get narrower ones. */
const longSideMaxPixels = 320;

export function thumbnailGrid(durationMs: number, width: number, height: number): ThumbnailGrid {
  const intervalMs = Math.max(shortestIntervalMs, Math.ceil(durationMs / maxCount / 500) * 500);
  // What is left over belongs to the last one.
  const count = Math.min(maxCount, Math.max(1, Math.round(durationMs / intervalMs)));
  const columns = Math.min(maxColumns, count);
  const scale = Math.min(shortSidePixels / Math.min(width, height), longSideMaxPixels / Math.max(width, height));
  const side = (pixels: number): number => Math.max(2, 2 * Math.round((pixels * scale) / 2));
  return { intervalMs, count, columns, rows: Math.ceil(count / columns), width: side(width), height: side(height) };
}

/** The sprite is named relative to the file. */
export function thumbnailsVtt(grid: ThumbnailGrid, durationMs: number, sprite: string): string {
  const cues = Array.from({ length: grid.count }, (_, position) => {
    const from = position * grid.intervalMs;
    const to = position === grid.count - 1 ? Math.max(durationMs, from + 1) : from + grid.intervalMs;
    const x = (position % grid.columns) * grid.width;
    const y = Math.floor(position / grid.columns) * grid.height;
    return `${moment(from)} --> ${moment(to)}\n${sprite}#xywh=${x},${y},${grid.width},${grid.height}\n`;
  });
  return `WEBVTT\n\n${cues.join('\n')}`;
}

function moment(ms: number): string {
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  return `${two(ms / 3_600_000)}:${two((ms / 60_000) % 60)}:${two((ms / 1000) % 60)}.${String(Math.floor(ms % 1000)).padStart(3, '0')}`;
}
