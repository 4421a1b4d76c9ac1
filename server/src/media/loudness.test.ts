import { describe, expect, it } from 'vitest';
import { gainFilters, gainOf, readLoudness } from './index.ts';

const summary = (integrated: string, peak: string): string => `
[Parsed_ebur128_0 @ 0x55] Summary:

  Integrated loudness:
    I:         ${integrated} LUFS
    Threshold: -31.8 LUFS

  Loudness range:
    LRA:         0.0 LU

  Sample peak:
    Peak:      ${peak} dBFS
`;

describe('loudness', () => {
  it('is read from the summary that ffmpeg prints last', () => {
    expect(readLoudness(summary('-21.8', '-13.5'))).toEqual({ integrated: -21.8, peak: -13.5 });
    expect(readLoudness(`${summary('-1.0', '-2.0')}${summary('-30.1', '-4.0')}`)).toMatchObject({ integrated: -30.1 });
  });

  it.each([
    ['silence', summary('-70.0', '-inf')],
    ['what was cut off', summary('-21.8', '-13.5').slice(0, 60)],
    ['nothing', ''],
  ])('is none for %s', (_what, text) => {
    expect(readLoudness(text)).toBeUndefined();
  });
});

describe('the gain', () => {
  it.each([
    ['brings quiet sound up', -22, 6],
    ['brings loud sound down', -8, -8],
    ['leaves alone what nobody would hear', -16.9, 0],
    ['does not raise noise to the loudness of speech', -50, 12],
    ['has a bound below', 20, -24],
  ])('%s', (_what, integrated, expected) => {
    expect(gainOf({ integrated, peak: -20 })).toBe(expected);
  });

  it('has a limiter behind it only where something would be cut off', () => {
    expect(gainFilters({ integrated: -22, peak: -20 })).toEqual(['volume=6dB']);
    expect(gainFilters({ integrated: -22, peak: -2 })).toEqual(['volume=6dB', 'alimiter=limit=0.891:level=disabled']);
    expect(gainFilters({ integrated: -16, peak: 0 })).toEqual([]);
    expect(gainFilters(undefined)).toEqual([]);
  });
});
