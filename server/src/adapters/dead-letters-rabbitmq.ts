/** The dead-letter queue at RabbitMQ, for the command that looks after dead jobs. */
import type { Channel, GetMessage } from 'amqplib';
import type { DeadLetter, DeadLetters } from '../ports/index.ts';
import { openRabbitLink } from './rabbitmq-link.ts';
import {
  deadMaxMessages,
  declareDeadLetters,
  decodeJob,
  defaultMaxDepth,
  defaultPrefix,
  topologyOf,
  triesHeader,
} from './rabbitmq-topology.ts';
import { within } from './within.ts';

/** As much of a message as a person needs to see what it is. */
const textMaxCharacters = 200;
/** Looking through the whole queue, one message at a time. */
const lookTimeoutMs = 30_000;

/** Rejects, in one line that names the setting, if the broker cannot be used. */
export async function openRabbitDeadLetters(options: {
  readonly url: string;
  readonly prefix?: string;
}): Promise<DeadLetters> {
  const topology = topologyOf(options.prefix ?? defaultPrefix, defaultMaxDepth);
  const link = await openRabbitLink<Channel>({
    url: options.url,
    // Who asked is told by the answer.
    log: { info: () => undefined, error: () => undefined },
    setUp: async (model, lost) => {
      const channel = await model.createChannel();
      channel.on('error', lost);
      await declareDeadLetters(channel, topology);
      return channel;
    },
    ended: () => undefined,
  });

  /** Takes all messages into the hand, removes those that are picked, and puts the others back where they were. */
  async function look(which: (letter: DeadLetter) => boolean): Promise<{ letters: DeadLetter[]; removed: number }> {
    const channel = link.session();
    if (channel === undefined) throw new Error('AMQP_URL: the connection to RabbitMQ was lost');
    const letters: DeadLetter[] = [];
    const kept: GetMessage[] = [];
    try {
      for (let count = 0; count < deadMaxMessages; count += 1) {
        const message = await channel.get(topology.deadQueue);
        if (message === false) break;
        const letter = letterOf(message);
        letters.push(letter);
        if (which(letter)) channel.ack(message);
        else kept.push(message);
      }
    } finally {
      for (const message of kept) channel.nack(message, false, true);
    }
    return { letters, removed: letters.length - kept.length };
  }
  const bounded = (which: (letter: DeadLetter) => boolean) =>
    within(lookTimeoutMs, 'AMQP_URL: RabbitMQ does not answer', look(which));

  return {
    list: async () => (await bounded(() => false)).letters,
    remove: async (which) => (await bounded(which)).removed,
    close: () => link.close(),
  };
}

function letterOf({ content, properties }: GetMessage): DeadLetter {
  const tries: unknown = properties.headers?.[triesHeader];
  return {
    jobId: decodeJob(content),
    text: content.toString('utf8').slice(0, textMaxCharacters),
    tries: typeof tries === 'number' ? tries : 0,
  };
}
