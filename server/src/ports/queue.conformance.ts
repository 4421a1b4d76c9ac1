/** What every carrier of jobs must do: it may lose and repeat messages, so nothing here counts deliveries exactly. */
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { lanes, type Queue, QueueFullError, type QueueMessage } from './queue.ts';

export type QueueUnderTest = { readonly queue: Queue; readonly dispose: () => Promise<void> };

/** The bound of one lane; `make` gives each lane at least this much room and less than ten times as much. */
const maxDepth = 20;
const waiting = { timeout: 10_000, interval: 2 } as const;

export function queueConformance(make: (options: { readonly maxDepth: number }) => Promise<QueueUnderTest>): void {
  let queue: Queue;
  let dispose: () => Promise<void>;
  let gates: (() => void)[];
  beforeEach(async () => {
    gates = [];
    ({ queue, dispose } = await make({ maxDepth }));
  });
  afterEach(async () => {
    for (const open of gates) open();
    await dispose();
  });

  /** A handler that notes what it got and keeps it until the gate opens. */
  function held(): {
    handle: (message: QueueMessage) => Promise<void>;
    got: number[];
    most: () => number;
    open(): void;
  } {
    const gate = Promise.withResolvers<void>();
    gates.push(gate.resolve);
    const got: number[] = [];
    let now = 0;
    let most = 0;
    return {
      got,
      most: () => most,
      open: gate.resolve,
      handle: async ({ jobId }) => {
        got.push(jobId);
        now += 1;
        most = Math.max(most, now);
        await gate.promise;
        now -= 1;
      },
    };
  }
  const messages = (count: number, lane: QueueMessage['lane'] = 'quick', first = 1): QueueMessage[] =>
    Array.from({ length: count }, (_, position) => ({ jobId: first + position, lane }));
  const idsOf = (list: readonly QueueMessage[]): number[] => list.map((message) => message.jobId);
  const untilGot = (got: readonly number[], ids: readonly number[]): Promise<void> =>
    vi.waitFor(() => expect(new Set(got)).toEqual(new Set(ids)), waiting);

  it('hands over what is published, whether a worker is there before or comes later', async () => {
    const worker = held();
    worker.open();
    const [early, late] = [messages(5), messages(5, 'quick', 100)];
    await queue.publish(early);
    await queue.consume('quick', 2, worker.handle);
    await queue.publish(late);
    await untilGot(worker.got, idsOf([...early, ...late]));
  });

  it('carries ids of 53 bits exactly, and an empty batch', async () => {
    const worker = held();
    worker.open();
    await queue.publish([]);
    await queue.publish([{ jobId: Number.MAX_SAFE_INTEGER, lane: 'quick' }]);
    await queue.consume('quick', 1, worker.handle);
    await untilGot(worker.got, [Number.MAX_SAFE_INTEGER]);
  });

  it('gives each lane to its own worker: a long job keeps no quick one waiting', async () => {
    const [slow, quick] = [held(), held()];
    quick.open();
    await queue.consume('media', 1, slow.handle);
    await queue.consume('quick', 1, quick.handle);
    const [media, others] = [messages(3, 'media', 100), messages(10)];
    await queue.publish([...media, ...others]);
    await untilGot(quick.got, idsOf(others));
    await vi.waitFor(() => expect(slow.got.length).toBe(1), waiting);
    slow.open();
    await untilGot(slow.got, idsOf(media));
    expect(quick.got.some((id) => id >= 100)).toBe(false);
  });

  it('runs as many at once as it may, and no more', async () => {
    const worker = held();
    await queue.consume('quick', 3, worker.handle);
    const sent = messages(10);
    await queue.publish(sent);
    await vi.waitFor(() => expect(worker.most()).toBe(3), waiting);
    for (let turn = 0; turn < 20; turn += 1) await setImmediate();
    expect(worker.most()).toBe(3);
    worker.open();
    await untilGot(worker.got, idsOf(sent));
    expect(worker.most()).toBe(3);
  });

  it('goes on after a handler that rejects or throws', async () => {
    const seen: number[] = [];
    await queue.consume('quick', 1, ({ jobId }) => {
      seen.push(jobId);
      if (jobId === 1) throw new Error('thrown before there was a promise');
      return jobId === 2 ? Promise.reject(new Error('rejected')) : Promise.resolve();
    });
    const sent = messages(6);
    await queue.publish(sent);
    await untilGot(seen, idsOf(sent));
  });

  it('says that it is full instead of growing, lane by lane, and takes more once it has room', async () => {
    const refusal = async (): Promise<unknown> => {
      for (let first = 1; first < 10 * maxDepth; first += 1) {
        try {
          await queue.publish(messages(1, 'media', first));
        } catch (error) {
          expect(first).toBeGreaterThan(maxDepth);
          return error;
        }
      }
      return undefined;
    };
    expect(await refusal()).toBeInstanceOf(QueueFullError);
    const [slow, quick] = [held(), held()];
    slow.open();
    quick.open();
    await queue.publish(messages(5, 'quick', 10_000));
    await queue.consume('quick', 1, quick.handle);
    await untilGot(quick.got, idsOf(messages(5, 'quick', 10_000)));
    await queue.consume('media', 2, slow.handle);
    await vi.waitFor(() => queue.publish(messages(1, 'media', 50_000)), waiting);
    await vi.waitFor(() => expect(slow.got).toContain(50_000), waiting);
  });

  it('counts what it holds, down to nothing', async () => {
    expect(queue.depth()).toBe(0);
    const workers = lanes.map(held);
    for (const [position, lane] of lanes.entries()) {
      await queue.consume(lane, 2, workers[position]?.handle ?? (async () => undefined));
      await queue.publish(messages(4, lane, 100 * position + 1));
    }
    await vi.waitFor(() => expect(workers.every((worker) => worker.got.length === 2)).toBe(true), waiting);
    expect(queue.depth()).toBeGreaterThanOrEqual(0);
    for (const worker of workers) worker.open();
    await vi.waitFor(() => expect(workers.every((worker) => new Set(worker.got).size === 4)).toBe(true), waiting);
    await vi.waitFor(() => expect(queue.depth()).toBe(0), waiting);
  });

  it('answers a ping', async () => {
    await queue.ping();
  });

  it('waits at its end for what runs, and takes and gives nothing more', async () => {
    const worker = held();
    await queue.consume('quick', 1, worker.handle);
    await queue.publish(messages(5));
    await vi.waitFor(() => expect(worker.got.length).toBe(1), waiting);
    let closed = false;
    const closing = queue.close().then(() => {
      closed = true;
    });
    for (let turn = 0; turn < 20; turn += 1) await setImmediate();
    expect(closed).toBe(false);
    worker.open();
    await closing;
    expect(worker.got.length).toBe(1);
    await expect(queue.publish(messages(1, 'quick', 99))).rejects.toThrow();
    await expect(queue.ping()).rejects.toThrow();
    expect(worker.got.length).toBe(1);
  });
}
