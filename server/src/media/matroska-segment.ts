/**
 * The outermost structure of a Matroska or WebM file (EBML, RFC 8794): a header, then one segment. A segment that ends
 * beyond the file was cut off, which ffprobe does not mind: it believes the duration in front.
 */

/** Header and segment begin within. */
export const segmentLookBytes = 4 * 1024;
const headerId = 0x1a45dfa3;
const segmentId = 0x18538067;

type Element = { readonly id: number; readonly contentAt: number; readonly sizeBytes: number | undefined };

/** Whether the segment ends within a file of `fileBytes` that starts with `start`; recordings do not say where it ends. */
export function endsWithin(start: Uint8Array, fileBytes: number): boolean {
  const header = readElement(start, 0);
  if (header?.id !== headerId || header.sizeBytes === undefined) return false;
  const segment = readElement(start, header.contentAt + header.sizeBytes);
  if (segment?.id !== segmentId) return false;
  return segment.sizeBytes === undefined || segment.contentAt + segment.sizeBytes <= fileBytes;
}

/** Id and size are numbers of which the first byte says by its leading zeros how long they are. All ones: unknown. */
function readElement(bytes: Uint8Array, at: number): Element | undefined {
  const idBytes = lengthOf(bytes, at, 4);
  const sizeAt = at + idBytes;
  const sizeBytes = lengthOf(bytes, sizeAt, 8);
  if (idBytes === 0 || sizeBytes === 0 || sizeAt + sizeBytes > bytes.length) return undefined;
  const id = bytes.subarray(at, sizeAt).reduce((value, byte) => value * 256 + byte, 0);
  const [first = 0, ...rest] = bytes.subarray(sizeAt, sizeAt + sizeBytes);
  const mask = 2 ** (8 - sizeBytes) - 1;
  const unknown = (first & mask) === mask && rest.every((byte) => byte === 0xff);
  const size = rest.reduce((value, byte) => value * 256 + byte, first & mask);
  return { id, contentAt: sizeAt + sizeBytes, sizeBytes: unknown ? undefined : size };
}

/** 0 if there is no such number. */
function lengthOf(bytes: Uint8Array, at: number, most: number): number {
  const length = Math.clz32(bytes[at] ?? 0) - 23;
  return length <= most ? length : 0;
}
