import { randomUUID } from 'node:crypto';
import { connect } from 'amqplib';
import { expect, it, vi } from 'vitest';
import { describeEngine } from '../server/test/engines.ts';
import { Random } from './random.ts';
import { repeatMessages } from './redelivery.ts';

describeEngine('rabbitmq', (url) => {
  it('sends every message of a job two times more, and those of its own no more', async () => {
    const exchange = `chaos.${randomUUID()}`;
    const connection = await connect(url);
    const channel = await connection.createChannel();
    await channel.assertExchange(exchange, 'direct', { autoDelete: true });
    const { queue } = await channel.assertQueue('', { exclusive: true });
    await channel.bindQueue(queue, exchange, 'quick');
    const came: string[] = [];
    await channel.consume(queue, (message) => came.push(String(message?.content)), { noAck: true });

    const { end } = await repeatMessages(url, new Random(1), exchange);
    const sent = Array.from({ length: 20 }, (_, i) => `job ${i}`);
    for (const text of sent) channel.publish(exchange, 'quick', Buffer.from(text));
    await vi.waitFor(() => expect(came).toHaveLength(60), 5_000);
    await end();
    // A round trip after which nothing is on its way any more.
    await channel.checkQueue(queue);
    const again = came.slice(20);
    expect(came).toHaveLength(60);
    expect([...again].sort()).toEqual([...sent, ...sent].sort());
    expect(again, 'in another order').not.toEqual([...sent, ...sent]);
    await connection.close();
  });

  it('has nothing to repeat where there is no broker', async () => {
    const { end } = await repeatMessages('amqp://127.0.0.1:1', new Random(1));
    await end();
  });
});
