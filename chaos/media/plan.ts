/** At which moments of a video's way from its upload to what is played somebody is killed, and who. Pure. */
import { Random } from '../random.ts';

/** In their order: what is under way when the blow falls. */
export const stages = [
  'upload',
  'probe',
  'cover',
  'publishing',
  'loudness',
  'renditions',
  'play',
  'pictures',
  'promotion',
  'committed',
] as const;
export type Stage = (typeof stages)[number];

/** The process that answers, the one that works in the background, or the ffmpeg or ffprobe that runs. */
export type Victim = 'server' | 'worker' | 'tool';
/** One that is visible at once, as it came, and one that has to be converted first. */
export type ClipKind = 'playable' | 'foreign';

export type Point = {
  readonly number: number;
  readonly stage: Stage;
  readonly victim: Victim;
  readonly clip: ClipKind;
  /** From the beginning of the stage to the blow, in milliseconds; of an upload, see {@link sentShare}. */
  readonly delayMs: number;
  /** How much of an upload has been sent. */
  readonly sentShare: number;
};

/** About as long as each stage lasts, so that blows fall anywhere in it. */
const lastsMs: Readonly<Record<Stage, number>> = {
  upload: 0,
  probe: 60,
  cover: 150,
  publishing: 20,
  loudness: 100,
  renditions: 1_500,
  play: 80,
  pictures: 250,
  promotion: 60,
  committed: 100,
};

const stagesOf: Readonly<Record<Victim, readonly Stage[]>> = {
  server: stages,
  worker: ['loudness', 'renditions', 'play', 'pictures', 'promotion', 'committed'],
  tool: ['probe', 'cover', 'loudness', 'renditions', 'play', 'pictures'],
};

const victimsOf: Readonly<Record<'embedded' | 'production', readonly Victim[]>> = {
  embedded: ['server', 'tool'],
  production: ['worker', 'server', 'tool'],
};

/** `count` points, spread over victims and over their stages, which come in a random order. */
export function planPoints(mode: 'embedded' | 'production', seed: number, count: number): Point[] {
  const random = Random.for(seed, `media ${mode}`);
  const victims = victimsOf[mode];
  const left = new Map<Victim, Stage[]>();
  return Array.from({ length: count }, (_, number) => {
    const victim = victims[number % victims.length] ?? 'server';
    const before = left.get(victim) ?? [];
    const [stage = 'upload', ...rest] = before.length > 0 ? before : random.shuffled(stagesOf[victim]);
    left.set(victim, rest);
    return {
      number: number + 1,
      stage,
      victim,
      clip: random.chance(0.5) ? 'playable' : 'foreign',
      delayMs: Math.round(random.between(0, 1) * lastsMs[stage]),
      sentShare: random.between(0.05, 0.95),
    };
  });
}
