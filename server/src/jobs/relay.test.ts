import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { temporaryFolder } from '../../test/server.ts';
import { systemClock } from '../adapters/clock-system.ts';
import { createMemoryQueue } from '../adapters/queue-memory.ts';
import { type Database, openSqlite } from '../db/index.ts';
import type { Lane, Queue } from '../ports/index.ts';
import { metaStore, outboxStore } from '../store/index.ts';
import { createJobRunner, type JobRunner } from './index.ts';

let folder: ReturnType<typeof temporaryFolder>;
let database: Database;
let runner: JobRunner | undefined;
let held: PromiseWithResolvers<void>;
beforeEach(async () => {
  held = Promise.withResolvers();
  folder = temporaryFolder();
  database = await openSqlite(join(folder.path, 'test.sqlite'));
});
afterEach(async () => {
  held.resolve();
  await runner?.close();
  await database.close();
  folder.remove();
});

const maxDepth = 100;
const quickJobs = 10;

async function insertJobs(count: number, lane: Lane, firstId: number): Promise<void> {
  const rows = Array.from({ length: count }, (_, position) => ({
    id: firstId + position,
    name: lane === 'media' ? 'video.cover' : 'blobs.erase',
    payload: lane === 'media' ? '{"videoId":1}' : '{"owner":"video","ownerId":1}',
    lane,
    dedupe_key: null,
    state: 'pending' as const,
    run_at: firstId + position,
    attempts: 0,
    lease_until: null,
    last_error: null,
    created_at: 0,
  }));
  await database.transaction((trx) => outboxStore.insertJobs(trx, rows));
}

function startRunner(queue: Queue, media: () => Promise<void>, quick: () => Promise<void>): JobRunner {
  const none = { run: async () => undefined };
  return createJobRunner({
    database,
    queue,
    clock: systemClock,
    mediaConcurrency: 1,
    consumes: true,
    alone: true,
    log: { debug: () => undefined, error: () => undefined },
    handlers: {
      'cache.delete': none,
      'blobs.reconcile': none,
      'blobs.erase': { run: quick },
      'blobs.audit': none,
      'upload.publish': none,
      'upload.expire': none,
      'account.erase': none,
      'video.erase': none,
      'video.prepare': none,
      'video.cover': { run: media },
    },
  });
}

it('carries quick jobs although more media jobs are due than the queue takes, and does not ask it all the time', async () => {
  await insertJobs(2 * maxDepth, 'media', 1);
  await insertJobs(quickJobs, 'quick', 10_000);
  const queue = createMemoryQueue({ maxDepth });
  let refused = 0;
  const counting: Queue = {
    ...queue,
    publish: async (messages) => {
      try {
        await queue.publish(messages);
      } catch (error) {
        refused += 1;
        throw error;
      }
    },
  };
  let done = 0;
  const allDone = Promise.withResolvers<void>();
  runner = startRunner(
    counting,
    () => held.promise,
    async () => {
      done += 1;
      if (done === quickJobs) allDone.resolve();
    },
  );
  await runner.start();
  await allDone.promise;
  // A relay that asks again at once does so between any two of these.
  for (let other = 0; other < 60; other += 1) {
    await database.transaction((trx) => metaStore.putMeta(trx, 'demo', String(other)));
    await setImmediate();
  }
  // Once when the runner started; the few more are for a computer that takes seconds for so little.
  expect(refused).toBeGreaterThan(0);
  expect(refused).toBeLessThan(5);
});

it('carries everything in the end', async () => {
  await insertJobs(2 * maxDepth, 'quick', 1);
  let done = 0;
  runner = startRunner(
    createMemoryQueue({ maxDepth }),
    async () => undefined,
    async () => {
      done += 1;
    },
  );
  await runner.start();
  await runner.processAll();
  expect(done).toBe(2 * maxDepth);
});
