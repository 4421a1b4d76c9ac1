import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../test/server.ts';
import { transcoderConformance } from '../ports/transcoder.conformance.ts';
import { createFfmpegTranscoder } from './transcoder-ffmpeg.ts';

const searchPath = ['/usr/local/bin', '/usr/bin', '/bin'];

describe('as a transcoder', () => {
  transcoderConformance(() => createFfmpegTranscoder({ ffmpegPath: undefined, searchPath, mediaPriority: 'normal' }));
});

describe('which ffmpeg is taken', () => {
  let folder: ReturnType<typeof temporaryFolder>;
  beforeEach(() => {
    folder = temporaryFolder();
  });
  afterEach(() => folder.remove());

  const program = (name: string, text: string, mode = 0o755): string => {
    const path = join(folder.path, name);
    writeFileSync(path, `#!/bin/sh\n${text}\n`);
    chmodSync(path, mode);
    return path;
  };
  const says = (name: string, version: string): string => program(name, `echo "${name} version ${version} Copyright"`);
  const infoOf = async (ffmpegPath: string | undefined, folders = [folder.path]) => {
    const transcoder = await createFfmpegTranscoder({ ffmpegPath, searchPath: folders });
    await transcoder.close();
    return transcoder.info;
  };

  it('takes the configured one with the ffprobe beside it', async () => {
    const [ffmpeg, ffprobe] = [says('ffmpeg', '9.1-mine'), says('ffprobe', '9.1-mine')];
    expect(await infoOf(ffmpeg, searchPath)).toMatchObject({
      ffmpeg,
      ffprobe,
      source: 'configured',
      version: '9.1-mine',
    });
  });

  it('takes another ffprobe when there is none beside the configured one', async () => {
    const ffmpeg = says('ffmpeg', '9.1');
    const { ffprobe, source } = await infoOf(ffmpeg, searchPath);
    expect(source).toBe('configured');
    expect(ffprobe).not.toBe(join(folder.path, 'ffprobe'));
  });

  it('names the setting when the configured one does not run', async () => {
    const broken = [
      join(folder.path, 'nothing'),
      program('fails', 'exit 1'),
      program('not-executable', 'echo ffmpeg version 1', 0o644),
      folder.path,
    ];
    for (const path of broken) await expect(infoOf(path)).rejects.toThrow(`FFMPEG_PATH: ${path} is not an ffmpeg`);
  });

  it('takes the first of the system that is there', async () => {
    const [ffmpeg, ffprobe] = [says('ffmpeg', '7.0'), says('ffprobe', '7.0')];
    const info = await infoOf(undefined, [join(folder.path, 'none'), folder.path, ...searchPath]);
    expect(info).toMatchObject({ ffmpeg, ffprobe, source: 'system', version: '7.0' });
  });

  it('takes the build that npm brings along when the system has none that runs', async () => {
    program('ffmpeg', 'exit 1');
    says('ffprobe', '7.0');
    const info = await infoOf(undefined);
    expect(info.source).toBe('bundled');
    expect(existsSync(info.ffmpeg) && existsSync(info.ffprobe)).toBe(true);
  });
});
