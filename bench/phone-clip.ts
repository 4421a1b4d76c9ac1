/**
 * Videos as phones record them. They are synthetic, made by ffmpeg's generators, so that anyone has the same ones: a still of
 * noise in five sizes (its detail falls off with frequency, as that of photographs does), with edges, over which a camera
 * pans and shakes, a figure that moves before it, and on each picture light noise, as sensors give. The noise is chosen so
 * that x264 at CRF 23, veryfast, needs 3.6 Mbit/s for it (measured), within the 3 to 5 that is usual for 1080p
 * footage of phones; what it lacks are moments that are hardly anything (a wall, a night sky) and such as are too much (water, confetti).
 *
 * The scene lasts six seconds and is then repeated without being encoded again: no encoder looks that far back, and the clip
 * is there in a fifth of the time.
 */
import { once } from 'node:events';
import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { Resources } from './resources.ts';

const frame = { width: 1_080, height: 1_920, perSecond: 30 } as const;
/** Around the frame there is room for the camera to move. */
const still = { width: 1_440, height: 2_560 } as const;
const sceneSeconds = 6;
const encodeTimeoutMs = 300_000;
/** Standard deviation of the noise, in steps of 8 bits. */
const sensorNoise = 6;

const x264 = ['-c:v', 'libx264', '-preset', 'veryfast', '-profile:v', 'high', '-bf', '0', '-g', '30'];
const rate = (bitsPerSecond: number): string[] => [
  ...['-b:v', String(bitsPerSecond), '-maxrate', String(bitsPerSecond * 1.3), '-bufsize', String(bitsPerSecond)],
];

/** What phones' encoders do: a key frame each second, no pictures that look ahead, a steady rate. */
const kinds = {
  /** 1080 × 1920, H.264 High at 14 Mbit/s. */
  h264: { filters: '', encoder: [...x264, ...rate(14_000_000)] },
  /** 1080 × 1920, HEVC at 8 Mbit/s. */
  hevc: {
    filters: '',
    encoder: [
      ...['-c:v', 'libx265', '-preset', 'ultrafast', '-tag:v', 'hvc1', ...rate(8_000_000)],
      ...['-x265-params', 'keyint=30:min-keyint=30:bframes=0:open-gop=0:log-level=error'],
    ],
  },
  /** 720 × 1280, H.264 at 1.2 Mbit/s: what a messenger made of it. */
  small: { filters: ',scale=720:1280', encoder: [...x264, ...rate(1_200_000)] },
} as const;
export type ClipKind = keyof typeof kinds;

/** How long a clip is that is measured with. */
export const clipSeconds = (quick: boolean, full: number): number => (quick ? 2 : full);

/** An MP4 of so many seconds with AAC sound, made once in a run of the bench. */
export async function phoneClip(
  resources: Resources,
  ffmpeg: string,
  kind: ClipKind,
  seconds: number,
): Promise<string> {
  const path = join(resources.sharedRoot, `phone-${kind}-${seconds}.mp4`);
  if (existsSync(path)) return path;
  const folder = resources.folder('phone');
  const scene = await makeScene(resources, ffmpeg, kind, Math.min(seconds, sceneSeconds));
  const whole = join(folder, 'clip.mp4');
  await run(resources, ffmpeg, [
    ...['-stream_loop', String(Math.ceil(seconds / sceneSeconds) - 1), '-i', scene],
    ...['-f', 'lavfi', '-i', 'sine=frequency=300:sample_rate=48000,tremolo=f=4:d=0.7'],
    ...['-f', 'lavfi', '-i', 'anoisesrc=color=pink:amplitude=0.1:sample_rate=48000:seed=1'],
    ...['-filter_complex', '[1][2]amix=inputs=2,aformat=channel_layouts=stereo[a]', '-map', '0:v', '-map', '[a]'],
    ...['-t', String(seconds), '-c:v', 'copy', '-c:a', 'aac', '-b:a', '128k', whole],
  ]);
  renameSync(whole, path);
  return path;
}

async function makeScene(resources: Resources, ffmpeg: string, kind: ClipKind, seconds: number): Promise<string> {
  const path = join(resources.sharedRoot, `scene-${kind}-${seconds}.mp4`);
  if (existsSync(path)) return path;
  const { filters, encoder } = kinds[kind];
  const unfinished = join(resources.folder('phone'), 'scene.mp4');
  await run(resources, ffmpeg, [
    ...['-filter_complex', `${sceneGraph()},format=yuv420p${filters}[v]`, '-map', '[v]', '-t', String(seconds)],
    ...[...encoder, '-pix_fmt', 'yuv420p', unfinished],
  ]);
  renameSync(unfinished, path);
  return path;
}

async function run(resources: Resources, ffmpeg: string, args: readonly string[]): Promise<void> {
  const child = resources.spawn(ffmpeg, ['-hide_banner', '-nostdin', '-v', 'error', '-y', ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: encodeTimeoutMs,
    killSignal: 'SIGKILL',
  });
  const [exitCode] = await once(child, 'exit');
  if (exitCode !== 0) throw new Error(`ffmpeg made no clip (${exitCode ?? 'killed'})`);
}

/** The scene as one chain of filters without a name at its end. */
function sceneGraph(): string {
  const { width, height } = still;
  /** Noise of so many cells, spread over the still; drawn once. */
  const cells = (name: string, [columns, rows]: readonly [number, number], strength: number, seed: number): string => {
    const plane = name.startsWith('c') ? `${width / 2}:${height / 2}` : `${width}:${height}`;
    return `color=c=gray:s=${columns}x${rows}:r=${frame.perSecond},format=gray,noise=all_seed=${seed}:alls=${strength},trim=end_frame=1,scale=${plane}:flags=bicubic,setsar=1[${name}]`;
  };
  const held = `loop=loop=-1:size=1,setpts=N/${frame.perSecond}/TB`;
  const noise = `noise=c0s=${sensorNoise}:c0f=t:c1s=3:c1f=t:c2s=3:c2f=t:all_seed=9`;
  const ellipse = `if(lt(pow((X-210)/205,2)+pow((Y-350)/345,2),1),255,0)`;
  return [
    cells('l1', [9, 16], 100, 11),
    cells('l2', [27, 48], 100, 2),
    cells('l3', [81, 144], 100, 3),
    cells('l4', [243, 432], 100, 4),
    cells('l5', [720, 1280], 100, 5),
    cells('cb', [5, 9], 25, 6),
    cells('cr', [6, 10], 25, 7),
    // Edges: what is smooth, in steps.
    `[l1][l2]mix=inputs=2:weights=3 2,eq=contrast=1.8,split[smooth][stepped]`,
    `[stepped]lutyuv=y='floor(val/32)*32+16',gblur=0.7[edges]`,
    `[smooth][edges][l3][l4][l5]mix=inputs=5:weights=3 12 4 2.5 2,eq=contrast=1.6,format=gray[luma]`,
    `[luma][cb][cr]mergeplanes=0x001020:yuv420p,split[scene][patch]`,
    `[patch]crop=420:700:x=300:y=1500,format=yuva420p,geq=lum='lum(X,Y)':cb='cb(X,Y)':cr='cr(X,Y)':a='${ellipse}',${held}[figure]`,
    `[scene]${held},crop=w=1160:h=2000:x='140+120*sin(t*0.7)+16*sin(t*5.3)':y='280+220*sin(t*0.43)+16*sin(t*7.1)',` +
      `rotate=a='0.012*sin(t*1.9)+0.004*sin(t*8)':c=gray,crop=${frame.width}:${frame.height}[view]`,
    `[view][figure]overlay=x='330+240*sin(t*1.3)':y='700+300*sin(t*0.9)',${noise}`,
  ].join(';');
}
