/** Everything that was made from a video, fetched as a player does it, and what ffprobe finds in it. */
import { fetchMedia, probe } from './clips.ts';
import {
  type MasterPlaylist,
  type MediaPlaylist,
  readMasterPlaylist,
  readMediaPlaylist,
  type Segment,
  type Variant,
} from './hls.ts';
import { listOf, numberOf, type Row, type TestServer, textOf } from './server.ts';

export type Track = {
  readonly playlist: MediaPlaylist;
  /** The one file that the playlist names parts of. */
  readonly file: Buffer;
  readonly stream: ProbedStream;
};
export type FetchedPackage = {
  readonly master: MasterPlaylist;
  /** In the order of the master playlist. */
  readonly renditions: readonly (Track & { readonly variant: Variant })[];
  readonly audio: Track | undefined;
  readonly play: Buffer;
  readonly playStreams: readonly ProbedStream[];
};

export async function fetchFile(server: TestServer, url: string): Promise<Buffer> {
  const { status, body } = await fetchMedia(server, url);
  if (status !== 200) throw new Error(`${url} answers ${status}`);
  return body;
}

export async function fetchPackage(server: TestServer, video: Row): Promise<FetchedPackage> {
  const hlsUrl = textOf(video, 'hls_url');
  const track = async (uri: string): Promise<Track> => {
    const playlistUrl = new URL(uri, hlsUrl).href;
    const playlist = readMediaPlaylist((await fetchFile(server, playlistUrl)).toString());
    const [name, ...others] = new Set([playlist.map.uri, ...playlist.segments.map((segment) => segment.uri)]);
    if (name === undefined || others.length > 0) throw new Error(`${uri} names more than one file`);
    const file = await fetchFile(server, new URL(name, playlistUrl).href);
    const [stream, ...more] = await streamsOf(server, file);
    if (stream === undefined || more.length > 0) throw new Error(`${name} has more or less than one stream`);
    return { playlist, file, stream };
  };
  const master = readMasterPlaylist((await fetchFile(server, hlsUrl)).toString());
  const audioUri = master.media.find((one) => one.get('TYPE') === 'AUDIO')?.get('URI');
  const play = await fetchFile(server, textOf(video, 'play_url'));
  return {
    master,
    renditions: await Promise.all(master.variants.map(async (variant) => ({ variant, ...(await track(variant.uri)) }))),
    audio: audioUri === undefined ? undefined : await track(audioUri),
    play,
    playStreams: await streamsOf(server, play),
  };
}

export type Packet = {
  /** When it is shown, after the edit list. */
  readonly seconds: number;
  readonly offset: number;
  readonly isKey: boolean;
  /** MD5 of the encoded content. */
  readonly hash: string;
};
export type ProbedStream = {
  readonly kind: string;
  /** By ffprobe's names. */
  readonly fields: Row;
  /** Pictures, or pieces of sound, that could be decoded. */
  readonly decoded: number;
  /** In the order of the file. */
  readonly packets: readonly Packet[];
};

/** All that ffprobe finds in a file, decoded to its end: its streams in their order. */
export async function streamsOf(server: TestServer, file: Buffer): Promise<ProbedStream[]> {
  const entries = ['-show_packets', '-show_data_hash', 'md5', '-count_frames', '-show_streams'];
  const report: Row = Object.assign({}, JSON.parse(await probe(server, file, [...entries, '-of', 'json'])));
  const packets = listOf(report, 'packets');
  return listOf(report, 'streams').map((fields) => ({
    kind: textOf(fields, 'codec_type'),
    fields,
    decoded: Number(textOf(fields, 'nb_read_frames')),
    packets: packets
      .filter((packet) => numberOf(packet, 'stream_index') === numberOf(fields, 'index'))
      .map((packet) => ({
        seconds: Number(textOf(packet, 'pts_time')),
        offset: Number(textOf(packet, 'pos')),
        isKey: textOf(packet, 'flags').startsWith('K'),
        hash: textOf(packet, 'data_hash'),
      })),
  }));
}

/** The one stream of this kind; throws if there is none, or more than one. */
export function oneStream(streams: readonly ProbedStream[], kind: 'video' | 'audio'): ProbedStream {
  const [one, ...more] = streams.filter((stream) => stream.kind === kind);
  if (one === undefined || more.length > 0) throw new Error(`not one stream of ${kind}, but ${more.length + 1}`);
  return one;
}

export const packetsIn = (packets: readonly Packet[], { offset, sizeBytes }: Segment): Packet[] =>
  packets.filter((packet) => packet.offset >= offset && packet.offset < offset + sizeBytes);
