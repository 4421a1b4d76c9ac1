/**
 * The fragments of a fragmented MP4 (ISO/IEC 14496-12, 8.8), as ffmpeg writes them for one track: `ftyp moov (moof mdat)*`. They
 * are the segments of an HLS playlist that names parts of one file (RFC 8216, 4.3.2.2).
 */
import { readBoxHeader } from './mp4-boxes.ts';

export type Fragment = {
  readonly offset: number;
  readonly sizeBytes: number;
  readonly seconds: number;
};

export type FragmentedFile = {
  /** What comes before the first fragment: the initialisation segment. */
  readonly headerBytes: number;
  readonly fragments: readonly Fragment[];
  readonly seconds: number;
  /** As in RFC 6381: `avc1.640028`, `mp4a.40.2`; undefined if it is neither H.264 nor AAC. */
  readonly codec: string | undefined;
};

/** Ten hours of two seconds. */
const maxFragments = 20_000;
const headerMaxBytes = 64 * 1024;
/** Of a fragment of two seconds, 4 KiB; of one that had no picture to begin the next with, more. */
const indexMaxBytes = 4 * 1024 * 1024;
const boxHeaderBytes = 16;
const shortHeaderBytes = 8;

type Read = (offset: number, length: number) => Promise<Uint8Array>;

/** Reads the structure of a file of `sizeBytes`; undefined if it is not one of these. */
export async function readFragments(sizeBytes: number, read: Read): Promise<FragmentedFile | undefined> {
  let offset = 0;
  let header: Buffer | undefined;
  let index: { readonly offset: number; readonly start: bigint; readonly lasts: bigint } | undefined;
  const found: { offset: number; sizeBytes: number; start: bigint; lasts: bigint }[] = [];
  while (offset < sizeBytes && found.length < maxFragments) {
    const box = readBoxHeader(await read(offset, boxHeaderBytes), sizeBytes - offset);
    if (box === undefined || box.sizeBytes < shortHeaderBytes || offset + box.sizeBytes > sizeBytes) return undefined;
    if (box.type === 'moov') {
      if (box.sizeBytes > headerMaxBytes) return undefined;
      header = Buffer.from(await read(offset, box.sizeBytes));
    } else if (box.type === 'moof') {
      if (box.sizeBytes > indexMaxBytes) return undefined;
      const content = Buffer.from(await read(offset, box.sizeBytes));
      const times = header === undefined ? undefined : timesOf(content, header);
      if (times === undefined) return undefined;
      index = { offset, ...times };
    } else if (box.type === 'mdat' && index !== undefined) {
      found.push({ ...index, sizeBytes: offset + box.sizeBytes - index.offset });
      index = undefined;
    }
    offset += box.sizeBytes;
  }
  const [first] = found;
  const scale = header === undefined ? undefined : timescaleOf(header);
  if (first === undefined || header === undefined || scale === undefined) return undefined;
  const fragments = found.map((one, position) => {
    const next = found[position + 1];
    const ticks = next === undefined ? one.lasts : next.start - one.start;
    return { offset: one.offset, sizeBytes: one.sizeBytes, seconds: Number(ticks) / scale };
  });
  const seconds = fragments.reduce((sum, fragment) => sum + fragment.seconds, 0);
  return { headerBytes: first.offset, fragments, seconds, codec: codecOf(header) };
}

/** The content of the first box below `bytes` that lies on this path; a name may stand behind a fixed head of its parent. */
function find(bytes: Buffer, path: readonly string[]): Buffer | undefined {
  const [type, ...rest] = path;
  if (type === undefined) return bytes;
  let offset = 0;
  while (offset + shortHeaderBytes <= bytes.length) {
    const box = readBoxHeader(bytes.subarray(offset), bytes.length - offset);
    if (box === undefined || box.sizeBytes < shortHeaderBytes) return undefined;
    const content = bytes.subarray(offset + shortHeaderBytes, offset + box.sizeBytes);
    if (box.type === type) return find(content, rest);
    offset += box.sizeBytes;
  }
  return undefined;
}

/** `mdhd`: version and flags, then times of 32 or 64 bits, then the ticks of a second. */
function timescaleOf(moov: Buffer): number | undefined {
  const mdhd = find(moov, ['moov', 'trak', 'mdia', 'mdhd']);
  if (mdhd === undefined || mdhd.length < 24) return undefined;
  const scale = mdhd.readUInt32BE(mdhd[0] === 1 ? 20 : 12);
  return scale > 0 ? scale : undefined;
}

const defaultDurationOfTrack = 12;
const flags = { baseOffset: 0x1, description: 0x2, duration: 0x8, dataOffset: 0x1, firstFlags: 0x4 } as const;
const sampleFields = [0x100, 0x200, 0x400, 0x800] as const;

/** When a fragment begins and how long its samples last, in ticks. */
function timesOf(moof: Buffer, moov: Buffer): { start: bigint; lasts: bigint } | undefined {
  const tfhd = find(moof, ['moof', 'traf', 'tfhd']);
  const tfdt = find(moof, ['moof', 'traf', 'tfdt']);
  const trun = find(moof, ['moof', 'traf', 'trun']);
  if (tfhd === undefined || tfdt === undefined || trun === undefined || trun.length < 8 || tfdt.length < 8) {
    return undefined;
  }
  const start = tfdt[0] === 1 && tfdt.length >= 12 ? tfdt.readBigUInt64BE(4) : BigInt(tfdt.readUInt32BE(4));
  const usual =
    defaultDurationOf(tfhd) ?? find(moov, ['moov', 'mvex', 'trex'])?.readUInt32BE(defaultDurationOfTrack) ?? 0;
  const has = trun.readUIntBE(1, 3);
  const samples = trun.readUInt32BE(4);
  if ((has & sampleFields[0]) === 0) return { start, lasts: BigInt(samples) * BigInt(usual) };
  const fields = sampleFields.filter((field) => (has & field) !== 0).length;
  let at = 8 + ((has & flags.dataOffset) === 0 ? 0 : 4) + ((has & flags.firstFlags) === 0 ? 0 : 4);
  let lasts = 0n;
  for (let sample = 0; sample < samples && at + 4 <= trun.length; sample += 1) {
    lasts += BigInt(trun.readUInt32BE(at));
    at += fields * 4;
  }
  return { start, lasts };
}

function defaultDurationOf(tfhd: Buffer): number | undefined {
  const has = tfhd.readUIntBE(1, 3);
  if ((has & flags.duration) === 0) return undefined;
  const at = 8 + ((has & flags.baseOffset) === 0 ? 0 : 8) + ((has & flags.description) === 0 ? 0 : 4);
  return at + 4 <= tfhd.length ? tfhd.readUInt32BE(at) : undefined;
}

const sampleDescription = ['moov', 'trak', 'mdia', 'minf', 'stbl', 'stsd'] as const;
/** `stsd` says how many entries it has; a picture's has 78 bytes before its own boxes (14496-12, 12.1.3). */
const entriesAt = 8;
const pictureHeadBytes = 78;

function codecOf(moov: Buffer): string | undefined {
  const entries = find(moov, sampleDescription)?.subarray(entriesAt);
  if (entries === undefined) return undefined;
  if (find(entries, ['mp4a']) !== undefined) return 'mp4a.40.2';
  const picture = find(entries, ['avc1']);
  const configuration = picture === undefined ? undefined : find(picture.subarray(pictureHeadBytes), ['avcC']);
  if (configuration === undefined || configuration.length < 4) return undefined;
  return `avc1.${configuration.subarray(1, 4).toString('hex')}`;
}
