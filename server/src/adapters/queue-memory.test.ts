import { describe, expect, it, vi } from 'vitest';
import { queueConformance } from '../ports/queue.conformance.ts';
import { QueueFullError } from '../ports/queue.ts';
import { createMemoryQueue } from './queue-memory.ts';

describe('as a queue', () => {
  queueConformance(async (options) => {
    const queue = createMemoryQueue(options);
    return { queue, dispose: () => queue.close() };
  });
});

it('takes a batch as a whole or not at all', async () => {
  const queue = createMemoryQueue({ maxDepth: 3 });
  const batch = (...ids: number[]) => ids.map((jobId) => ({ jobId, lane: 'quick' as const }));
  await queue.publish(batch(1, 2));
  await expect(queue.publish(batch(3, 4))).rejects.toBeInstanceOf(QueueFullError);
  expect(queue.depth()).toBe(2);
  await queue.publish(batch(3));
  expect(queue.depth()).toBe(3);
});

it('does not run a job twice that is offered again while it waits or runs', async () => {
  const queue = createMemoryQueue({ maxDepth: 3 });
  const gate = Promise.withResolvers<void>();
  const got: number[] = [];
  const offer = () => queue.publish([1, 2, 3].map((jobId) => ({ jobId, lane: 'quick' })));
  await queue.consume('quick', 1, async ({ jobId }) => {
    got.push(jobId);
    await gate.promise;
  });
  await offer();
  await offer();
  expect(queue.depth()).toBe(3);
  gate.resolve();
  await vi.waitFor(() => expect(queue.depth()).toBe(0));
  expect(got).toEqual([1, 2, 3]);
  await offer();
  await vi.waitFor(() => expect(got).toEqual([1, 2, 3, 1, 2, 3]));
  await queue.close();
});
