/** What becomes of frames that are not taken. The tool is played: nobody could tell the real one when to be slow. */
import { expect, it } from 'vitest';
import { sampleSidePixels } from '../../media/index.ts';
import type { ToolResult } from '../../ports/index.ts';
import { coverAtOnceMs, coverInJobMs, createCoverMaker } from './cover-maker.ts';

const ended = { stdout: Buffer.alloc(0), stderrTail: '' };
const black: ToolResult = { ...ended, end: 'exit', exitCode: 0, stdout: Buffer.alloc(sampleSidePixels ** 2 * 3) };
const late: ToolResult = { ...ended, end: 'timeout', exitCode: null };

/** Asks for a cover of a video whose first frame is black and whose second comes too late; also tells which files are left. */
async function coverOf(budgetMs: number): Promise<{ readonly made: string | undefined; readonly left: string[] }> {
  const results = [black, late];
  const left = new Set<string>();
  const covers = createCoverMaker({
    transcoder: { run: async () => results.shift() ?? late },
    blobs: {
      scratchPath: () => {
        const path = `frame ${left.size}`;
        left.add(path);
        return path;
      },
      discardScratch: async (path) => void left.delete(path),
      adopt: async (path) => {
        const nothing = async (): Promise<void> => undefined;
        return { path, sizeBytes: 1, sha256: '', promote: nothing, discard: nothing };
      },
    },
  });
  const made = await covers.make('video.mp4', { videoIndex: 0, durationMs: 60_000 }, budgetMs);
  return { made: made?.staged.path, left: [...left] };
}

it('leaves a black frame to a job while somebody waits, and no file of it', async () => {
  expect(await coverOf(coverAtOnceMs)).toEqual({ made: undefined, left: [] });
});

it('takes the black frame where there was time for more', async () => {
  expect(await coverOf(coverInJobMs)).toEqual({ made: 'frame 0', left: ['frame 0'] });
});
