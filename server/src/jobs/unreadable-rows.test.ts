import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createJobBench, type JobBench } from '../../test/job-bench.ts';

let bench: JobBench;
beforeEach(async () => {
  bench = await createJobBench();
});
afterEach(() => bench.remove());

describe('a row that nobody understands', () => {
  it.each([
    ['a name that is none', { name: 'no.such.job', payload: '{}' }],
    ['the name of something that every object has', { name: 'constructor', payload: '{}' }],
    ['a payload of another shape', { name: 'video.cover', payload: '{"videoId":"1"}' }],
    ['a payload without what it needs', { name: 'video.cover', payload: '{}' }],
    ['a payload that is no JSON', { name: 'video.cover', payload: '{' }],
  ])('is dead at once, and kept for a person to look at: %s', async (_what, row) => {
    await bench.enqueueUnreadable({ id: 1, ...row });
    let calls = 0;
    const called = async () => {
      calls += 1;
    };
    const runner = await bench.startRunner({ 'video.cover': { run: called, gaveUp: called } });
    await runner.processAll();
    expect(await bench.row(1)).toMatchObject({ ...row, state: 'dead', attempts: 1 });
    expect((await bench.row(1))?.last_error).not.toBe(null);
    expect(calls).toBe(0);
  });
});
