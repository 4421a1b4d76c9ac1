/**
 * The outermost structure of an MP4 or MOV file (ISO/IEC 14496-12, 4.2): boxes with a size and a type. ffprobe reads the
 * index and believes it; only the boxes tell whether the file is all there.
 */
export type BoxSummary = {
  /** Every box ends within the file. */
  readonly complete: boolean;
  /** The index stands before the pictures, so that playing can start before all is loaded. */
  readonly fastStart: boolean;
};

const headerBytes = 16;
/** Fragmented files have two boxes for each fragment. */
const maxBoxes = 20_000;

/** Walks the boxes of a file of `sizeBytes` through `read`, which may return fewer bytes at the end of the file. */
export async function summarizeBoxes(
  sizeBytes: number,
  read: (offset: number, length: number) => Promise<Uint8Array>,
): Promise<BoxSummary> {
  let offset = 0;
  let indexAt = -1;
  let picturesAt = -1;
  for (let boxes = 0; offset < sizeBytes && boxes < maxBoxes; boxes += 1) {
    const box = readBoxHeader(await read(offset, headerBytes), sizeBytes - offset);
    if (box === undefined || offset + box.sizeBytes > sizeBytes) return { complete: false, fastStart: false };
    if (box.type === 'moov' && indexAt < 0) indexAt = offset;
    if (box.type === 'mdat' && picturesAt < 0) picturesAt = offset;
    offset += box.sizeBytes;
  }
  return { complete: indexAt >= 0, fastStart: indexAt >= 0 && (picturesAt < 0 || indexAt < picturesAt) };
}

/** Reads a header; undefined if it is none. A size of 0 means "to the end", one of 1 that 64 bits follow. */
export function readBoxHeader(bytes: Uint8Array, leftBytes: number): { type: string; sizeBytes: number } | undefined {
  if (bytes.length < 8) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const short = view.getUint32(0);
  const type = String.fromCharCode(...bytes.subarray(4, 8));
  if (short === 0) return { type, sizeBytes: leftBytes };
  if (short !== 1) return short >= 8 ? { type, sizeBytes: short } : undefined;
  if (bytes.length < headerBytes) return undefined;
  const long = view.getBigUint64(8);
  return long >= 16n && long <= BigInt(Number.MAX_SAFE_INTEGER) ? { type, sizeBytes: Number(long) } : undefined;
}
