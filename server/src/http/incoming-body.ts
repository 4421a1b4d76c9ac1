import type { IncomingMessage } from 'node:http';

/**
 * The rest of a body that was refused is read before the answer, because a client that is still sending would see a reset
 * connection and not the reason. Of a longer one the answer comes at once, and a little more is read behind it.
 */
const drainMaxBytes = 64 * 1024 * 1024;
const drainMs = 5_000;
const lingerMs = 5_000;

export type IncomingBody = {
  /** The body as it comes, each piece when it is asked for. It ends early when its time is up, or when `stop` is aborted. */
  chunks(stop: AbortSignal): AsyncGenerator<Buffer>;
  /** Reads what nobody has read. Returns false if there is more: then the connection ends a moment after the answer. */
  drain(): Promise<boolean>;
};

export function incomingBody(raw: IncomingMessage, maxMs: number): IncomingBody {
  let iterator: AsyncIterator<Buffer> | undefined;
  // The stream stays as it is when its reader gives up.
  const next = (): Promise<IteratorResult<Buffer>> => {
    iterator ??= raw.iterator({ destroyOnReturn: false });
    return iterator.next();
  };
  let late = false;
  let wake = (): void => undefined;
  const timer = setTimeout(() => {
    late = true;
    wake();
  }, maxMs).unref();
  raw.once('close', () => clearTimeout(timer));
  /** The next piece, or the end if none comes in time. */
  const nextUnless = (over: () => boolean): Promise<IteratorResult<Buffer>> =>
    new Promise((resolve, reject) => {
      wake = () => {
        if (over()) resolve({ done: true, value: undefined });
      };
      wake();
      if (!over()) next().then(resolve, reject);
    });

  const isOver = (): boolean => raw.readableEnded || raw.destroyed;
  const readUntil = async (endMs: number, maxBytes: number): Promise<void> => {
    let bytes = 0;
    for (let over = isOver(); !over && bytes < maxBytes && performance.now() < endMs; ) {
      const { done, value } = await next();
      over = done === true;
      bytes += value?.length ?? 0;
    }
  };
  const linger = (): void => {
    setTimeout(() => {
      if (!raw.complete) raw.destroy();
    }, lingerMs).unref();
    void readUntil(performance.now() + lingerMs, Number.POSITIVE_INFINITY).catch(() => undefined);
  };

  return {
    chunks: async function* (stop) {
      const stopped = (): void => wake();
      stop.addEventListener('abort', stopped, { once: true });
      try {
        for (;;) {
          const { done, value } = await nextUnless(() => late || stop.aborted);
          if (done === true) return;
          yield value;
        }
      } finally {
        stop.removeEventListener('abort', stopped);
      }
    },
    drain: async () => {
      if (isOver()) return true;
      if (!late) {
        const waiting = setTimeout(linger, drainMs);
        // A connection that was lost has nothing more to say.
        await readUntil(performance.now() + drainMs, drainMaxBytes).catch(() => undefined);
        clearTimeout(waiting);
        if (isOver()) return true;
      }
      linger();
      return false;
    },
  };
}
