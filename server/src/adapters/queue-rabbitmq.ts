/**
 * Jobs between processes, carried by RabbitMQ: a durable queue for each lane, persistent messages that hold the id of an
 * outbox row, confirmed to who sends and acknowledged by who has handled them. Whatever is lost here, the relay sends again.
 * Names and bounds: rabbitmq-topology.ts. The connection: rabbitmq-link.ts.
 */
import type { Channel, ChannelModel, ConfirmChannel, ConsumeMessage } from 'amqplib';
import { GivenUpError, type Lane, lanes, type Queue, QueueFullError, type QueueMessage } from '../ports/index.ts';
import { explain, type LinkLog, openRabbitLink } from './rabbitmq-link.ts';
import {
  declareTopology,
  decodeJob,
  defaultMaxDepth,
  defaultPrefix,
  encodeJob,
  maxTries,
  retryAfterMs,
  retryKey,
  topologyOf,
  triesHeader,
} from './rabbitmq-topology.ts';
import { within } from './within.ts';

/** The broker's confirmation of a batch; rows whose messages are not confirmed by then stay in the outbox. */
const confirmTimeoutMs = 1_000;
/** Messages sent and not confirmed: what a broker that does not read can make this process keep. */
const maxUnconfirmed = 1_000;
const pingTimeoutMs = 1_000;
/** A broker takes a consumer for stuck that has a message for 30 minutes, and closes its channel: longer runs answer before. */
const answerAfterMs = 20 * 60_000;
/** Handlers that run when the queue is closed: their owner has aborted them. What is left the broker gives to another. */
const closeHandlersMs = 10_000;

type Session = {
  readonly model: ChannelModel;
  readonly lost: Lost;
  readonly publisher: ConfirmChannel;
  /** Lanes that have a consumer, or will have one in a moment. */
  readonly lanes: Set<Lane>;
  readonly consumers: { readonly channel: Channel; readonly tag: string }[];
  /** The broker takes no messages for lack of memory or disk; what is sent would wait in this process. */
  blocked: boolean;
  unconfirmed: number;
  ping: Promise<unknown> | undefined;
};
type Delivery = {
  readonly session: Session;
  readonly channel: Channel;
  readonly lane: Lane;
  readonly message: ConsumeMessage;
  answered: boolean;
};
type Worker = {
  readonly concurrency: number;
  readonly handle: (message: QueueMessage) => Promise<void>;
  /** At most as many as the prefetch: deliveries for which there is no room, since those of a session before still run. */
  held: Delivery[];
  readonly running: Set<Promise<void>>;
};

/** Rejects within 10 s, in one line that names the setting, if the broker cannot be used. */
export async function createRabbitQueue(options: {
  readonly url: string;
  readonly log: LinkLog;
  /** Of each lane, at the broker. */
  readonly maxDepth?: number;
  readonly prefix?: string;
}): Promise<Queue> {
  const topology = topologyOf(options.prefix ?? defaultPrefix, options.maxDepth ?? defaultMaxDepth);
  const workers = new Map<Lane, Worker>();
  let closed = false;

  const link = await openRabbitLink<Session>({
    url: options.url,
    log: options.log,
    setUp: async (model, lost) => {
      const publisher = await watched(model.createConfirmChannel(), lost);
      await declareTopology(publisher, topology);
      const session: Session = {
        model,
        lost,
        publisher,
        lanes: new Set(),
        consumers: [],
        blocked: false,
        unconfirmed: 0,
        ping: undefined,
      };
      model.on('blocked', (reason: string) => {
        session.blocked = true;
        options.log.error({ reason }, 'RabbitMQ takes no messages: jobs wait in the outbox');
      });
      model.on('unblocked', () => {
        session.blocked = false;
      });
      // Somebody took a queue or its binding away: the next session declares them again.
      publisher.on('return', () => lost(new Error('a message could not be routed')));
      return session;
    },
    began: (session) => {
      for (const lane of workers.keys()) subscribe(session, lane).catch(session.lost);
    },
    ended: (session) => {
      for (const worker of workers.values()) worker.held = worker.held.filter((one) => one.session !== session);
    },
  });

  async function subscribe(session: Session, lane: Lane): Promise<void> {
    const worker = workers.get(lane);
    if (worker === undefined || session.lanes.has(lane)) return;
    session.lanes.add(lane);
    const { model, lost } = session;
    const channel = await watched(model.createChannel(), lost);
    await channel.prefetch(worker.concurrency);
    const { consumerTag } = await channel.consume(topology.queueOf(lane), (message) => {
      if (message === null) {
        lost(new Error('the broker ended a consumer'));
        return;
      }
      worker.held.push({ session, channel, lane, message, answered: false });
      pump(worker);
    });
    session.consumers.push({ channel, tag: consumerTag });
  }

  function pump(worker: Worker): void {
    while (!closed && worker.running.size < worker.concurrency) {
      const delivery = worker.held.shift();
      if (delivery === undefined) return;
      const run: Promise<void> = deliver(worker, delivery).finally(() => {
        worker.running.delete(run);
        pump(worker);
      });
      worker.running.add(run);
    }
  }

  async function deliver(worker: Worker, delivery: Delivery): Promise<void> {
    const jobId = decodeJob(delivery.message.content);
    if (jobId === undefined) {
      options.log.error({ lane: delivery.lane }, 'a message that is no job went to the dead letters');
      answer(delivery, 'bury');
      return;
    }
    const early = setTimeout(() => answer(delivery, 'done'), answerAfterMs).unref();
    try {
      await worker.handle({ jobId, lane: delivery.lane });
      answer(delivery, 'done');
    } catch (error) {
      answer(delivery, error instanceof GivenUpError ? 'bury' : await sendLater(delivery, jobId));
    } finally {
      clearTimeout(early);
    }
  }

  /** Sends a copy to a queue that gives it back after a while. Without a copy, the relay sends the row again. */
  async function sendLater({ session, lane, message }: Delivery, jobId: number): Promise<Fate> {
    if (closed) return 'return';
    const before: unknown = message.properties.headers?.[triesHeader];
    const tries = (typeof before === 'number' ? before : 0) + 1;
    if (tries >= maxTries) return 'bury';
    const afterMs = retryAfterMs[Math.min(tries, retryAfterMs.length) - 1] ?? 0;
    try {
      const sent = send(session, topology.retryExchange, retryKey(lane, afterMs), jobId, { [triesHeader]: tries });
      await within(confirmTimeoutMs, 'RabbitMQ does not confirm', sent);
    } catch (error) {
      options.log.error({ err: error, jobId }, 'a message could not be sent to be repeated');
    }
    return 'done';
  }

  /** Of a session that is over nothing can be answered: the broker gives its messages out again. */
  function answer(delivery: Delivery, fate: Fate): void {
    const { session, channel, message } = delivery;
    if (delivery.answered || link.session() !== session) return;
    delivery.answered = true;
    try {
      if (fate === 'done') channel.ack(message);
      else channel.nack(message, false, fate === 'return');
    } catch (error) {
      link.renew(session, error instanceof Error ? error : new Error(String(error)));
    }
  }

  async function publish(messages: readonly QueueMessage[]): Promise<void> {
    const session = link.session();
    if (closed || session === undefined) throw new Error(closed ? 'the queue is closed' : 'RabbitMQ is away');
    if (session.blocked) throw new QueueFullError('RabbitMQ takes no messages for lack of memory or disk');
    if (session.unconfirmed + messages.length > maxUnconfirmed) {
      throw new QueueFullError(`${session.unconfirmed} messages are not confirmed yet`);
    }
    const sent = messages.map(({ jobId, lane }) => send(session, topology.exchange, lane, jobId, {}));
    // All of them end, so that none rejects unheard when another was first.
    const all = Promise.allSettled(sent).then(() => Promise.all(sent));
    await within(confirmTimeoutMs, 'RabbitMQ does not confirm', all);
  }

  return {
    publish,
    consume: async (lane, concurrency, handle) => {
      workers.set(lane, { concurrency, handle, held: [], running: new Set() });
      const session = link.session();
      // Without a session the next one begins with it.
      if (session === undefined) return;
      try {
        await subscribe(session, lane);
      } catch (error) {
        throw new Error(explain(options.url, error), { cause: error });
      }
    },
    depth: () => [...workers.values()].reduce((sum, { held, running }) => sum + held.length + running.size, 0),
    ping: async () => {
      const session = link.session();
      if (closed || session === undefined) throw new Error(closed ? 'the queue is closed' : 'RabbitMQ is away');
      // One question at a time, however many ask: those to a broker that hangs would pile up.
      session.ping ??= session.publisher.checkExchange(topology.exchange).finally(() => {
        session.ping = undefined;
      });
      await within(pingTimeoutMs, 'RabbitMQ does not answer', session.ping);
    },
    close: async () => {
      closed = true;
      const session = link.session();
      // Each is answered, or the connection ends, within the bound of what follows.
      for (const { channel, tag } of session?.consumers ?? []) channel.cancel(tag).catch(() => undefined);
      for (const worker of workers.values()) for (const one of worker.held.splice(0)) answer(one, 'return');
      const running = lanes.flatMap((lane) => [...(workers.get(lane)?.running ?? [])]);
      await within(closeHandlersMs, 'handlers go on', Promise.all(running)).catch(() => undefined);
      await link.close();
    },
  };
}

type Lost = (reason: Error) => void;
/** Acknowledged, sent to the dead letters, or given back to the broker for another process. */
type Fate = 'done' | 'bury' | 'return';

/** The broker closes a channel when something is wrong with it: then the whole session is made anew. */
async function watched<C extends Channel>(opening: Promise<C>, lost: Lost): Promise<C> {
  const channel = await opening;
  channel.on('error', lost);
  channel.on('close', () => lost(new Error('a channel was closed')));
  return channel;
}

/** Resolves when the broker has the message on disk, or rejects: with QueueFullError if it refuses it. */
async function send(
  session: Session,
  exchange: string,
  key: string,
  jobId: number,
  headers: Readonly<Record<string, number>>,
): Promise<void> {
  session.unconfirmed += 1;
  try {
    await new Promise<void>((resolve, reject) => {
      session.publisher.publish(
        exchange,
        key,
        encodeJob(jobId),
        { persistent: true, mandatory: true, contentType: 'application/json', headers },
        (error: unknown) => {
          if (error === null || error === undefined) resolve();
          else if (error instanceof Error && error.message === 'message nacked') reject(new QueueFullError(refused));
          else reject(error);
        },
      );
    });
  } finally {
    session.unconfirmed -= 1;
  }
}

const refused = 'RabbitMQ refused the message: the queue holds its maximum';
