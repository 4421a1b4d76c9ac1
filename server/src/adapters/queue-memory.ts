import { type Lane, lanes, type Queue, QueueFullError, type QueueMessage } from '../ports/index.ts';

type Worker = { readonly concurrency: number; readonly handle: (message: QueueMessage) => Promise<void> };

/** The embedded carrier: a bounded list per lane, in this process. What it loses with the process is in the outbox. */
export function createMemoryQueue(options: { /** Of each lane. */ readonly maxDepth: number }): Queue {
  const waiting = new Map<Lane, QueueMessage[]>(lanes.map((lane) => [lane, []]));
  const workers = new Map<Lane, Worker>();
  const running = new Map<Lane, Set<Promise<void>>>(lanes.map((lane) => [lane, new Set()]));
  /** Jobs waiting or running: one that is offered again meanwhile, because its lease ran out, is not run twice. */
  const known = new Set<number>();
  let closed = false;

  function pump(lane: Lane): void {
    const worker = workers.get(lane);
    const list = waiting.get(lane);
    const busy = running.get(lane);
    if (worker === undefined || list === undefined || busy === undefined) return;
    while (!closed && busy.size < worker.concurrency) {
      const message = list.shift();
      if (message === undefined) return;
      const run: Promise<void> = Promise.resolve()
        .then(() => worker.handle(message))
        .catch(() => undefined)
        .finally(() => {
          busy.delete(run);
          known.delete(message.jobId);
          pump(lane);
        });
      busy.add(run);
    }
  }

  return {
    publish: async (messages) => {
      if (closed) throw new QueueFullError('the queue is closed');
      const fresh = messages.filter((message) => !known.has(message.jobId));
      for (const lane of lanes) {
        const more = fresh.filter((message) => message.lane === lane).length;
        const held = (waiting.get(lane)?.length ?? 0) + (running.get(lane)?.size ?? 0);
        if (more > 0 && held + more > options.maxDepth) {
          throw new QueueFullError(`the lane ${lane} holds its maximum of ${options.maxDepth} jobs`);
        }
      }
      for (const message of fresh) {
        known.add(message.jobId);
        waiting.get(message.lane)?.push(message);
      }
      for (const lane of lanes) pump(lane);
    },
    consume: async (lane, concurrency, handle) => {
      workers.set(lane, { concurrency, handle });
      pump(lane);
    },
    depth: () => known.size,
    ping: async () => {
      if (closed) throw new Error('the queue is closed');
    },
    close: async () => {
      closed = true;
      for (const list of waiting.values()) list.length = 0;
      await Promise.all([...running.values()].flatMap((set) => [...set]));
      known.clear();
    },
  };
}
