import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { endsWithin } from './index.ts';

const header = Buffer.from('1a45dfa3854282847765', 'hex');
/** A segment whose size is written like this, and as many bytes. */
const file = (size: string, bytes: number): Buffer =>
  Buffer.concat([header, Buffer.from(`18538067${size}`, 'hex'), Buffer.alloc(bytes)]);
const whole = (bytes: Buffer): boolean => endsWithin(bytes.subarray(0, 64), bytes.length);

describe('a segment', () => {
  it.each<[string, number, boolean]>([
    ['85', 5, true],
    ['85', 6, true],
    ['85', 4, false],
    ['80', 0, true],
    ['4005', 5, true],
    ['0100000000000005', 5, true],
    ['0100000000000005', 4, false],
    ['01000000ffffffff', 5, false],
    ['ff', 5, true],
    ['01ffffffffffffff', 5, true],
    ['00', 5, false],
  ])('of size %s in a file with %i bytes of it: %s', (size, bytes, complete) => {
    expect(whole(file(size, bytes))).toBe(complete);
  });

  it('is looked for behind a header, and nowhere else', () => {
    expect(whole(Buffer.alloc(0))).toBe(false);
    expect(whole(Buffer.from('18538067ff', 'hex'))).toBe(false);
    expect(whole(Buffer.concat([header, header]))).toBe(false);
    expect(whole(header)).toBe(false);
    expect(endsWithin(file('ff', 5).subarray(0, header.length + 2), 1_000)).toBe(false);
  });
});

it('never throws, and takes no file for whole that is shorter than it says', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.integer({ min: 1, max: 2 ** 40 }), (bytes, sizeBytes) => {
      endsWithin(bytes, bytes.length);
      const size = Buffer.alloc(8);
      size.writeBigUInt64BE(0x01_00_00_00_00_00_00_00n + BigInt(sizeBytes));
      const start = file(size.toString('hex'), 0);
      expect(endsWithin(start, start.length + sizeBytes)).toBe(true);
      expect(endsWithin(start, start.length + sizeBytes - 1)).toBe(false);
    }),
  );
});
