/** Section 1: media addresses, and the files behind them. */
import { checksOf } from '../check.ts';
import { expect, findById, listOf, textIn } from '../expect.ts';
import type { Kit } from '../kit.ts';

/** The shared video as it is in the list of its author. */
async function shownVideo(kit: Kit, headers: Readonly<Record<string, string>> = {}) {
  const video = await kit.video();
  const reply = await kit.op('publishList', { user_id: video.author.id }, video.author.token, { headers });
  const row = findById(listOf(reply, 'video_list'), video.id);
  expect(reply, row !== undefined, `video ${video.id} in the list of its author`);
  return { reply, playUrl: textIn(reply, row, 'play_url'), coverUrl: textIn(reply, row, 'cover_url') };
}

function hostOf(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined;
  const { protocol, hostname } = new URL(url);
  return protocol === 'http:' || protocol === 'https:' ? hostname : undefined;
}

const isLoopback = (host: string): boolean => host === 'localhost' || host === '[::1]' || host.startsWith('127.');

export const mediaChecks = checksOf('calls', [
  {
    id: 'media.absolute',
    title: 'play_url and cover_url are absolute http addresses',
    why: 'The app hands them to its player as they are.',
    fix: 'Put scheme and host in front of the path: PUBLIC_URL if configured, else those of the request.',
    run: async (kit) => {
      const { reply, playUrl, coverUrl } = await shownVideo(kit);
      for (const url of [playUrl, coverUrl]) {
        expect(reply, hostOf(url) !== undefined, 'absolute http or https addresses', `this is not one: "${url}"`);
      }
    },
  },
  {
    id: 'media.host',
    title: 'media addresses use the host that was asked, not one that is written in the code',
    why: 'A phone that asked 192.168.1.20 cannot load a video from http://localhost.',
    fix: 'Build the addresses from the Host header of the request, or from a configured public address.',
    run: async (kit) => {
      const { reply, playUrl, coverUrl } = await shownVideo(kit, { host: '192.0.2.1:8080' });
      for (const url of [playUrl, coverUrl]) {
        const holds = !isLoopback(hostOf(url) ?? 'localhost');
        expect(
          reply,
          holds,
          'an address that the device that asked can reach',
          `not reachable from 192.0.2.1: "${url}"`,
        );
      }
    },
  },
  {
    id: 'media.forwarded-host',
    title: 'X-Forwarded-Host of an unknown sender does not change media addresses',
    why: 'Whoever sends the header could make the server hand out (and cache) addresses of their own site.',
    fix: 'Use X-Forwarded-* only when the sender is a proxy that is configured as trusted. (Is the kit’s own address trusted? Then this cannot hold.)',
    run: async (kit) => {
      const { reply, playUrl, coverUrl } = await shownVideo(kit, { 'x-forwarded-host': 'elsewhere.example' });
      for (const url of [playUrl, coverUrl]) {
        expect(reply, hostOf(url) !== 'elsewhere.example', 'X-Forwarded-Host to be ignored', `it was used: "${url}"`);
      }
    },
  },
  {
    id: 'media.play',
    fault: 'missing-media',
    title: 'play_url leads to the video: HTTP 200, video/*, an MP4',
    why: 'A video in the feed that does not play is a black screen.',
    fix: 'Serve the stored file under exactly the address in play_url, with Content-Type video/mp4.',
    run: async (kit) => {
      const file = await kit.file((await shownVideo(kit)).playUrl);
      const type = file.headers['content-type'] ?? 'missing';
      expect(file, file.status === 200, 'HTTP 200: the file exists');
      expect(file, type.startsWith('video/'), 'Content-Type: video/mp4', `Content-Type is ${type}`);
      const isMp4 = file.bytes.subarray(4, 8).toString('latin1') === 'ftyp';
      expect(file, isMp4, 'the bytes of an MP4 file, which begin with an "ftyp" box');
    },
  },
  {
    id: 'media.cover',
    fault: 'missing-media',
    title: 'cover_url leads to a picture: HTTP 200, image/*',
    why: 'The app draws covers in lists; a missing one leaves a hole.',
    fix: 'Make the picture before you answer the upload, or serve a placeholder under that address until it is there.',
    run: async (kit) => {
      const file = await kit.file((await shownVideo(kit)).coverUrl);
      const type = file.headers['content-type'] ?? 'missing';
      expect(file, file.status === 200, 'HTTP 200: the picture exists');
      expect(file, type.startsWith('image/') && file.bytes.length > 100, 'a picture', `Content-Type is ${type}`);
    },
  },
  {
    id: 'media.feed-files',
    fault: 'missing-media',
    title: 'files and covers of the videos in the feed exist',
    why: 'A row without its file makes the feed stop at a black screen.',
    fix: 'Write the row only after the file is stored, and delete the row before the file.',
    run: async (kit) => {
      const feed = await kit.op('feed');
      for (const row of listOf(feed, 'video_list').slice(0, 5)) {
        for (const name of ['play_url', 'cover_url']) {
          const url = textIn(feed, row, name);
          expect(feed, hostOf(url) !== undefined, `"${name}" to be an absolute address`, `it is "${url}"`);
          const file = await kit.file(url, { range: 'bytes=0-99' });
          expect(file, file.status === 206 || file.status === 200, `a file behind "${name}" of a video in the feed`);
        }
      }
    },
  },
  {
    id: 'media.range',
    title: 'parts of a video are served: Range is answered with 206 and these bytes',
    why: 'Players seek with Range; iOS plays nothing without it.',
    fix: 'Serve files with http.ServeContent or http.ServeFile (or from the object store), which do this.',
    run: async (kit) => {
      const { playUrl } = await shownVideo(kit);
      const whole = await kit.file(playUrl);
      const part = await kit.file(playUrl, { range: 'bytes=100-199' });
      const range = part.headers['content-range'] ?? 'missing';
      const wanted = `HTTP 206, Content-Range: bytes 100-199/${whole.bytes.length} and 100 bytes`;
      const holds = part.status === 206 && range === `bytes 100-199/${whole.bytes.length}`;
      expect(part, holds, wanted, `HTTP ${part.status}, Content-Range: ${range}`);
      expect(part, part.bytes.equals(whole.bytes.subarray(100, 200)), 'the bytes 100 to 199 of the whole file');
    },
  },
]);
