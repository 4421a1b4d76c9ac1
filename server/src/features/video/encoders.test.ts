/**
 * There is no graphics card where these tests run. What fails is real: ffmpeg has encoders of cards, and they find none. What works is a
 * stand-in: a script in the place of ffmpeg that gives `h264_v4l2m2m` to libx264, which takes the same options.
 */
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fetchMedia, makeClip, probe, testPattern } from '../../../test/clips.ts';
import { seedSettings, seedUser } from '../../../test/seed.ts';
import { rowOf, startTestServer, temporaryFolder, textOf } from '../../../test/server.ts';
import { mediaFiles } from '../../../test/stored.ts';
import { createFfmpegTranscoder } from '../../adapters/transcoder-ffmpeg.ts';
import { BlobStoreFullError, type Transcoder } from '../../ports/index.ts';
import { createEncoders } from './encoders.ts';

const searchPath = ['/usr/local/bin', '/usr/bin', '/bin'];
const signal = new AbortController().signal;
let folder: ReturnType<typeof temporaryFolder>;
let real: Transcoder;
let cardPath: string;
let card: Transcoder;
let said: { level: string; fields: Readonly<Record<string, unknown>>; message: string }[];

beforeAll(async () => {
  folder = temporaryFolder();
  real = await createFfmpegTranscoder({ ffmpegPath: undefined, searchPath });
  cardPath = join(folder.path, 'ffmpeg');
  const broken = join(folder.path, 'broken');
  // Broken, it fails when it has written its output; the trial, which writes to a pipe, goes well all the same.
  writeFileSync(
    cardPath,
    `#!/bin/sh
hardware=
for word in "$@"; do
  shift
  [ "$word" = h264_v4l2m2m ] && { hardware=yes; word=libx264; }
  set -- "$@" "$word"
done
case "$*" in *pipe:1*) hardware= ;; esac
[ -n "$hardware" ] && [ -e '${broken}' ] && { '${real.info.ffmpeg}' "$@"; echo 'the card was lost' >&2; exit 1; }
exec '${real.info.ffmpeg}' "$@"
`,
  );
  chmodSync(cardPath, 0o755);
  card = await createFfmpegTranscoder({ ffmpegPath: cardPath, searchPath });
});
afterAll(async () => {
  await Promise.all([real.close(), card.close()]);
  folder.remove();
});
beforeEach(() => {
  said = [];
  rmSync(join(folder.path, 'broken'), { force: true });
});

const encodersOf = (transcoder: Transcoder, wanted: Parameters<typeof createEncoders>[0]['wanted']) =>
  createEncoders({
    transcoder,
    wanted,
    platform: 'linux',
    say: (level, fields, message) => said.push({ level, fields, message }),
  });

describe('the choice', () => {
  it('is libx264 where no card answers, and says why', async () => {
    const encoders = encodersOf(real, 'auto');
    expect(await Promise.all([encoders.current(), encoders.current()])).toEqual(['libx264', 'libx264']);
    expect(said).toMatchObject([{ level: 'info', fields: { encoder: 'libx264' } }]);
  });

  it('is the first that works', async () => {
    expect(await encodersOf(card, 'auto').current()).toBe('h264_v4l2m2m');
    expect(said).toMatchObject([{ level: 'info', fields: { encoder: 'h264_v4l2m2m' } }]);
  });

  it.each(['h264_v4l2m2m', 'h264_videotoolbox'] as const)(
    'warns once if %s, which was asked for, does not work',
    async (wanted) => {
      const encoders = encodersOf(real, wanted);
      expect([await encoders.current(), await encoders.current()]).toEqual(['libx264', 'libx264']);
      expect(said).toMatchObject([{ level: 'warn', fields: { wanted, reason: expect.stringMatching(/./) } }]);
      expect(said[0]?.message).toContain(`VIDEO_ENCODER: ${wanted} does not work here`);
    },
  );

  it('tries nothing where libx264 is asked for', async () => {
    const untouched = {
      run: () => Promise.reject(new Error('run')),
      capabilities: () => Promise.reject(new Error('asked')),
    };
    const encoders = createEncoders({
      transcoder: untouched,
      wanted: 'libx264',
      platform: 'linux',
      say: () => undefined,
    });
    expect(await encoders.current()).toBe('libx264');
  });

  it('is libx264 while ffmpeg does not say what it has, and is made again later', async () => {
    let asked = 0;
    const transcoder: Pick<Transcoder, 'run' | 'capabilities'> = {
      run: card.run,
      capabilities: () => {
        asked += 1;
        return asked === 1 ? Promise.reject(new Error('busy')) : card.capabilities();
      },
    };
    const encoders = createEncoders({ transcoder, wanted: 'auto', platform: 'linux', say: () => undefined });
    expect([await encoders.current(), await encoders.current()]).toEqual(['libx264', 'h264_v4l2m2m']);
  });
});

describe('an encoder of a card that fails later', () => {
  const work = (failing: readonly string[], error = new Error('lost')) => {
    const tried: string[] = [];
    return {
      tried,
      run: async (encoder: string): Promise<string> => {
        tried.push(encoder);
        if (failing.includes(encoder)) throw error;
        return encoder;
      },
    };
  };

  it('is not used again where libx264 could do what it could not', async () => {
    const encoders = encodersOf(card, 'h264_v4l2m2m');
    const first = work(['h264_v4l2m2m']);
    expect(await encoders.encode(first.run, signal)).toBe('libx264');
    expect(first.tried).toEqual(['h264_v4l2m2m', 'libx264']);
    const second = work([]);
    expect(await encoders.encode(second.run, signal)).toBe('libx264');
    expect(second.tried).toEqual(['libx264']);
    expect(said.filter(({ level }) => level === 'warn')).toMatchObject([
      { fields: { failed: 'h264_v4l2m2m', reason: 'lost' } },
    ]);
  });

  it('is not to blame for a file that libx264 cannot encode either', async () => {
    const encoders = encodersOf(card, 'h264_v4l2m2m');
    await expect(encoders.encode(work(['h264_v4l2m2m', 'libx264']).run, signal)).rejects.toThrow('lost');
    expect(await encoders.current()).toBe('h264_v4l2m2m');
    expect(said.filter(({ level }) => level === 'warn')).toEqual([]);
  });

  it('is not to blame for a full disk, nor for being stopped', async () => {
    const encoders = encodersOf(card, 'h264_v4l2m2m');
    const full = work(['h264_v4l2m2m'], new BlobStoreFullError('full'));
    await expect(encoders.encode(full.run, signal)).rejects.toThrow('full');
    const stopped = work(['h264_v4l2m2m']);
    await expect(encoders.encode(stopped.run, AbortSignal.abort())).rejects.toThrow('lost');
    expect([...full.tried, ...stopped.tried]).toEqual(['h264_v4l2m2m', 'h264_v4l2m2m']);
    expect(await encoders.current()).toBe('h264_v4l2m2m');
  });
});

it.each([false, true])(
  'a whole server converts with a card, also with one that is lost meanwhile: %s',
  async (lost) => {
    const server = await startTestServer({ ...seedSettings, FFMPEG_PATH: cardPath, VIDEO_ENCODER: 'h264_v4l2m2m' });
    try {
      const author = await seedUser(server);
      if (lost) writeFileSync(join(folder.path, 'broken'), '');
      const clip = await makeClip(server, 'webm', [...testPattern, '-c:v', 'libvpx', '-deadline', 'realtime']);
      const videoId = await server.publish(author, '', clip);
      await server.context.jobs.processAll();
      const video = rowOf(await server.call('video', { video_id: videoId }), 'video');
      expect(video['state']).toBe('ready');
      const { body } = await fetchMedia(server, textOf(video, 'play_url'));
      expect(await probe(server, body, ['-show_entries', 'stream=codec_name', '-of', 'csv=p=0'])).toBe('h264\n');
      expect((await mediaFiles(server)).filter((path) => path.includes('.staged') && path.endsWith('.mp4'))).toEqual(
        [],
      );
    } finally {
      await server.close();
    }
  },
);
