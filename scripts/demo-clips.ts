/**
 * Makes the clips of the demo account with ffmpeg's own generators: every pixel and every tone is a formula, so there is no
 * right of anybody in them. Run it by hand (`node scripts/demo-clips.ts`) after a change; the clips are in the repository.
 */
import { execFileSync } from 'node:child_process';
import { renameSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = new URL('../server/demo/', import.meta.url);
const seconds = 6;
/** Formulas are written for 270 × 480 pixels, computed for a quarter of them and scaled up smoothly: that saves minutes. */
const drawn = '135x240';
const shown = '540:960';
const framesPerSecond = 25;
const atDrawnSize = (formula: string): string => formula.replace(/\b[XYWH]\b/g, '(2*$&)');

type Clip = {
  readonly name: string;
  /** Red, green and blue of a pixel as ffmpeg expressions of X, Y (pixels), W, H and T (seconds). */
  readonly red: string;
  readonly green: string;
  readonly blue: string;
  /** Loudness at `t` (seconds), -1 to 1, for the left and the right side. */
  readonly sound: readonly [string, string];
};

/** One of the layers of water: 1 below its moving line, 0 above, soft at the edge. */
const water = (level: number, height: number, length: number, speed: number): string =>
  `clip((Y-H*${level}-${height}*sin(X/${length}+T*${speed})-${height / 2}*sin(X/${length * 0.43}-T*${speed * 0.7}))/3,0,1)`;
/** Mixes a ground and layers over it, each `[expression 0 to 1, value]`. */
const layered = (ground: string, ...layers: readonly (readonly [string, number])[]): string =>
  layers.reduce((below, [share, value]) => `lerp(${below},${value},${share})`, ground);

const sun = 'clip((52-hypot(X-W*0.5,Y-H*0.36-8*sin(T*0.5)))/2,0,1)';
const waves = [water(0.5, 9, 46, 0.9), water(0.6, 11, 57, 1.2), water(0.72, 13, 69, 1.5), water(0.86, 15, 83, 1.8)];
const tide = (sky: string, sunValue: number, layers: readonly number[]): string =>
  layered(sky, [sun, sunValue], ...waves.map((share, i) => [share, layers[i] ?? 0] as const));

const radius = 'hypot(X-W/2,Y-H/2)';
const angle = 'atan2(Y-H/2,X-W/2)';
/** A ring of petals: 1 inside, soft at the edge. */
const petals = (count: number, size: number, turn: number): string =>
  `clip((${size}*(0.62+0.38*cos(${count}*(${angle}+T*${turn})))*(1+0.05*sin(T*2))-${radius})/3,0,1)`;
const rings = [petals(8, 126, 0.2), petals(8, 96, -0.26), petals(6, 68, 0.34), petals(6, 42, -0.4)];
const bloom = (ground: string, layers: readonly number[]): string =>
  layered(ground, ...rings.map((share, i) => [share, layers[i] ?? 0] as const), [
    `clip((16-${radius})/3,0,1)`,
    layers[4] ?? 0,
  ]);

/** A curtain of light: brightest along a line that sways, fading upwards and downwards. */
const curtain = (at: number, width: number, speed: number, phase: number): string =>
  `exp(-pow((X-W*${at}-26*sin(Y/70+T*${speed}+${phase})-10*sin(Y/23-T*${speed * 1.7}))/${width},2))*exp(-pow((Y-H*0.4)/(H*0.34),2))*(0.75+0.25*sin(T*1.3+${phase}))`;
const curtains = [curtain(0.3, 26, 0.8, 0), curtain(0.55, 34, 0.6, 2), curtain(0.8, 22, 0.9, 4)];
const stars =
  '160*gt(mod(sin(floor(X/2)*127.1+floor(Y/2)*311.7)*43758.5453,1),0.9975)*lt(Y,H*0.8)*(0.6+0.4*sin(T*3+X))';
const hill = 'clip((Y-H*0.86-14*sin(X/40)-7*sin(X/17+1))/2,0,1)';
const aurora = (sky: string, colours: readonly number[]): string =>
  layered(`${sky}+${stars}+${curtains.map((one, i) => `${colours[i] ?? 0}*${one}`).join('+')}`, [hill, 6]);

/** A tone that begins at `at`, rings and fades. */
const pluck = (hertz: number, at: number): string =>
  `gte(t,${at})*0.22*exp(-2.6*(t-${at}))*(sin(2*PI*${hertz}*(t-${at}))+0.35*sin(4*PI*${hertz}*(t-${at})))`;
const melody = (tones: readonly number[], every: number, from: number): string =>
  tones.map((hertz, i) => pluck(hertz, from + i * every)).join('+');
/** A chord that swells and sinks. */
const pad = (tones: readonly number[], phase: number): string =>
  `0.11*(${tones.map((hertz, i) => `sin(2*PI*${hertz}*t+${i})`).join('+')})*(0.6+0.4*sin(2*PI*t/6+${phase}))`;
const surf = (phase: number): string =>
  `0.5*(random(${phase})-0.5)*pow(0.5+0.5*sin(2*PI*t/3+${phase}),2)+0.08*(sin(2*PI*110*t)+sin(2*PI*164.81*t))`;

const clips: readonly Clip[] = [
  {
    name: 'tide',
    red: tide('40+190*Y/H', 255, [74, 44, 24, 10]),
    green: tide('50+95*Y/H', 226, [124, 96, 68, 40]),
    blue: tide('120+20*Y/H', 178, [158, 138, 112, 78]),
    sound: [surf(1), surf(2)],
  },
  {
    name: 'bloom',
    red: bloom('30+26*Y/H', [120, 190, 250, 255, 255]),
    green: bloom('16+20*Y/H', [40, 66, 120, 190, 240]),
    blue: bloom('54+40*Y/H', [130, 140, 138, 130, 170]),
    sound: [
      melody([261.63, 329.63, 392, 523.25, 440, 392, 329.63, 293.66], 0.7, 0.1),
      melody([196, 261.63, 246.94, 220], 1.4, 0.1),
    ],
  },
  {
    name: 'aurora',
    red: aurora('6+10*Y/H', [40, 120, 150]),
    green: aurora('10+22*Y/H', [210, 120, 60]),
    blue: aurora('30+26*Y/H', [140, 190, 180]),
    sound: [pad([110, 164.81, 220, 277.18], 0), pad([82.41, 164.81, 246.94, 329.63], 1)],
  },
];

for (const { name, red, green, blue, sound } of clips) {
  const picture = [
    `color=black:size=${drawn}:rate=${framesPerSecond}:duration=${seconds}`,
    'format=gbrp',
    atDrawnSize(`geq=r='clip(${red},0,255)':g='clip(${green},0,255)':b='clip(${blue},0,255)'`),
    `scale=${shown}:flags=bicubic`,
    'format=yuv420p',
  ].join(',');
  const fade = `afade=in:duration=0.4,afade=out:start_time=${seconds - 0.8}:duration=0.8,lowpass=f=3200`;
  const audio = `aevalsrc=exprs='${sound.join('|')}':sample_rate=44100:duration=${seconds},${fade}`;
  const target = fileURLToPath(new URL(`${name}.mp4`, folder));
  const unfinished = `${target}.part`;
  execFileSync(
    'ffmpeg',
    [
      ...['-v', 'error', '-f', 'lavfi', '-i', picture, '-f', 'lavfi', '-i', audio],
      ...['-c:v', 'libx264', '-profile:v', 'high', '-preset', 'veryslow', '-crf', '23', '-g', '60'],
      ...[
        '-c:a',
        'aac',
        '-b:a',
        '96k',
        '-fflags',
        '+bitexact',
        '-movflags',
        '+faststart',
        '-f',
        'mp4',
        '-y',
        unfinished,
      ],
    ],
    { stdio: 'inherit' },
  );
  renameSync(unfinished, target);
  console.log(`made ${target}`);
}
