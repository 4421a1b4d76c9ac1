/**
 * Runners of several processes on one database. The carrier between them is in the hands of the test, which repeats and
 * delays messages as a broker may; and, at the end, a real one.
 */
import { randomBytes } from 'node:crypto';
import { connect } from 'amqplib';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { describeEngine } from '../../test/engines.ts';
import { createJobBench, type JobBench } from '../../test/job-bench.ts';
import { openRabbitDeadLetters } from '../adapters/dead-letters-rabbitmq.ts';
import { createRabbitQueue } from '../adapters/queue-rabbitmq.ts';
import { defaultMaxDepth, deleteTopology, topologyOf } from '../adapters/rabbitmq-topology.ts';
import { GivenUpError, type Lane, type Queue, type QueueMessage } from '../ports/index.ts';
import { type JobContext, type JobHandlers, type JobRunner, jobDefinitions } from './index.ts';

let bench: JobBench;
beforeEach(async () => {
  bench = await createJobBench();
});
afterEach(async () => {
  vi.useRealTimers();
  await bench.remove();
});

const waiting = { timeout: 10_000, interval: 2 } as const;

/** What a process has of the carrier: what it sent, and what takes messages there. */
type Process = {
  readonly runner: JobRunner;
  readonly sent: QueueMessage[];
  readonly lanes: Set<Lane>;
  /** Brings a message; how it went is how the broker is answered. */
  give(jobId: number, lane?: Lane): Promise<void>;
  away: boolean;
};

async function startProcess(handlers: Partial<JobHandlers>, consumes = true): Promise<Process> {
  const sent: QueueMessage[] = [];
  const takers = new Map<Lane, (message: QueueMessage) => Promise<void>>();
  const queue: Queue = {
    publish: async (messages) => {
      if (process.away) throw new Error('the broker is away');
      sent.push(...messages);
    },
    consume: async (lane, _concurrency, handle) => void takers.set(lane, handle),
    depth: () => 0,
    ping: async () => undefined,
    close: async () => undefined,
  };
  const runner = await bench.startRunner(handlers, { queue, consumes, alone: false });
  const process: Process = {
    runner,
    sent,
    lanes: new Set(takers.keys()),
    give: async (jobId, lane = 'media') => await takers.get(lane)?.({ jobId, lane }),
    away: false,
  };
  return process;
}

const idsSent = (process: Process): number[] => process.sent.map(({ jobId }) => jobId);
/** A handler that runs until the test lets it end. */
function held() {
  const gate = Promise.withResolvers<void>();
  const signals: AbortSignal[] = [];
  return {
    signals,
    end: gate.resolve,
    fail: () => gate.reject(new Error('it does not work')),
    run: async (_payload: unknown, { signal }: JobContext): Promise<void> => {
      signals.push(signal);
      await gate.promise;
    },
  };
}

describe('a job', () => {
  it('is run by one of two that have copies of its message at once', async () => {
    const work = held();
    const [one, other] = [await startProcess({ 'video.cover': work }), await startProcess({ 'video.cover': work })];
    const id = await bench.enqueue('video.cover', { videoId: 1 });
    const copies = [one.give(id), other.give(id), one.give(id), other.give(id)];
    await vi.waitFor(() => expect(work.signals.length).toBe(1), waiting);
    expect((await bench.row(id))?.lease_until).toBe(bench.clock.now() + 30_000);
    work.end();
    await Promise.all(copies);
    expect(work.signals.length).toBe(1);
    expect(await bench.rows()).toEqual([]);
    // A copy that comes when all is done.
    await other.give(id);
    expect(work.signals.length).toBe(1);
  });

  it.each([
    ['quick', 'video.erase', 5_000],
    ['media', 'video.cover', 30_000],
  ] as const)('of a worker that died is taken over when its lease is over: %s', async (lane, name, leaseMs) => {
    // No heartbeat comes of a dead one.
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const [dying, next] = [held(), held()];
    const [dead, alive] = [await startProcess({ [name]: dying }), await startProcess({ [name]: next })];
    const id = await bench.enqueue(name, { videoId: 1 });
    const lastWords = dead.give(id, lane);
    await vi.waitFor(() => expect(dying.signals.length).toBe(1), waiting);
    // The broker gives the message to another at once: in vain, and it is not kept.
    await alive.give(id, lane);
    bench.clock.advance(leaseMs - 1);
    await alive.give(id, lane);
    expect(next.signals.length).toBe(0);
    alive.sent.length = 0;
    bench.clock.advance(1);
    alive.runner.wake();
    await vi.waitFor(() => expect(idsSent(alive)).toEqual([id]), waiting);
    const taken = alive.give(id, lane);
    await vi.waitFor(() => expect(next.signals.length).toBe(1), waiting);
    // It was not dead after all: what it says does not count any more.
    dying.fail();
    await lastWords;
    expect(await bench.row(id)).toMatchObject({ attempts: 0, state: 'pending', last_error: null });
    next.end();
    await taken;
    expect(await bench.rows()).toEqual([]);
  });

  it('is aborted where it was stopped for so long that another has taken it over', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const [stopped, next] = [held(), held()];
    const [one, other] = [await startProcess({ 'video.cover': stopped }), await startProcess({ 'video.cover': next })];
    const id = await bench.enqueue('video.cover', { videoId: 1 });
    const first = one.give(id);
    await vi.waitFor(() => expect(stopped.signals.length).toBe(1), waiting);
    bench.clock.advance(30_000);
    const second = other.give(id);
    await vi.waitFor(() => expect(next.signals.length).toBe(1), waiting);
    expect(stopped.signals[0]?.aborted).toBe(false);
    vi.advanceTimersByTime(10_000);
    await vi.waitFor(() => expect(stopped.signals[0]?.aborted).toBe(true), waiting);
    expect(next.signals[0]?.aborted).toBe(false);
    stopped.fail();
    next.end();
    await Promise.all([first, second]);
    expect(await bench.rows()).toEqual([]);
    expect(bench.logged).toContain('job left to the process that took it over');
  });

  it('keeps its lease as long as its worker lives', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const work = held();
    const [one, other] = [await startProcess({ 'video.erase': work }), await startProcess({ 'video.erase': work })];
    const id = await bench.enqueue('video.erase', { videoId: 1 });
    const run = one.give(id, 'quick');
    await vi.waitFor(() => expect(work.signals.length).toBe(1), waiting);
    for (let beat = 0; beat < 5; beat += 1) {
      bench.clock.advance(4_999);
      vi.advanceTimersByTime(4_999);
      await vi.waitFor(async () => expect((await bench.row(id))?.lease_until).toBe(bench.clock.now() + 5_000), waiting);
      await other.give(id, 'quick');
      other.runner.wake();
    }
    expect(work.signals.length).toBe(1);
    work.end();
    await run;
  });

  it('that failed is not run early by a message that comes late', async () => {
    let runs = 0;
    const process = await startProcess({
      'video.erase': {
        run: async () => {
          runs += 1;
          throw new Error('it does not work');
        },
      },
    });
    const id = await bench.enqueue('video.erase', { videoId: 1 });
    for (let attempt = 1; attempt <= 4; attempt += 1) {
      bench.clock.advance(4_000);
      await process.give(id, 'quick');
    }
    expect(runs).toBe(4);
    // Four seconds from now, beyond what two clocks may differ.
    await process.give(id, 'quick');
    expect(runs).toBe(4);
    expect(await bench.row(id)).toMatchObject({ attempts: 4, lease_until: null });
  });

  it('that is not committed, or was never there, does nothing', async () => {
    const process = await startProcess({});
    await process.give(12_345);
    expect(bench.logged).toEqual([]);
  });

  it('is told to the carrier as dead when it is given up, and only then', async () => {
    const { maxAttempts } = jobDefinitions['video.cover'];
    const run = () => Promise.reject(new Error('it does not work'));
    const process = await startProcess({ 'video.cover': { run } });
    const id = await bench.enqueue('video.cover', { videoId: 1 });
    for (let attempt = 1; attempt < maxAttempts; attempt += 1) {
      await process.give(id);
      bench.clock.advance(600_000);
    }
    await expect(process.give(id)).rejects.toBeInstanceOf(GivenUpError);
    expect((await bench.row(id))?.state).toBe('dead');
    await process.give(id);
  });

  it('whose row could not be read is for the carrier to bring again', async () => {
    const process = await startProcess({});
    const id = await bench.enqueue('video.cover', { videoId: 1 });
    await bench.store.database.close();
    await expect(process.give(id)).rejects.not.toBeInstanceOf(GivenUpError);
  });

  it('that was aborted because its process stops is given back at once', async () => {
    const began = Promise.withResolvers<void>();
    const untilAborted = async (_payload: unknown, { signal }: JobContext): Promise<void> => {
      began.resolve();
      await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    };
    const process = await startProcess({ 'video.cover': { run: untilAborted } });
    const id = await bench.enqueue('video.cover', { videoId: 1 });
    const run = process.give(id);
    await began.promise;
    await process.runner.close();
    await run;
    expect(await bench.row(id)).toMatchObject({ attempts: 0, lease_until: null, claimed_by: null });
    await expect(process.give(id)).rejects.toThrow('stopping');
  });
});

describe('roles', () => {
  it('an api hands over what was committed, and takes nothing', async () => {
    const api = await startProcess({}, false);
    expect(api.lanes.size).toBe(0);
    const id = await bench.enqueue('video.cover', { videoId: 1 });
    await vi.waitFor(() => expect(idsSent(api)).toEqual([id]), waiting);
  });

  it('a worker hands over what an api could not, once it is there again', async () => {
    const api = await startProcess({}, false);
    api.away = true;
    const id = await bench.enqueue('video.cover', { videoId: 1 });
    await vi.waitFor(() => expect(bench.logged.length).toBe(1), waiting);
    await vi.waitFor(async () => expect((await bench.row(id))?.lease_until).toBe(null), waiting);
    const work = held();
    work.end();
    const worker = await startProcess({ 'video.cover': work });
    await vi.waitFor(() => expect(idsSent(worker)).toEqual([id]), waiting);
    await worker.give(id);
    expect(await bench.rows()).toEqual([]);
  });

  it('nobody sends what another is carrying, until it must be lost', async () => {
    const api = await startProcess({}, false);
    const id = await bench.enqueue('video.cover', { videoId: 1 });
    await vi.waitFor(() => expect(idsSent(api)).toEqual([id]), waiting);
    const worker = await startProcess({});
    bench.clock.advance(29_999);
    worker.runner.wake();
    const later = await bench.enqueue('video.cover', { videoId: 2 });
    await vi.waitFor(() => expect([...idsSent(api), ...idsSent(worker)]).toContain(later), waiting);
    expect(idsSent(worker)).not.toContain(id);
    bench.clock.advance(1);
    worker.runner.wake();
    await vi.waitFor(
      () => expect([...idsSent(api), ...idsSent(worker)].filter((one) => one === id).length).toBe(2),
      waiting,
    );
  });
});

describeEngine('rabbitmq', (url) => {
  it('carries every job to one of two workers, runs each once, and keeps what is given up', async () => {
    const prefix = `test.${randomBytes(6).toString('hex')}`;
    const quiet = { info: () => undefined, error: () => undefined };
    const ran: number[] = [];
    const handlers: Partial<JobHandlers> = {
      'video.erase': { run: async ({ videoId }) => void ran.push(videoId) },
    };
    const start = async (consumes: boolean): Promise<JobRunner> =>
      await bench.startRunner(handlers, {
        queue: await createRabbitQueue({ url, log: quiet, prefix }),
        consumes,
        alone: false,
      });
    const runners = [await start(false), await start(true), await start(true)];
    const jobs = 50;
    for (let videoId = 1; videoId <= jobs; videoId += 1) await bench.enqueue('video.erase', { videoId });
    await bench.enqueueUnreadable({ id: 7 });
    for (const runner of runners) await runner.processAll();
    expect(ran.toSorted((one, other) => one - other)).toEqual(Array.from({ length: jobs }, (_, index) => index + 1));
    const letters = await openRabbitDeadLetters({ url, prefix });
    await vi.waitFor(async () => expect((await letters.list()).map(({ jobId }) => jobId)).toEqual([7]), waiting);
    await letters.close();
    await Promise.all(runners.map((runner) => runner.close()));
    const model = await connect(url);
    await deleteTopology(await model.createChannel(), topologyOf(prefix, defaultMaxDepth));
    await model.close();
  });
});
