/** The carrier and a broker of its own that is killed, paused and full, and one that cannot be used at all. */
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Engine } from '../../../engines/engine.ts';
import { startRabbitmq } from '../../../engines/rabbitmq.ts';
import { describeEngine } from '../../test/engines.ts';
import { temporaryFolder } from '../../test/server.ts';
import type { Queue, QueueMessage } from '../ports/queue.ts';
import { createRabbitQueue } from './queue-rabbitmq.ts';

/** A broker takes its time to start, and a machine that does other things as well takes more of it. */
const brokerTimeoutMs = 120_000;
const waiting = { timeout: 20_000, interval: 5 } as const;
const quick = (...ids: number[]): QueueMessage[] => ids.map((jobId) => ({ jobId, lane: 'quick' }));
const elapsedMs = async (work: () => Promise<unknown>): Promise<number> => {
  const startedMs = performance.now();
  await work().catch(() => undefined);
  return performance.now() - startedMs;
};

describeEngine('rabbitmq', (shared) => {
  describe('a broker that fails', () => {
    const folder = temporaryFolder();
    let broker: Engine;
    let queue: Queue;
    let got: number[];
    const said: string[] = [];
    const log = {
      info: (_fields: object, message: string) => void said.push(message),
      error: (_fields: object, message: string) => void said.push(message),
    };
    beforeAll(async () => {
      broker = await startRabbitmq({ folder: folder.path });
      queue = await createRabbitQueue({ url: broker.settings['AMQP_URL'] ?? '', log });
      got = [];
      await queue.consume('quick', 2, async ({ jobId }) => void got.push(jobId));
    }, brokerTimeoutMs);
    afterAll(async () => {
      await queue.close();
      await broker.stop();
      folder.remove();
    }, brokerTimeoutMs);

    it('is noticed when it hangs, refused within a second, and used again when it goes on', async () => {
      await queue.publish(quick(1));
      await broker.pause();
      expect(await elapsedMs(() => queue.publish(quick(2)))).toBeLessThan(2_000);
      await expect(queue.publish(quick(2))).rejects.toThrow();
      await expect(queue.ping()).rejects.toThrow();
      // Silent for so long that it counts as gone: from then on nothing is sent at all.
      await vi.waitFor(() => expect(said).toContain('RabbitMQ is away: jobs wait in the outbox'), waiting);
      expect(await elapsedMs(() => queue.publish(quick(2)))).toBeLessThan(100);
      broker.resume();
      await vi.waitFor(() => queue.publish(quick(3)), waiting);
      await vi.waitFor(() => expect(got).toContain(3), waiting);
      await queue.ping();
      expect(said.filter((line) => line === 'RabbitMQ is back').length).toBe(1);
    });

    it(
      'is found again after it was killed, with what it had confirmed and the consumers that it had',
      async () => {
        const sender = await createRabbitQueue({ url: broker.settings['AMQP_URL'] ?? '', log });
        await sender.publish([{ jobId: 40, lane: 'media' }]);
        await broker.kill();
        expect(await elapsedMs(() => queue.publish(quick(41)))).toBeLessThan(2_000);
        await expect(queue.publish(quick(41))).rejects.toThrow('away');
        await expect(queue.ping()).rejects.toThrow();
        expect(queue.depth()).toBe(0);
        await broker.start();
        await vi.waitFor(() => queue.publish(quick(42)), waiting);
        await vi.waitFor(() => expect(got).toContain(42), waiting);
        const media: number[] = [];
        await queue.consume('media', 1, async ({ jobId }) => void media.push(jobId));
        await vi.waitFor(() => expect(media).toEqual([40]), waiting);
        await sender.close();
      },
      brokerTimeoutMs,
    );

    it('does not keep the process from stopping', async () => {
      const other = await createRabbitQueue({ url: broker.settings['AMQP_URL'] ?? '', log });
      await other.consume('media', 1, async () => undefined);
      await broker.pause();
      try {
        expect(await elapsedMs(() => other.close())).toBeLessThan(3_000);
      } finally {
        broker.resume();
      }
    });
  });

  describe('a broker that cannot be used', () => {
    const silent = { info: () => undefined, error: () => undefined };
    const withUrl = (change: (url: URL) => void): string => {
      const url = new URL(shared);
      change(url);
      return url.href;
    };
    const refusal = async (url: string): Promise<string> => {
      const startedMs = performance.now();
      const error: unknown = await createRabbitQueue({ url, log: silent }).then(
        (queue) => queue.close(),
        (reason: unknown) => reason,
      );
      expect(performance.now() - startedMs).toBeLessThan(10_000);
      expect(error).toBeInstanceOf(Error);
      const message = error instanceof Error ? error.message : '';
      expect(message).toMatch(/^AMQP_URL: [^\n]*$/);
      expect(message).not.toContain('s3cret');
      return message;
    };

    it('for its address, user, password or virtual host says which, in one line', async () => {
      const nowhere = await refusal(withUrl((url) => Object.assign(url, { port: '1', password: 's3cret' })));
      expect(nowhere).toContain('no RabbitMQ answers');
      expect(await refusal(withUrl((url) => Object.assign(url, { hostname: 'nothing.invalid' })))).toContain(
        'ENOTFOUND',
      );
      expect(await refusal(withUrl((url) => Object.assign(url, { password: 's3cret' })))).toContain('password');
      const noVhost = await refusal(withUrl((url) => Object.assign(url, { pathname: '/no%20such' })));
      expect(noVhost).toContain('no virtual host no such');
    });

    it('because it accepts and says nothing is not waited for', async () => {
      const sockets = new Set<Socket>();
      const mute = createServer((socket) => void sockets.add(socket)).listen(0, '127.0.0.1');
      await once(mute, 'listening');
      const address = mute.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      expect(await refusal(`amqp://guest:s3cret@127.0.0.1:${port}`)).toContain('no RabbitMQ answers');
      for (const socket of sockets) socket.destroy();
      mute.close();
    });
  });
});
