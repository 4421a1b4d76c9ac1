/**
 * Everything that exists at the broker, by name. Two installations on one broker have a virtual host each, which stands in
 * AMQP_URL. Arguments of a queue can never be changed, only its name: whoever changes them here takes a new `prefix`, so
 * that no declaration ever meets an older one.
 */
import type { Channel } from 'amqplib';
import { type Lane, lanes } from '../ports/index.ts';

/** Every name begins with it. */
export const defaultPrefix = 'tiktok.jobs';
/** Messages of a lane at the broker; beyond it, rows stay in the outbox. */
export const defaultMaxDepth = 2_000;
/** Dead messages that are kept; beyond it the oldest goes. The rows that they are about are all kept. */
export const deadMaxMessages = 1_000;
/** A message that could not be handled comes back after these waits, the last one again and again. */
export const retryAfterMs = [500, 2_000, 10_000, 30_000] as const;
/** Tries before a message is dead: four minutes, within which a database is back or its message is not missed. */
export const maxTries = 10;
/** How often a message has come back; a header. */
export const triesHeader = 'x-tries';

export type Topology = {
  /** Direct exchange; the routing key is the lane. */
  readonly exchange: string;
  /** Direct exchange; the routing key is {@link retryKey}. */
  readonly retryExchange: string;
  /** Fanout exchange of what is given up. */
  readonly deadExchange: string;
  readonly deadQueue: string;
  readonly queueOf: (lane: Lane) => string;
  readonly maxDepth: number;
};

export const topologyOf = (prefix: string, maxDepth: number): Topology => ({
  exchange: prefix,
  retryExchange: `${prefix}.retry`,
  deadExchange: `${prefix}.dead`,
  deadQueue: `${prefix}.dead`,
  queueOf: (lane) => `${prefix}.${lane}`,
  maxDepth,
});

export const retryKey = (lane: Lane, afterMs: number): string => `${lane}.${afterMs}ms`;
const retryQueue = (topology: Topology, lane: Lane, afterMs: number): string =>
  `${topology.retryExchange}.${retryKey(lane, afterMs)}`;

/**
 * Classic queues, named as such since a virtual host may have another default. Replicated ones (quorum) would cost a sync
 * and a round trip for each id, to protect what the outbox sends again by itself.
 */
const classic = { 'x-queue-type': 'classic' } as const;
const durable = { durable: true } as const;

/** Declares all of it; what is there already is left as it is. */
export async function declareTopology(channel: Channel, topology: Topology): Promise<void> {
  await channel.assertExchange(topology.exchange, 'direct', durable);
  await channel.assertExchange(topology.retryExchange, 'direct', durable);
  await declareDeadLetters(channel, topology);
  for (const lane of lanes) {
    await channel.assertQueue(topology.queueOf(lane), {
      ...durable,
      maxLength: topology.maxDepth,
      overflow: 'reject-publish',
      deadLetterExchange: topology.deadExchange,
      arguments: classic,
    });
    await channel.bindQueue(topology.queueOf(lane), topology.exchange, lane);
    for (const afterMs of retryAfterMs) {
      const name = retryQueue(topology, lane, afterMs);
      await channel.assertQueue(name, {
        ...durable,
        messageTtl: afterMs,
        maxLength: topology.maxDepth,
        overflow: 'reject-publish',
        deadLetterExchange: topology.exchange,
        deadLetterRoutingKey: lane,
        arguments: classic,
      });
      await channel.bindQueue(name, topology.retryExchange, retryKey(lane, afterMs));
    }
  }
}

/** What is needed to look after dead messages alone. */
export async function declareDeadLetters(channel: Channel, topology: Topology): Promise<void> {
  await channel.assertExchange(topology.deadExchange, 'fanout', durable);
  await channel.assertQueue(topology.deadQueue, { ...durable, maxLength: deadMaxMessages, arguments: classic });
  await channel.bindQueue(topology.deadQueue, topology.deadExchange, '');
}

/** Removes all of it: for tests, which have names of their own. */
export async function deleteTopology(channel: Channel, topology: Topology): Promise<void> {
  const retries = lanes.flatMap((lane) => retryAfterMs.map((afterMs) => retryQueue(topology, lane, afterMs)));
  for (const name of [topology.deadQueue, ...lanes.map(topology.queueOf), ...retries]) await channel.deleteQueue(name);
  for (const name of [topology.exchange, topology.retryExchange, topology.deadExchange]) {
    await channel.deleteExchange(name);
  }
}

/** What a message says: the lane is its queue. */
export const encodeJob = (jobId: number): Buffer => Buffer.from(JSON.stringify({ jobId }));

/** Messages of ours are short. */
const contentMaxBytes = 1_000;

/** The job of a message; undefined if it is none of ours. */
export function decodeJob(content: Buffer): number | undefined {
  if (content.length > contentMaxBytes) return undefined;
  try {
    const value: unknown = JSON.parse(content.toString('utf8'));
    const jobId = typeof value === 'object' && value !== null && 'jobId' in value ? value.jobId : undefined;
    return typeof jobId === 'number' && Number.isSafeInteger(jobId) && jobId > 0 ? jobId : undefined;
  } catch {
    return undefined;
  }
}
