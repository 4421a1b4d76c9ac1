/** HLS playlists (RFC 8216) as a player reads them: for tests, so it knows nothing of what writes them. */

export type Part = { readonly uri: string; readonly offset: number; readonly sizeBytes: number };
export type Segment = Part & { readonly startSeconds: number; readonly seconds: number };
export type MediaPlaylist = {
  readonly targetSeconds: number;
  readonly map: Part;
  readonly segments: readonly Segment[];
  readonly seconds: number;
};
export type Variant = { readonly uri: string; readonly attributes: ReadonlyMap<string, string> };
export type MasterPlaylist = {
  readonly variants: readonly Variant[];
  readonly media: readonly ReadonlyMap<string, string>[];
};

/** `NAME=value,NAME="value, quoted"`. */
function attributesOf(text: string): ReadonlyMap<string, string> {
  const pairs = text.matchAll(/([A-Z0-9-]+)=(?:"([^"]*)"|([^",]*))(?:,|$)/g);
  return new Map([...pairs].map(([, name = '', quoted, plain = '']) => [name, quoted ?? plain]));
}

/** `size@offset`. */
function rangeOf(text: string | undefined): { readonly sizeBytes: number; readonly offset: number } {
  const [, size, offset] = /^(\d+)@(\d+)$/.exec(text ?? '') ?? [];
  if (size === undefined || offset === undefined) throw new Error(`not a byte range with an offset: ${text}`);
  return { sizeBytes: Number(size), offset: Number(offset) };
}

function linesOf(text: string): string[] {
  const lines = text.split('\n').filter((line) => line !== '');
  if (lines.shift() !== '#EXTM3U') throw new Error('a playlist begins with #EXTM3U');
  return lines;
}

const tagOf = (lines: readonly string[], tag: string): string | undefined =>
  lines.find((line) => line.startsWith(`${tag}:`))?.slice(tag.length + 1);

/** Throws if it names no part, is not complete, or has a segment without a duration or a byte range. */
export function readMediaPlaylist(text: string): MediaPlaylist {
  const lines = linesOf(text);
  if (tagOf(lines, '#EXT-X-PLAYLIST-TYPE') !== 'VOD' || lines.at(-1) !== '#EXT-X-ENDLIST') {
    throw new Error('not a playlist of something that has ended');
  }
  const map = attributesOf(tagOf(lines, '#EXT-X-MAP') ?? '');
  const segments: Segment[] = [];
  let startSeconds = 0;
  for (const [at, uri] of lines.entries()) {
    if (uri.startsWith('#')) continue;
    const [inf = '', range = ''] = lines.slice(at - 2, at);
    const seconds = Number(/^#EXTINF:([\d.]+),/.exec(inf)?.[1]);
    if (!Number.isFinite(seconds)) throw new Error(`a segment without a duration: ${inf}`);
    segments.push({ uri, ...rangeOf(range.replace('#EXT-X-BYTERANGE:', '')), startSeconds, seconds });
    startSeconds += seconds;
  }
  return {
    targetSeconds: Number(tagOf(lines, '#EXT-X-TARGETDURATION')),
    map: { uri: map.get('URI') ?? '', ...rangeOf(map.get('BYTERANGE')) },
    segments,
    seconds: startSeconds,
  };
}

export function readMasterPlaylist(text: string): MasterPlaylist {
  const lines = linesOf(text);
  const streamTag = '#EXT-X-STREAM-INF:';
  const mediaTag = '#EXT-X-MEDIA:';
  return {
    variants: lines.flatMap((line, at) =>
      line.startsWith(streamTag)
        ? [{ uri: lines[at + 1] ?? '', attributes: attributesOf(line.slice(streamTag.length)) }]
        : [],
    ),
    media: lines.flatMap((line) => (line.startsWith(mediaTag) ? [attributesOf(line.slice(mediaTag.length))] : [])),
  };
}

/**
 * The largest bits per second of any run of segments that lasts from 0.5 to 1.5 times the target duration: what BANDWIDTH
 * has to be at least (RFC 8216, 4.1 and 4.3.4.2). 0 if there is no such run.
 */
export function peakBitsPerSecond({ segments, targetSeconds }: MediaPlaylist): number {
  let peak = 0;
  for (const from of segments.keys()) {
    let [bits, seconds] = [0, 0];
    for (const one of segments.slice(from)) {
      bits += one.sizeBytes * 8;
      seconds += one.seconds;
      if (seconds > 1.5 * targetSeconds) break;
      if (seconds >= 0.5 * targetSeconds) peak = Math.max(peak, bits / seconds);
    }
  }
  return peak;
}
