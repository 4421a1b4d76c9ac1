/** The real ffmpeg behind a gate: a test closes it to look at what is there while a conversion or a cover takes long. */
import { chmodSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createFfmpegTranscoder } from '../src/adapters/transcoder-ffmpeg.ts';
import { temporaryFolder } from './server.ts';

/**
 * Encoding (`conversions`) waits until let go, or finds the file to be broken (`refusals`); `covers` never come, they are waited for until their time is up; `pictures` are none that
 * could be decoded; `crashes` end conversions, `full` ends them as a full disk does, and `signals` as Ctrl-C does; `probes` of
 * a file that is there already, in no common container, are killed, as are those of `uploads` that have just come,
 * and `looks` at any never end.
 */
export type Held =
  | 'conversions'
  | 'refusals'
  | 'covers'
  | 'pictures'
  | 'crashes'
  | 'full'
  | 'signals'
  | 'probes'
  | 'looks'
  | 'uploads';

export type HeldFfmpeg = {
  /** For `FFMPEG_PATH`. */
  readonly path: string;
  hold(what: Held): void;
  letGo(what: Held): void;
  remove(): void;
};

export async function createHeldFfmpeg(): Promise<HeldFfmpeg> {
  const real = await createFfmpegTranscoder({
    ffmpegPath: undefined,
    searchPath: ['/usr/local/bin', '/usr/bin', '/bin'],
  });
  const folder = temporaryFolder();
  const path = join(folder.path, 'ffmpeg');
  const gate = (what: Held): string => join(folder.path, what);
  // `exec`, so that what is killed is the program that holds the pipes and not a shell before it.
  const ffmpeg = `#!/bin/sh
case "$*" in
  *tile=*) ;;
  *'-c:v mjpeg'*)
    [ -e '${gate('pictures')}' ] && exit 1
    [ -e '${gate('covers')}' ] && exec sleep 60 ;;
  *libx264*)
    [ -e '${gate('refusals')}' ] && exit 1
    [ -e '${gate('crashes')}' ] && kill -9 $$
    [ -e '${gate('full')}' ] && { echo 'av_interleaved_write_frame(): No space left on device' >&2; exit 1; }
    [ -e '${gate('signals')}' ] && exit 255
    while [ -e '${gate('conversions')}' ]; do sleep 0.02; done ;;
esac
exec '${real.info.ffmpeg}' "$@"
`;
  const ffprobe = `#!/bin/sh
[ -e '${gate('looks')}' ] && exec sleep 60
case "$*" in
  *.webm*) [ -e '${gate('probes')}' ] && kill -9 $$ ;;
  *.part*) [ -e '${gate('uploads')}' ] && kill -9 $$ ;;
esac
exec '${real.info.ffprobe}' "$@"
`;
  for (const [file, text] of [
    [path, ffmpeg],
    [join(folder.path, 'ffprobe'), ffprobe],
  ] as const) {
    writeFileSync(file, text);
    chmodSync(file, 0o755);
  }
  return {
    path,
    hold: (what) => writeFileSync(gate(what), ''),
    letGo: (what) => {
      if (!existsSync(gate(what))) throw new Error(`${what} are not held`);
      rmSync(gate(what));
    },
    remove: () => folder.remove(),
  };
}
