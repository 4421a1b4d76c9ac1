/** A broker that repeats itself: every message of a job is sent again, two times, later and in another order. */
import { type ChannelModel, type ConsumeMessage, connect } from 'amqplib';
import type { Random } from './random.ts';
import type { Ongoing } from './system.ts';

/** What the product declares at the broker: see "Jobs" in docs/architecture.md. */
const exchangeOfJobs = 'tiktok.jobs';
const lanes = ['quick', 'media'] as const;
/** Marks what was sent from here, which is not repeated again. */
const repeatedHeader = 'x-repeated';
const timesAgain = 2;
/** Messages are gathered, shuffled and sent again after this. */
const everyMs = 300;
const maxGathered = 2_000;
const connectTimeoutMs = 5_000;

/** Begins it; resolves with what ends it, which sends what was gathered last. The broker may die meanwhile. */
export async function repeatMessages(url: string, random: Random, exchange = exchangeOfJobs): Promise<Ongoing> {
  let connection: ChannelModel | undefined;
  try {
    connection = await connect(url, { timeout: connectTimeoutMs });
    return await repeatOn(connection, random, exchange);
  } catch {
    // Another fault has the broker: then there is nothing that it could repeat.
    await connection?.close().catch(() => undefined);
    return { end: async () => undefined };
  }
}

async function repeatOn(connection: ChannelModel, random: Random, exchange: string): Promise<Ongoing> {
  const gathered: ConsumeMessage[] = [];
  connection.on('error', () => undefined);
  const channel = await connection.createChannel();
  channel.on('error', () => undefined);
  const { queue } = await channel.assertQueue('', { exclusive: true, autoDelete: true });
  for (const lane of lanes) await channel.bindQueue(queue, exchange, lane);
  await channel.consume(
    queue,
    (message) => {
      if (message === null || message.properties.headers?.[repeatedHeader] !== undefined) return;
      if (gathered.length < maxGathered) gathered.push(message);
    },
    { noAck: true },
  );
  const sendAgain = (): void => {
    const messages = gathered.splice(0);
    const copies = random.shuffled(Array.from({ length: timesAgain }, () => messages).flat());
    try {
      for (const { fields, properties, content } of copies) {
        const headers = { ...properties.headers, [repeatedHeader]: 1 };
        channel.publish(exchange, fields.routingKey, content, { ...properties, headers });
      }
    } catch {
      // The broker died, which another fault of the scenario has done.
    }
  };
  const timer = setInterval(sendAgain, everyMs);
  const end = async (): Promise<void> => {
    clearInterval(timer);
    sendAgain();
    // Rejects where the broker has died: then there is nothing to close.
    await connection.close().catch(() => undefined);
  };
  return { end };
}
