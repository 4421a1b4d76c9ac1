import { describe, expect, it } from 'vitest';
import { idleMs, stepOf, type ToolRun } from './tool-watch.ts';

const run = (command: string, startedAt = 0, endedAt = 1): ToolRun => ({
  command: command.split(' '),
  startedAt,
  endedAt,
});

describe('what the tools of a server were seen to do', () => {
  it('is told by their commands', () => {
    expect(stepOf(run('/usr/bin/ffprobe -v error file:x'))).toBe('ffprobe');
    expect(stepOf(run('ffmpeg -i file:x -c:v libx264 -y file:y -c:a aac -y file:z'))).toBe('ladder');
    expect(stepOf(run('ffmpeg -i file:x -af ebur128=peak=sample -f null -'))).toBe('loudness');
    expect(stepOf(run('ffmpeg -i file:x -vf fps=1,tile=10x3 -c:v mjpeg file:y'))).toBe('thumbnails and preview');
    expect(stepOf(run('ffmpeg -i file:x -c copy -f mp4 -y file:y'))).toBe('MP4 without HLS');
    expect(stepOf(run('ffmpeg -version'))).toBe('others');
  });

  it('leaves as idle what no tool covers, however they overlap', () => {
    const runs = [run('a', 20, 40), run('b', 10, 30), run('c', 60, 70)];
    expect(idleMs(runs, 0, 100)).toBe(10 + 20 + 30);
    expect(idleMs(runs, 15, 65)).toBe(20);
    expect(idleMs([], 0, 5)).toBe(5);
  });
});
