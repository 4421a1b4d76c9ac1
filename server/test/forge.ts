/** Containers made by hand, so that they can say what no tool would write: MP4 boxes, Matroska elements, MPEG-TS packets. */

/** A box of MP4 or MOV (ISO/IEC 14496-12, 4.2). */
export function box(type: string, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  return Buffer.concat([u32(8 + content.length), Buffer.from(type, 'latin1'), content]);
}

/** Numbers of 32 bits, big endian. */
export function u32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value >>> 0, index * 4);
  return bytes;
}

/** The content of the `nth` box of a type: a view, writing to it changes the file. */
export function contentOf(file: Buffer, type: string, nth = 0): Buffer {
  let at = -1;
  for (let found = 0; found <= nth; found += 1) {
    at = file.indexOf(type, at + 1, 'latin1');
    if (at < 4) throw new Error(`there is no box ${type} number ${nth}`);
  }
  return file.subarray(at + 4, at - 4 + file.readUInt32BE(at - 4));
}

/** A copy of a file, changed. */
export function changed(file: Buffer, change: (copy: Buffer) => void): Buffer {
  const copy = Buffer.from(file);
  change(copy);
  return copy;
}

/** An MP4 whose tracks are described with next to nothing. */
export function manyTracks(count: number): Buffer {
  const track = box(
    'trak',
    box('tkhd', u32(1, 0, 0, 1, 0, 1000), Buffer.alloc(60)),
    box(
      'mdia',
      box('mdhd', u32(0, 0, 0, 1000, 1000, 0)),
      box('hdlr', u32(0, 0), Buffer.from('vide'), Buffer.alloc(13)),
      box('minf', box('stbl', box('stsd', u32(0, 1), box('avc1', Buffer.alloc(78))), box('stts', u32(0, 0)))),
    ),
  );
  return Buffer.concat([fileType, box('moov', movieHeader, ...Array.from({ length: count }, () => track))]);
}

export const fileType = box('ftyp', Buffer.from('isom'), u32(0), Buffer.from('isomiso2avc1mp41'));
export const movieHeader = box('mvhd', u32(0, 0, 0, 1000, 1000, 0x10000), Buffer.alloc(76));

/** An element of Matroska (EBML, RFC 8794), its length in eight bytes. */
export function element(id: number, content: Buffer): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64BE(0x01_00_00_00_00_00_00_00n + BigInt(content.length));
  return Buffer.concat([Buffer.from(id.toString(16), 'hex'), length, content]);
}

/** A Matroska file with this many video tracks. */
export function manyMatroskaTracks(count: number): Buffer {
  const tracks = Array.from({ length: count }, (_, index) =>
    element(
      0xae,
      Buffer.concat([
        element(0xd7, u32(index + 1)),
        element(0x73c5, u32(index + 1)),
        element(0x83, Buffer.from([1])),
        element(0x86, Buffer.from('V_VP8')),
        element(0xe0, Buffer.concat([element(0xb0, u32(16)), element(0xba, u32(16))])),
      ]),
    ),
  );
  return Buffer.concat([
    element(0x1a45dfa3, element(0x4282, Buffer.from('matroska'))),
    element(
      0x18538067,
      Buffer.concat([element(0x1549a966, element(0x2ad7b1, u32(1e6))), element(0x1654ae6b, Buffer.concat(tracks))]),
    ),
  ]);
}

const packetBytes = 188;

/** An MPEG transport stream of `programs` programs with 200 video streams each (ISO/IEC 13818-1, 2.4.4). */
export function manyTransportStreams(programs: number): Buffer {
  const firstMapPid = 0x20;
  const numbers = Array.from({ length: programs }, (_, index) => index);
  const association = section(0x00, 1, Buffer.concat(numbers.map((one) => u16(one + 1, 0xe000 | (firstMapPid + one)))));
  const maps = numbers.map((one) => {
    const streams = Array.from({ length: 200 }, (_, index) =>
      Buffer.concat([Buffer.from([0x1b]), u16(0xe000 | ((0x100 + one * 200 + index) & 0x1fff), 0xf000)]),
    );
    return packets(firstMapPid + one, section(0x02, one + 1, Buffer.concat([u16(0xe100, 0xf000), ...streams])));
  });
  return Buffer.concat([packets(0, association), ...maps, packets(0, association), ...maps]);
}

function u16(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 2);
  for (const [index, value] of values.entries()) bytes.writeUInt16BE(value, index * 2);
  return bytes;
}

function section(table: number, id: number, content: Buffer): Buffer {
  const length = 5 + content.length + 4;
  const head = Buffer.concat([Buffer.from([table]), u16(0xb000 | length, id), Buffer.from([0xc1, 0, 0]), content]);
  return Buffer.concat([head, u32(crc32(head))]);
}

function packets(pid: number, payload: Buffer): Buffer {
  const bytes = Buffer.concat([Buffer.from([0]), payload]);
  const all: Buffer[] = [];
  for (let offset = 0; offset < bytes.length; offset += packetBytes - 4) {
    const start = offset === 0 ? 0x4000 : 0;
    const packet = Buffer.concat([Buffer.from([0x47]), u16(start | pid), Buffer.from([0x10 | (all.length & 15)])]);
    const part = bytes.subarray(offset, offset + packetBytes - 4);
    all.push(packet, part, Buffer.alloc(packetBytes - 4 - part.length, 0xff));
  }
  return Buffer.concat(all);
}

/** CRC-32/MPEG-2: not reflected, not inverted at the end. */
function crc32(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte << 24;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x80000000 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  }
  return crc >>> 0;
}

/** Numbers from 0 to `below`, the same ones for the same seed (xorshift32). */
export function seeded(seed: number): (below: number) => number {
  let state = (seed + 1) * 0x9e3779b1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}
