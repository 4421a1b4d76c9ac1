/**
 * How loud a video is, and what brings it to what the others are: loudness after EBU R 128 (ITU-R BS.1770), brought to the
 * target by one gain for the whole video, so that its own dynamics stay, and a limiter for what would then be cut off.
 */
export type Loudness = {
  /** Integrated, in LUFS. */
  readonly integrated: number;
  /** Loudest sample, in dB of full scale. */
  readonly peak: number;
};

/** Of mobile services, AES TD1008 (2021) recommends −16 LUFS. */
const targetLufs = -16;
/** The gate of the measurement: what is below it is silence. */
const silentLufs = -69;
/** Noise is not raised to the loudness of speech. */
const mostGainDb = 12;
const leastGainDb = -24;
/** A difference that nobody hears is not worth encoding anew. */
const inaudibleDb = 1;
const ceilingDb = -1;
/** −1 dB as a factor. */
const ceiling = 0.891;

/** Reads the summary that ffmpeg's `ebur128` filter prints; undefined if there is none, or silence. */
export function readLoudness(stderr: string): Loudness | undefined {
  const summary = stderr.slice(stderr.lastIndexOf('Summary:'));
  const integrated = Number(/\bI:\s+(-?[\d.]+) LUFS/.exec(summary)?.[1]);
  const peak = Number(/\bPeak:\s+(-?[\d.]+) dBFS/.exec(summary)?.[1]);
  if (!Number.isFinite(integrated) || integrated <= silentLufs) return undefined;
  return { integrated, peak: Number.isFinite(peak) ? peak : 0 };
}

/** Decibels to add; 0 where nobody would hear it. */
export function gainOf(loudness: Loudness | undefined): number {
  if (loudness === undefined) return 0;
  const gain = Math.min(mostGainDb, Math.max(leastGainDb, targetLufs - loudness.integrated));
  return Math.abs(gain) < inaudibleDb ? 0 : Math.round(gain * 10) / 10;
}

/** The filters of ffmpeg that apply the gain; none for 0. */
export function gainFilters(loudness: Loudness | undefined): string[] {
  const gain = gainOf(loudness);
  if (gain === 0 || loudness === undefined) return [];
  const filters = [`volume=${gain}dB`];
  if (loudness.peak + gain > ceilingDb) filters.push(`alimiter=limit=${ceiling}:level=disabled`);
  return filters;
}
