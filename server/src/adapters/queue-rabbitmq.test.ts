/** The carrier on a real broker that nobody disturbs; faults are in rabbitmq-faults.test.ts. */
import { randomBytes } from 'node:crypto';
import { type Channel, type ChannelModel, connect } from 'amqplib';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { describeEngine } from '../../test/engines.ts';
import { queueConformance } from '../ports/queue.conformance.ts';
import { GivenUpError, type Queue, type QueueMessage } from '../ports/queue.ts';
import { openRabbitDeadLetters } from './dead-letters-rabbitmq.ts';
import { createRabbitQueue } from './queue-rabbitmq.ts';
import { deleteTopology, type Topology, topologyOf, triesHeader } from './rabbitmq-topology.ts';

const waiting = { timeout: 10_000, interval: 5 } as const;
const quiet = { info: () => undefined, error: () => undefined };
const maxDepth = 20;

describeEngine('rabbitmq', (url) => {
  let prefix: string;
  let topology: Topology;
  let model: ChannelModel;
  let channel: Channel;
  const opened: Queue[] = [];
  beforeEach(async () => {
    prefix = `test.${randomBytes(6).toString('hex')}`;
    topology = topologyOf(prefix, maxDepth);
    model = await connect(url);
    channel = await model.createChannel();
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((queue) => queue.close()));
    await deleteTopology(channel, topology);
    await model.close();
  });
  const open = async (): Promise<Queue> => {
    const queue = await createRabbitQueue({ url, log: quiet, maxDepth, prefix });
    opened.push(queue);
    return queue;
  };
  const quick = (...ids: number[]): QueueMessage[] => ids.map((jobId) => ({ jobId, lane: 'quick' }));
  const lying = async (): Promise<number> => (await channel.checkQueue(topology.queueOf('quick'))).messageCount;
  const letters = async () => {
    const dead = await openRabbitDeadLetters({ url, prefix });
    const list = await dead.list();
    await dead.close();
    return list;
  };

  describe('as a queue', () => {
    queueConformance(async () => {
      const queue = await open();
      return { queue, dispose: () => queue.close() };
    });
  });

  it('has what it was confirmed to have, on disk, also when nobody was there to take it', async () => {
    const queue = await open();
    await queue.publish(quick(1, 2, 3));
    expect(await lying()).toBe(3);
    const message = await channel.get(topology.queueOf('quick'), { noAck: true });
    expect(message === false ? undefined : message.properties.deliveryMode).toBe(2);
  });

  it('gives a message to another process when the one that has it dies', async () => {
    const [one, other] = [await open(), await open()];
    const gate = Promise.withResolvers<void>();
    const got: string[] = [];
    await one.publish(quick(7));
    // A consumer of its own, whose connection ends without a word.
    const dying = await connect(url);
    const taken = await dying.createChannel();
    const delivered = Promise.withResolvers<void>();
    await taken.consume(topology.queueOf('quick'), () => delivered.resolve());
    await delivered.promise;
    await other.consume('quick', 1, async ({ jobId }) => {
      got.push(`other ${jobId}`);
      await gate.promise;
    });
    expect(got).toEqual([]);
    await dying.close();
    await vi.waitFor(() => expect(got).toEqual(['other 7']), waiting);
    gate.resolve();
    await vi.waitFor(() => expect(other.depth()).toBe(0), waiting);
    expect(await lying()).toBe(0);
  });

  it('gives back at its end what it has not begun', async () => {
    const [one, other] = [await open(), await open()];
    const gate = Promise.withResolvers<void>();
    const began = Promise.withResolvers<void>();
    await one.publish(quick(1, 2, 3));
    await one.consume('quick', 2, async () => {
      began.resolve();
      await gate.promise;
    });
    await began.promise;
    const closing = one.close();
    gate.resolve();
    await closing;
    const got: number[] = [];
    await other.consume('quick', 1, async ({ jobId }) => void got.push(jobId));
    await vi.waitFor(() => expect(got).toContain(3), waiting);
  });

  it.each([
    ['no JSON', '{'],
    ['no object', '7'],
    ['no id', '{}'],
    ['an id that is none', '{"jobId":"7"}'],
    ['an id that is not exact', '{"jobId":9007199254740993}'],
    ['too long', JSON.stringify({ jobId: 7, more: 'x'.repeat(2_000) })],
  ])('puts a message aside that is no job, at once, and goes on: %s', async (_what, text) => {
    const queue = await open();
    const got: number[] = [];
    await queue.consume('quick', 1, async ({ jobId }) => void got.push(jobId));
    channel.publish(topology.exchange, 'quick', Buffer.from(text));
    await queue.publish(quick(8));
    await vi.waitFor(() => expect(got).toEqual([8]), waiting);
    await vi.waitFor(async () => expect(await letters()).toMatchObject([{ jobId: undefined, tries: 0 }]), waiting);
  });

  it('brings a message again, later, when it could not be handled', async () => {
    const queue = await open();
    const at: number[] = [];
    await queue.consume('quick', 1, async () => {
      at.push(performance.now());
      if (at.length < 3) throw new Error('the database is away');
    });
    await queue.publish(quick(1));
    await vi.waitFor(() => expect(at.length).toBe(3), waiting);
    const [first = 0, second = 0, third = 0] = at;
    expect(second - first).toBeGreaterThan(450);
    expect(third - second).toBeGreaterThan(1_950);
    await vi.waitFor(async () => expect(queue.depth() + (await lying())).toBe(0), waiting);
    expect(await letters()).toEqual([]);
  });

  it('puts it aside when it has come back often enough', async () => {
    const queue = await open();
    let runs = 0;
    await queue.consume('quick', 1, () => {
      runs += 1;
      return Promise.reject(new Error('the database is away'));
    });
    channel.publish(topology.exchange, 'quick', Buffer.from('{"jobId":5}'), { headers: { [triesHeader]: 9 } });
    await vi.waitFor(async () => expect(await letters()).toMatchObject([{ jobId: 5, tries: 9 }]), waiting);
    expect(runs).toBe(1);
  });

  it('puts aside what was given up, and can be relieved of it', async () => {
    const queue = await open();
    await queue.consume('quick', 1, ({ jobId }) =>
      jobId % 2 === 1 ? Promise.reject(new GivenUpError('no more')) : Promise.resolve(),
    );
    await queue.publish(quick(1, 2, 3, 4, 5));
    await vi.waitFor(async () => expect((await letters()).map(({ jobId }) => jobId)).toEqual([1, 3, 5]), waiting);
    const dead = await openRabbitDeadLetters({ url, prefix });
    expect(await dead.remove(({ jobId }) => jobId === 3)).toBe(1);
    expect((await dead.list()).map(({ jobId }) => jobId)).toEqual([1, 5]);
    expect(await dead.remove(() => true)).toBe(2);
    expect(await dead.list()).toEqual([]);
    await dead.close();
  });

  it('declares everything again when a queue is taken away', async () => {
    const queue = await open();
    const got: number[] = [];
    await queue.consume('quick', 1, async ({ jobId }) => void got.push(jobId));
    await channel.deleteQueue(topology.queueOf('quick'));
    await vi.waitFor(() => queue.publish(quick(9)), waiting);
    await vi.waitFor(() => expect(got).toContain(9), waiting);
  });

  it('lets two installations of one name, with the same arguments, share it', async () => {
    await open();
    const other = await open();
    await other.ping();
  });
});
