/** Sees from outside how far a site is with a video: by the tools that run for it, and by its tables. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { ServerProcess } from '../server-process.ts';
import type { System } from '../system.ts';
import type { Stage } from './plan.ts';
import { findJobs, findVideos } from './rows.ts';

export type Tool = { readonly pid: number; readonly stage: Stage; readonly of: ServerProcess };

/** What tells the runs of ffmpeg apart, the first that is there. */
const marks: readonly (readonly [mark: string, stage: Stage])[] = [
  ['ebur128', 'loudness'],
  ['libx264', 'renditions'],
  ['tile=', 'pictures'],
  ['mjpeg', 'cover'],
  ['libwebp', 'pictures'],
  ['+faststart', 'play'],
];

/** Of /proc; empty when the process is gone. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** ffmpeg and ffprobe as far as our processes run them. */
export function toolsOf({ processes }: Pick<System, 'processes'>): Tool[] {
  return processes.flatMap((of) =>
    read(`/proc/${of.pid}/task/${of.pid}/children`)
      .split(' ')
      .flatMap((pid) => {
        const [program = '', ...args] = pid === '' ? [] : read(`/proc/${pid}/cmdline`).split('\0');
        const stage = stageOf(basename(program), args.join(' '));
        return stage === undefined ? [] : [{ pid: Number(pid), stage, of }];
      }),
  );
}

function stageOf(program: string, args: string): Stage | undefined {
  if (program === 'ffprobe') return 'probe';
  return program === 'ffmpeg' ? marks.find(([mark]) => args.includes(mark))?.[1] : undefined;
}

/** Resolves to whether the video has come to this stage; `known` are the promotions that were under way before it. */
export async function hasReached(
  system: System,
  stage: Stage,
  title: string,
  known: ReadonlySet<string>,
): Promise<boolean> {
  const { query } = system.tables;
  switch (stage) {
    case 'committed':
      return (await findVideos(query)).some((video) => video.title === title && video.prepared);
    case 'publishing':
    case 'promotion': {
      // A video comes with two files at most; what is made of it is many.
      const many = stage === 'promotion';
      const jobs = await findJobs(query);
      return jobs.some(({ isIntent, id, keys }) => isIntent && !known.has(id) && keys.length > 2 === many);
    }
    case 'upload':
      return true;
    default:
      return toolsOf(system).some((tool) => tool.stage === stage);
  }
}
