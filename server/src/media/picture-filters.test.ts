import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AcceptedVideo, outputRate, pictureFilters, soundFilters } from './index.ts';

const video: AcceptedVideo = {
  ...{ kind: 'accepted', playable: false, compliant: false, videoIndex: 0, audioIndex: 1, durationMs: 5_000 },
  ...{ width: 1_080, height: 1_920, framesPerSecond: 30, gridFramesPerSecond: 30, constantRate: true },
  ...{ range: 'sdr', interlaced: false, audioChannels: 2, audioCompliant: true, bitsPerSecond: 0, extension: 'mp4' },
  colors: { matrix: 'bt709', fullRange: false, primaries: 'bt709' },
};
const able = { toneMap: true } as const;
const named = (filters: readonly string[], name: string): string[] =>
  filters.filter((filter) => filter === name || filter.startsWith(`${name}=`));
const bt2020 = { matrix: 'bt2020', fullRange: false, primaries: 'bt2020' } as const;

it('leaves what is plain already as it is, but for saying so', () => {
  expect(pictureFilters(video, able)).toEqual([
    'scale=1080:1920:in_color_matrix=bt709:out_color_matrix=bt709:in_range=tv:out_range=tv',
    'format=yuv420p',
    'setsar=1',
    'setparams=field_mode=prog:range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709',
  ]);
});

it('brings old colours to BT.709, and the full range to the limited one', () => {
  const colors = { matrix: 'bt601', fullRange: true, primaries: 'bt709' } as const;
  const [scale] = pictureFilters({ ...video, colors }, able);
  expect(scale).toBe('scale=1080:1920:in_color_matrix=bt601:out_color_matrix=bt709:in_range=pc:out_range=tv');
});

describe('light beyond the range of a screen', () => {
  const high = { ...video, range: 'pq', colors: bt2020 } as const;

  it('is mapped, in pictures that are scaled down before', () => {
    const filters = pictureFilters({ ...high, width: 3_840, height: 2_160 }, able);
    expect(filters[0]).toMatch(/^scale=1920:1080:.*:out_color_matrix=bt2020:.*:flags=bilinear$/);
    expect(named(filters, 'zscale')[0]).toBe('zscale=tin=smpte2084:pin=bt2020:min=bt2020nc:rin=tv:t=linear:npl=100');
    expect(named(filters, 'tonemap')).toEqual(['tonemap=tonemap=hable:desat=0']);
    expect(named(filters, 'format').at(-1)).toBe('format=yuv420p');
    expect(filters.findIndex((filter) => filter.startsWith('scale='))).toBeLessThan(filters.indexOf('zscale=p=bt709'));
  });

  it('of HLG is read as such', () => {
    expect(pictureFilters({ ...high, range: 'hlg' }, able).join()).toContain('tin=arib-std-b67');
  });

  it('comes out paler where ffmpeg cannot map it, in its own size', () => {
    const filters = pictureFilters({ ...high, width: 3_840, height: 2_160 }, { toneMap: false });
    expect(filters.join()).not.toMatch(/zscale|tonemap/);
    expect(filters[0]).toMatch(/^scale=3840:2160:in_color_matrix=bt2020:out_color_matrix=bt709/);
  });

  it('is not what wide colours are: they change alone', () => {
    const filters = pictureFilters({ ...video, colors: { ...bt2020, primaries: 'p3' } }, able);
    expect(filters.join()).toContain('pin=smpte432');
    expect(named(filters, 'tonemap')).toEqual([]);
  });
});

describe('the rate', () => {
  it.each<[framesPerSecond: number, grid: number, constant: boolean, rate: number | undefined]>([
    [30, 30, true, undefined],
    [10, 10, true, undefined],
    [60_000 / 1_001, 60_000 / 1_001, true, undefined],
    [61, 61, true, undefined],
    [0, 0, false, 30],
    [29.7, 120, false, 30],
    [29.97, 29.97, false, 30],
    [18, 30, false, 30],
    [18, 90_000, false, 24],
    [23.976, 1_000, false, 24],
    [41, 1_000, false, 50],
    [55, 1_000, false, 60],
    [1, 1_000, false, 24],
    [120, 120, true, 60],
    [119.88, 119.88, true, 60],
    [100, 100, true, 50],
    [240, 240, false, 60],
    [90, 90, true, 60],
    [12_800, 12_800, true, 50],
  ])(
    '%d a second on a grid of %d, constant: %s, becomes %s',
    (framesPerSecond, gridFramesPerSecond, constantRate, rate) => {
      const one = { ...video, framesPerSecond, gridFramesPerSecond, constantRate };
      expect(outputRate(one)).toBe(rate);
      const expected = rate === undefined ? [] : [`fps=fps=${rate}:start_time=0:eof_action=pass`];
      expect(named(pictureFilters(one, able), 'fps')).toEqual(expected);
    },
  );
});

it('deinterlaces first, while the fields of a frame are there, but not what has hardly a line', () => {
  const interlaced = { ...video, interlaced: true, constantRate: false };
  expect(pictureFilters(interlaced, able)[0]).toBe('bwdif=mode=send_frame:parity=auto:deint=interlaced');
  expect(pictureFilters(video, able).join()).not.toContain('bwdif');
  expect(pictureFilters({ ...interlaced, height: 2 }, able).join()).not.toContain('bwdif');
});

describe('sound', () => {
  it.each([
    [0, []],
    [1, ['aresample=48000:async=1:first_pts=0', 'aformat=sample_rates=48000:channel_layouts=mono']],
    [2, ['aresample=48000:async=1:first_pts=0', 'aformat=sample_rates=48000:channel_layouts=stereo']],
    [6, ['aresample=48000:async=1:first_pts=0', 'aformat=sample_rates=48000:channel_layouts=stereo']],
  ])('of %i channels', (audioChannels, filters) => {
    expect(soundFilters({ ...video, audioChannels })).toEqual(filters);
  });

  it('of more channels than ffmpeg can mix is that of the first two', () => {
    expect(soundFilters({ ...video, audioChannels: 16 })[0]).toBe('pan=stereo|c0=c0|c1=c1');
  });
});

it('makes even sizes that are not larger, in one well-formed chain, of any video', () => {
  const rate = fc.oneof(fc.constant(0), fc.double({ min: 1e-9, max: 1e12, noNaN: true }));
  const anyVideo = fc.record({
    width: fc.integer({ min: 1, max: 8_192 }),
    height: fc.integer({ min: 1, max: 8_192 }),
    framesPerSecond: rate,
    gridFramesPerSecond: rate,
    constantRate: fc.boolean(),
    interlaced: fc.boolean(),
    range: fc.constantFrom('sdr' as const, 'pq' as const, 'hlg' as const),
    audioChannels: fc.nat({ max: 255 }),
    colors: fc.record({
      matrix: fc.constantFrom('bt601' as const, 'bt709' as const, 'bt2020' as const, 'fcc' as const),
      fullRange: fc.boolean(),
      primaries: fc.constantFrom('bt709' as const, 'bt2020' as const, 'p3' as const),
    }),
  });
  fc.assert(
    fc.property(anyVideo, fc.boolean(), (some, toneMap) => {
      const one = { ...video, ...some };
      const filters = pictureFilters(one, { toneMap });
      const [scale = ''] = named(filters, 'scale');
      const [width = 0, height = 0] = scale.slice('scale='.length).split(':').map(Number);
      for (const [side, was] of [
        [width, some.width],
        [height, some.height],
      ] as const) {
        expect(side % 2 === 0 && side >= 2 && side <= Math.max(2, was)).toBe(true);
      }
      const [fps] = named(filters, 'fps');
      if (fps === undefined) expect(one.constantRate && one.framesPerSecond <= 61.2).toBe(true);
      else expect(['24', '25', '30', '50', '60']).toContain(/^fps=fps=(\d+):/.exec(fps)?.[1]);
      for (const filter of [...filters, ...soundFilters(one)]) expect(filter).toMatch(/^[a-z]+=[^,\s]+$/);
      expect(`${filters}${soundFilters(one)}`).not.toMatch(/undefined|NaN|Infinity/);
      expect(filters.at(-3)).toBe('format=yuv420p');
    }),
  );
});
