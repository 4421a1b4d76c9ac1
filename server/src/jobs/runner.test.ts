import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createJobBench, type JobBench } from '../../test/job-bench.ts';
import { outboxStore } from '../store/index.ts';
import { type JobContext, jobDefinitions } from './index.ts';

let bench: JobBench;
beforeEach(async () => {
  bench = await createJobBench();
});
afterEach(async () => {
  vi.useRealTimers();
  await bench.remove();
});

const waiting = { timeout: 10_000, interval: 2 } as const;
const failing = (runs: number[]) => ({
  run: async ({ videoId }: { videoId: number }) => {
    runs.push(videoId);
    throw new Error('it does not work');
  },
});

describe('a job that works', () => {
  it('runs once, with its payload, and leaves no row', async () => {
    const got: unknown[] = [];
    const runner = await bench.startRunner({ 'video.cover': { run: async (payload) => void got.push(payload) } });
    await bench.enqueue('video.cover', { videoId: 7 });
    await runner.processAll();
    expect(got).toEqual([{ videoId: 7 }]);
    expect(await bench.rows()).toEqual([]);
    expect(bench.logged).toEqual([]);
  });

  it('waits until it is due', async () => {
    const got: number[] = [];
    const runner = await bench.startRunner({ 'video.cover': { run: async ({ videoId }) => void got.push(videoId) } });
    await bench.enqueue('video.cover', { videoId: 1 }, { delayMs: 60_000 });
    await runner.processAll();
    await bench.later(runner, 59_999);
    expect(got).toEqual([]);
    await bench.later(runner, 1);
    expect(got).toEqual([1]);
  });

  it('is waited for however slow its real work is', async () => {
    const file = join(dirname(bench.store.path), 'work');
    let done = 0;
    const runner = await bench.startRunner({
      'blobs.erase': {
        run: async ({ ownerId }) => {
          for (let round = 0; round < 10; round += 1) {
            await writeFile(`${file}${ownerId}`, String(round));
            await readFile(`${file}${ownerId}`);
            await setImmediate();
          }
          done += 1;
        },
      },
    });
    for (let ownerId = 1; ownerId <= 20; ownerId += 1) await bench.enqueue('blobs.erase', { owner: 'video', ownerId });
    await runner.processAll();
    expect(done).toBe(20);
  });

  it('may add others: all of them are waited for', async () => {
    const got: number[] = [];
    const runner = await bench.startRunner({
      'video.cover': {
        run: async ({ videoId }) => {
          got.push(videoId);
          if (videoId < 5) await bench.enqueue('video.cover', { videoId: videoId + 1 });
        },
      },
    });
    await bench.enqueue('video.cover', { videoId: 1 });
    await runner.processAll();
    expect(got).toEqual([1, 2, 3, 4, 5]);
  });
});

describe('a job that fails', () => {
  it('is tried again, after a wait that doubles', async () => {
    const runs: number[] = [];
    const runner = await bench.startRunner({ 'video.erase': failing(runs) });
    const id = await bench.enqueue('video.erase', { videoId: 1 });
    await runner.processAll();
    for (const [attempts, waitMs] of [
      [1, 500],
      [2, 1_000],
      [3, 2_000],
      [4, 4_000],
    ] as const) {
      expect(await bench.row(id)).toMatchObject({
        attempts,
        state: 'pending',
        run_at: bench.clock.now() + waitMs,
        lease_until: null,
        last_error: 'it does not work',
      });
      await bench.later(runner, waitMs - 1);
      expect(runs.length).toBe(attempts);
      await bench.later(runner, 1);
      expect(runs.length).toBe(attempts + 1);
    }
  });

  it('waits at most ten minutes', async () => {
    const runner = await bench.startRunner({ 'cache.delete': { run: () => Promise.reject(new Error('down')) } });
    const id = await bench.enqueue('cache.delete', { keys: [] });
    await runner.processAll();
    for (let attempt = 1; attempt < 15; attempt += 1) await bench.later(runner, 600_000);
    expect(await bench.row(id)).toMatchObject({ attempts: 15, run_at: bench.clock.now() + 600_000 });
  });

  it('is dead after its last attempt, says so once, and is never tried again', async () => {
    const { maxAttempts } = jobDefinitions['video.cover'];
    const runs: number[] = [];
    const gaveUp: unknown[] = [];
    const runner = await bench.startRunner({
      'video.cover': { ...failing(runs), gaveUp: async (payload) => void gaveUp.push(payload) },
    });
    const id = await bench.enqueue('video.cover', { videoId: 1 });
    await runner.processAll();
    for (let attempt = 0; attempt < maxAttempts + 5; attempt += 1) await bench.later(runner, 600_000);
    expect(runs.length).toBe(maxAttempts);
    expect(gaveUp).toEqual([{ videoId: 1 }]);
    expect(await bench.row(id)).toMatchObject({ state: 'dead', attempts: maxAttempts, last_error: 'it does not work' });
    expect(bench.logged.filter((message) => message === 'job given up').length).toBe(1);
  });

  it('is not dead before it could say so', async () => {
    let broken = true;
    let gaveUp = 0;
    const runner = await bench.startRunner({
      'video.cover': {
        ...failing([]),
        gaveUp: async () => {
          if (broken) throw new Error('the database is away');
          gaveUp += 1;
        },
      },
    });
    const id = await bench.enqueue('video.cover', { videoId: 1 });
    await runner.processAll();
    for (let attempt = 1; attempt < jobDefinitions['video.cover'].maxAttempts - 1; attempt += 1)
      await bench.later(runner, 600_000);
    bench.clock.advance(600_000);
    runner.wake();
    await vi.waitFor(() => expect(bench.logged).toContain('a job could not be brought to an end'), waiting);
    expect((await bench.row(id))?.state).toBe('pending');
    broken = false;
    await bench.later(runner, 60_000);
    expect((await bench.row(id))?.state).toBe('dead');
    expect(gaveUp).toBe(1);
  });

  it('keeps no other waiting', async () => {
    const got: number[] = [];
    const runner = await bench.startRunner({
      'video.cover': {
        run: async ({ videoId }) => {
          got.push(videoId);
          if (videoId % 2 === 0) throw new Error('even');
        },
      },
    });
    for (let videoId = 1; videoId <= 10; videoId += 1) await bench.enqueue('video.cover', { videoId });
    await runner.processAll();
    expect(got.toSorted((one, other) => one - other)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect((await bench.rows()).length).toBe(5);
  });
});

describe('workers that come and go', () => {
  it('takes a row over when the lease of a worker that died has run out', async () => {
    const id = await bench.enqueue('video.cover', { videoId: 1 });
    await bench.store.database.transaction((trx) =>
      outboxStore.leaseDueJobs(trx, 'media', bench.clock.now(), 30_000, 10),
    );
    const got: number[] = [];
    const runner = await bench.startRunner({ 'video.cover': { run: async ({ videoId }) => void got.push(videoId) } });
    bench.clock.advance(29_999);
    runner.wake();
    // Another job, carried after the wake, is done: the row of the dead worker was not due when it was looked at.
    await bench.enqueue('video.cover', { videoId: 2 });
    await vi.waitFor(() => expect(got).toEqual([2]), waiting);
    expect(await bench.row(id)).toBeDefined();
    await bench.later(runner, 1);
    expect(got).toEqual([2, 1]);
  });

  it('keeps the lease of a row that takes long', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const gate = Promise.withResolvers<void>();
    let runs = 0;
    const runner = await bench.startRunner({
      'video.cover': {
        run: async () => {
          runs += 1;
          await gate.promise;
        },
      },
    });
    const id = await bench.enqueue('video.cover', { videoId: 1 });
    await vi.waitFor(() => expect(runs).toBe(1), waiting);
    for (let beat = 0; beat < 6; beat += 1) {
      const leaseUntil = async () => (await bench.row(id))?.lease_until;
      const before = await leaseUntil();
      bench.clock.advance(10_000);
      vi.advanceTimersByTime(10_000);
      await vi.waitFor(async () => expect(await leaseUntil()).not.toBe(before), waiting);
      expect(await leaseUntil()).toBe(bench.clock.now() + 30_000);
    }
    gate.resolve();
    await runner.processAll();
    expect(runs).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('aborts what runs when it is closed, and another one takes the row up again', async () => {
    const started = Promise.withResolvers<void>();
    const untilAborted = async (_payload: unknown, { signal }: JobContext): Promise<void> => {
      started.resolve();
      await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    };
    const runner = await bench.startRunner({ 'video.cover': { run: untilAborted } });
    const id = await bench.enqueue('video.cover', { videoId: 1 });
    await started.promise;
    await runner.close();
    expect(await bench.row(id)).toMatchObject({ attempts: 0, state: 'pending', lease_until: null, last_error: null });
    const got: number[] = [];
    const next = await bench.startRunner({ 'video.cover': { run: async ({ videoId }) => void got.push(videoId) } });
    await next.processAll();
    expect(got).toEqual([1]);
    expect(await bench.rows()).toEqual([]);
  });

  it('starts nothing more once it is closed', async () => {
    const got: number[] = [];
    const runner = await bench.startRunner({ 'video.cover': { run: async ({ videoId }) => void got.push(videoId) } });
    await runner.close();
    const id = await bench.enqueue('video.cover', { videoId: 1 });
    runner.wake();
    for (let turn = 0; turn < 20; turn += 1) await setImmediate();
    expect(got).toEqual([]);
    expect((await bench.row(id))?.lease_until).toBe(null);
  });

  it('makes everything that a process before had due again at the start of the only one', async () => {
    await bench.enqueue('video.cover', { videoId: 1 });
    await bench.enqueue('video.cover', { videoId: 2 }, { delayMs: 60_000, dedupeKey: 'promote:x' });
    await bench.enqueue('video.cover', { videoId: 3 }, { delayMs: 60_000, dedupeKey: 'other' });
    const { database } = bench.store;
    const now = bench.clock.now();
    await database.transaction((trx) => outboxStore.leaseDueJobs(trx, 'media', now, 30_000, 10));
    await database.transaction((trx) => outboxStore.releaseAllJobs(trx, 'promote:', now));
    const got: number[] = [];
    const runner = await bench.startRunner({ 'video.cover': { run: async ({ videoId }) => void got.push(videoId) } });
    await runner.processAll();
    expect(got.toSorted()).toEqual([1, 2]);
  });
});
