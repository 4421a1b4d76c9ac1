import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readBoxHeader, summarizeBoxes } from './index.ts';

const header = (type: string, size: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32BE(size);
  bytes.write(type, 4, 'latin1');
  return bytes;
};
const box = (type: string, contentBytes = 0): Buffer =>
  Buffer.concat([header(type, 8 + contentBytes), Buffer.alloc(contentBytes)]);
const largeBox = (type: string, size: bigint): Buffer => {
  const bytes = Buffer.concat([header(type, 1), Buffer.alloc(8)]);
  bytes.writeBigUInt64BE(size, 8);
  return bytes;
};
const summarize = (file: Uint8Array, sizeBytes = file.length) =>
  summarizeBoxes(sizeBytes, async (offset, length) => file.subarray(offset, offset + length));
const all = (...boxes: readonly Uint8Array[]): Buffer => Buffer.concat(boxes);

describe('a file', () => {
  it.each<[string, Buffer, boolean, boolean]>([
    ['with its index first', all(box('ftyp', 16), box('moov', 100), box('mdat', 500)), true, true],
    ['with its index last', all(box('ftyp', 16), box('mdat', 500), box('moov', 100)), true, false],
    ['without an index', all(box('ftyp', 16), box('mdat', 500)), false, false],
    ['without pictures', all(box('ftyp', 16), box('moov', 100)), true, true],
    [
      'in fragments',
      all(box('ftyp'), box('moov'), box('moof', 9), box('mdat', 9), box('moof', 9), box('mdat', 9)),
      true,
      true,
    ],
    ['whose pictures go on to its end', all(box('ftyp'), box('moov'), header('mdat', 0), Buffer.alloc(99)), true, true],
    ['with a box of 64 bits', all(box('ftyp'), box('moov'), largeBox('mdat', 26n), Buffer.alloc(10)), true, true],
    ['that ends too early', all(box('ftyp'), box('moov'), box('mdat', 500)).subarray(0, -1), false, false],
    ['with a box that is too small', all(box('ftyp'), header('moov', 7), Buffer.alloc(50)), false, false],
    ['with a box of 64 bits that is too small', all(largeBox('moov', 15n), Buffer.alloc(50)), false, false],
    ['with a box larger than any file', all(box('moov'), largeBox('mdat', 2n ** 63n)), false, false],
    ['with a half header at its end', all(box('ftyp'), box('moov'), Buffer.alloc(5)), false, false],
    ['that is empty', Buffer.alloc(0), false, false],
    ['that is no MP4', Buffer.from('<html><body>hello, this is a page</body></html>'), false, false],
  ])('%s', async (_name, file, complete, fastStart) => {
    expect(await summarize(file)).toEqual({ complete, fastStart });
  });

  it('that is real is whole, and not any more when something is cut off', async () => {
    const bear = readFileSync(new URL('../../../conformance/bear.mp4', import.meta.url));
    expect((await summarize(bear)).complete).toBe(true);
    for (const cut of [1, 100, bear.length >> 1])
      expect((await summarize(bear.subarray(0, -cut))).complete).toBe(false);
  });

  it('of many boxes is not walked for ever', async () => {
    let reads = 0;
    const tiny = box('free');
    await summarizeBoxes(Number.MAX_SAFE_INTEGER, async () => {
      reads += 1;
      return tiny;
    });
    expect(reads).toBeLessThanOrEqual(20_000);
  });
});

it('reads any bytes without throwing, and never beyond the file', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.nat({ max: 400 }), async (bytes, sizeBytes) => {
      await summarizeBoxes(sizeBytes, async (offset, length) => {
        expect(offset).toBeLessThan(sizeBytes);
        return bytes.subarray(offset, offset + length);
      });
      const found = readBoxHeader(bytes, sizeBytes);
      if (found !== undefined) expect(Number.isSafeInteger(found.sizeBytes) && found.sizeBytes >= 0).toBe(true);
    }),
  );
});

it('finds its place in a view of a larger buffer', () => {
  const bytes = all(Buffer.from('xyz'), box('moov', 8)).subarray(3);
  expect(readBoxHeader(bytes, 16)).toEqual({ type: 'moov', sizeBytes: 16 });
});
