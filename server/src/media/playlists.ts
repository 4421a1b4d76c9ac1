/** HLS playlists (RFC 8216) of fragmented files: one file for each rendition, of which the playlist names the parts. */
import type { FragmentedFile } from './fragments.ts';

export type PlaylistEntry = {
  /** Name of its media playlist, beside the master. */
  readonly playlist: string;
  readonly width: number;
  readonly height: number;
  readonly framesPerSecond: number;
  readonly file: FragmentedFile;
};

/** The version that knows byte ranges, fragments with a map, and independent segments. */
const version = 7;

/** The parts of one file, named relative to the playlist. */
export function mediaPlaylist(fileName: string, file: FragmentedFile): string {
  return lines(
    '#EXTM3U',
    `#EXT-X-VERSION:${version}`,
    `#EXT-X-TARGETDURATION:${targetSecondsOf(file)}`,
    '#EXT-X-PLAYLIST-TYPE:VOD',
    '#EXT-X-INDEPENDENT-SEGMENTS',
    `#EXT-X-MAP:URI="${fileName}",BYTERANGE="${file.headerBytes}@0"`,
    ...file.fragments.flatMap(({ seconds, sizeBytes, offset }) => [
      `#EXTINF:${seconds.toFixed(5)},`,
      `#EXT-X-BYTERANGE:${sizeBytes}@${offset}`,
      fileName,
    ]),
    '#EXT-X-ENDLIST',
  );
}

const audioGroup = 'audio';

/**
 * The renditions, each with what it really needs: the peak of its bits per second and the mean. Players that do not
 * measure first begin with the first one, so that is a middle one; the others follow from small to large.
 */
export function masterPlaylist(
  renditions: readonly PlaylistEntry[],
  audio: { readonly playlist: string; readonly file: FragmentedFile; readonly channels: number } | undefined,
): string {
  const sorted = renditions.toSorted((a, b) => a.width * a.height - b.width * b.height);
  const middle = sorted[Math.min(1, sorted.length - 1)];
  const ordered = sorted.toSorted((a, b) => Number(b === middle) - Number(a === middle));
  return lines(
    '#EXTM3U',
    `#EXT-X-VERSION:${version}`,
    '#EXT-X-INDEPENDENT-SEGMENTS',
    ...(audio === undefined
      ? []
      : [
          `#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="${audioGroup}",NAME="main",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="${audio.channels}",URI="${audio.playlist}"`,
        ]),
    ...ordered.flatMap((one) => {
      const codecs = [one.file.codec, audio?.file.codec].filter((codec) => codec !== undefined);
      const attributes = [
        `BANDWIDTH=${peakOf(one.file) + (audio === undefined ? 0 : peakOf(audio.file))}`,
        `AVERAGE-BANDWIDTH=${meanOf(one.file) + (audio === undefined ? 0 : meanOf(audio.file))}`,
        `CODECS="${codecs.join(',')}"`,
        `RESOLUTION=${one.width}x${one.height}`,
        ...(one.framesPerSecond > 0 ? [`FRAME-RATE=${one.framesPerSecond.toFixed(3)}`] : []),
        ...(audio === undefined ? [] : [`AUDIO="${audioGroup}"`]),
      ];
      return [`#EXT-X-STREAM-INF:${attributes.join(',')}`, one.playlist];
    }),
  );
}

/** What a connection must carry is told by runs of segments that last so many target durations (RFC 8216, 4.1). */
const leastTargets = 0.5;
const mostTargets = 1.5;

function peakOf(file: FragmentedFile): number {
  const target = targetSecondsOf(file);
  let peak = meanOf(file);
  for (const from of file.fragments.keys()) {
    let [bits, lasts] = [0, 0];
    for (let at = from; at < file.fragments.length; at += 1) {
      const { sizeBytes = 0, seconds = 0 } = file.fragments[at] ?? {};
      bits += sizeBytes * 8;
      lasts += seconds;
      if (lasts > mostTargets * target) break;
      if (lasts >= leastTargets * target) peak = Math.max(peak, Math.ceil(bits / lasts));
    }
  }
  return peak;
}

/** Every duration, rounded, is at most this. */
const targetSecondsOf = ({ fragments }: FragmentedFile): number =>
  Math.max(1, Math.round(Math.max(...fragments.map(({ seconds }) => seconds))));

function meanOf(file: FragmentedFile): number {
  const bytes = file.fragments.reduce((sum, fragment) => sum + fragment.sizeBytes, 0);
  return Math.max(1, Math.ceil((bytes * 8) / Math.max(file.seconds, 0.001)));
}

const lines = (...all: readonly string[]): string => `${all.join('\n')}\n`;
