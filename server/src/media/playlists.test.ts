import { expect, it } from 'vitest';
import { type FragmentedFile, masterPlaylist, mediaPlaylist } from './index.ts';

const file = (codec: string | undefined, ...bytes: readonly number[]): FragmentedFile => {
  let offset = 700;
  const fragments = bytes.map((sizeBytes, position) => {
    const one = { offset, sizeBytes, seconds: position === 0 ? 1 : 2 };
    offset += sizeBytes;
    return one;
  });
  return { headerBytes: 700, fragments, seconds: fragments.reduce((sum, one) => sum + one.seconds, 0), codec };
};
const rendition = (shortSide: number, bytes: number) => ({
  playlist: `v${shortSide}.m3u8`,
  width: shortSide,
  height: shortSide * 2,
  framesPerSecond: 29.97,
  file: file('avc1.640028', bytes, bytes * 2),
});

it('names the parts of one file, of which the first is the header', () => {
  expect(mediaPlaylist('v360.mp4', file('avc1.640015', 1_000, 3_000))).toBe(`#EXTM3U
#EXT-X-VERSION:7
#EXT-X-TARGETDURATION:2
#EXT-X-PLAYLIST-TYPE:VOD
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MAP:URI="v360.mp4",BYTERANGE="700@0"
#EXTINF:1.00000,
#EXT-X-BYTERANGE:1000@700
v360.mp4
#EXTINF:2.00000,
#EXT-X-BYTERANGE:3000@1700
v360.mp4
#EXT-X-ENDLIST
`);
});

it('has a target that no part exceeds, and that is not 0', () => {
  const one = {
    headerBytes: 1,
    fragments: [{ offset: 1, sizeBytes: 1, seconds: 0.04 }],
    seconds: 0.04,
    codec: undefined,
  };
  expect(mediaPlaylist('v.mp4', one)).toContain('#EXT-X-TARGETDURATION:1\n');
});

it('begins with a middle rendition, and says what each needs at most', () => {
  const audio = { playlist: 'audio.m3u8', file: file('mp4a.40.2', 16_000, 32_000), channels: 2 };
  const text = masterPlaylist([rendition(720, 200_000), rendition(360, 50_000), rendition(540, 100_000)], audio);
  expect(text.match(/^v\d+\.m3u8$/gm)).toEqual(['v540.m3u8', 'v360.m3u8', 'v720.m3u8']);
  expect(text).toContain(
    '#EXT-X-STREAM-INF:BANDWIDTH=928000,AVERAGE-BANDWIDTH=928000,CODECS="avc1.640028,mp4a.40.2",RESOLUTION=540x1080,FRAME-RATE=29.970,AUDIO="audio"\n',
  );
  expect(text).toContain('GROUP-ID="audio",NAME="main",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="audio.m3u8"');
});

it('has no sound group where there is no sound, and a single rendition all the same', () => {
  const text = masterPlaylist([rendition(240, 10_000)], undefined);
  expect(text).not.toContain('AUDIO');
  expect(text).toContain('CODECS="avc1.640028",');
});
