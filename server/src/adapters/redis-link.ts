/**
 * One connection to Redis over RESP3, for as long as it can be trusted. Whatever goes wrong with it (closed, no reply in
 * time), it is thrown away with all that was learned over it, and another one is opened: the client library cannot take
 * back a command that was sent, and what came of it is unknown.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { createClient } from '@redis/client';
import { within } from './within.ts';

/** A reply that takes longer than this means that the server is away; callers go on without it. */
const replyTimeoutMs = 400;
/** How often late replies are looked for. */
const watchEveryMs = 50;
const connectTimeoutMs = 1_000;
/** Between attempts to connect. Short, because until then this process does not see what others delete. */
const reconnectFirstMs = 20;
const reconnectMaxMs = 200;
/** Commands that wait for replies; beyond it the server counts as away. */
const maxPending = 10_000;
/** Times that one connection is prepared, while there is always more to do. */
const maxPrepares = 100;
/** How long the first connection is tried for, so that a start survives a restart of Redis beside it. */
const firstConnectMs = 3_000;
const oldestMajorVersion = 7;

/** The connection is not there, or not to be trusted yet. */
export class RedisAwayError extends Error {
  override readonly name = 'RedisAwayError';
}

/** Redis was reached and refuses for good: a password, a right, a version. The message is for the operator. */
export class RedisRefusedError extends Error {
  override readonly name = 'RedisRefusedError';
}

/** Sends one command and gives its reply as it came. */
export type Send = (...args: readonly string[]) => Promise<unknown>;

export type RedisLink = {
  /** Whether {@link send} may be asked. */
  readonly up: () => boolean;
  /** Rejects with a {@link RedisAwayError} while the server is away, at the latest after the reply's time. */
  readonly send: Send;
  /** The same, also over a connection that is being prepared: for what only makes it more to be trusted. */
  readonly sendEarly: Send;
  /** Throws the connection away, because what lies behind it can be trusted no longer. */
  readonly distrust: (reason: string) => void;
  readonly close: () => Promise<void>;
};

type LinkOptions = {
  readonly url: string;
  /** A key that this connection has read was changed or removed; null: all of them may have been. */
  readonly onInvalidate: (key: string | null) => void;
  /** What was learned over the connection holds no longer. */
  readonly onDown: () => void;
  /** Makes a new connection trustworthy, before anyone may use it. A rejection throws it away. */
  readonly prepare: (send: Send, server: { readonly runId: string }) => Promise<void>;
  /** Asked at the moment from which on it may be used: if something has come up meanwhile, it is prepared again. */
  readonly isPrepared: () => boolean;
  readonly log: (event: 'up' | 'down', reason: string) => void;
};

/** Opens the first connection; rejects if there is none within its time, or if the server refuses. */
export async function openRedisLink(options: LinkOptions): Promise<RedisLink> {
  let current: Connection | undefined;
  /** The one that is being prepared. */
  let arriving: Connection | undefined;
  let closed = false;
  const stopWaiting = new AbortController();

  async function connectOnce(): Promise<void> {
    let connection: Connection | undefined;
    connection = await connect(options.url, {
      onInvalidate: options.onInvalidate,
      onLost: (reason) => {
        // One that was never in use is missed by nobody.
        if (connection === undefined || current !== connection) return;
        current = undefined;
        options.onDown();
        options.log('down', reason);
        void reconnect();
      },
    });
    try {
      arriving = connection;
      let prepares = 0;
      do {
        prepares += 1;
        if (prepares > maxPrepares) throw new RedisAwayError('there is always more to do');
        await options.prepare(connection.send, connection.server);
      } while (!options.isPrepared());
    } catch (error) {
      connection.destroy('it could not be prepared');
      throw error;
    } finally {
      arriving = undefined;
    }
    if (closed) connection.destroy('closed');
    if (!connection.alive()) throw new RedisAwayError('the connection was lost at once');
    // Nothing may come between the question whether it is prepared and this.
    current = connection;
  }

  /** Tries until it succeeds or the link is closed; how long that takes is the server's affair. */
  async function reconnect(): Promise<void> {
    for (let waitMs = reconnectFirstMs; !closed; waitMs = Math.min(2 * waitMs, reconnectMaxMs)) {
      try {
        await connectOnce();
        options.log('up', 'connected again');
        return;
      } catch {
        await pause(waitMs, stopWaiting.signal);
      }
    }
  }

  const deadline = performance.now() + firstConnectMs;
  for (let waitMs = reconnectFirstMs; current === undefined; waitMs = Math.min(2 * waitMs, reconnectMaxMs)) {
    try {
      await connectOnce();
    } catch (error) {
      const refused = refusalOf(error);
      if (refused !== undefined || performance.now() + waitMs > deadline) throw refused ?? error;
      await pause(waitMs, stopWaiting.signal);
    }
  }

  const over = async (connection: Connection | undefined, args: readonly string[]): Promise<unknown> => {
    if (connection === undefined) throw new RedisAwayError('Redis is away');
    return await connection.send(...args);
  };

  return {
    up: () => current !== undefined,
    send: (...args) => over(current, args),
    sendEarly: (...args) => over(current ?? arriving, args),
    distrust: (reason) => current?.destroy(reason),
    close: async () => {
      closed = true;
      stopWaiting.abort();
      const last = current;
      current = undefined;
      last?.destroy('closed');
    },
  };
}

type Connection = {
  readonly server: { readonly runId: string };
  readonly send: Send;
  readonly alive: () => boolean;
  readonly destroy: (reason: string) => void;
};

async function connect(
  url: string,
  on: { readonly onInvalidate: (key: string | null) => void; readonly onLost: (reason: string) => void },
): Promise<Connection> {
  const client = newClient(url);
  /** When each reply that is still out was asked for, oldest first. */
  const pending = new Set<{ readonly askedAt: number; readonly fail: (error: Error) => void }>();
  let lost = false;
  let watch: NodeJS.Timeout | undefined;

  function destroy(reason: string): void {
    if (lost) return;
    lost = true;
    clearInterval(watch);
    for (const { fail } of pending) fail(new RedisAwayError(reason));
    pending.clear();
    client.destroy();
    on.onLost(reason);
  }

  const send: Send = (...args) =>
    new Promise((resolve, reject) => {
      if (lost || pending.size >= maxPending) {
        reject(new RedisAwayError(lost ? 'Redis is away' : 'too many replies are out'));
        return;
      }
      const reply = { askedAt: performance.now(), fail: reject };
      pending.add(reply);
      client.sendCommand([...args]).then(
        (value) => {
          pending.delete(reply);
          resolve(value);
        },
        (error: unknown) => {
          pending.delete(reply);
          reject(error);
        },
      );
    });

  client.on('error', (error: Error) => destroy(error.message));
  client.on('end', () => destroy('the connection has ended'));
  client.on('invalidate', (key: { toString(): string } | null) =>
    on.onInvalidate(key === null ? null : key.toString()),
  );
  watch = setInterval(() => {
    const isLate = (): boolean => {
      const [oldest] = pending;
      return oldest !== undefined && performance.now() - oldest.askedAt > replyTimeoutMs;
    };
    // If it was this process that was busy, the reply lies in the socket and is read before the second look.
    if (isLate()) setImmediate(() => isLate() && destroy(`no reply within ${replyTimeoutMs} ms`));
  }, watchEveryMs).unref();
  try {
    await within(connectTimeoutMs, `no answer within ${connectTimeoutMs} ms`, client.connect());
    return { server: await serverOf(send), send, alive: () => !lost, destroy };
  } catch (error) {
    destroy('it could not be opened');
    throw refusalOf(error) ?? error;
  }
}

function newClient(url: string) {
  return createClient({
    url,
    RESP: 3,
    emitInvalidate: true,
    name: 'tiktok-server',
    disableOfflineQueue: true,
    // The library's own time limit ends when a command is written; ours covers the reply.
    commandOptions: { timeout: 0 },
    socket: { reconnectStrategy: false, connectTimeout: connectTimeoutMs },
  });
}

async function serverOf(send: Send): Promise<{ readonly runId: string }> {
  const text = String(await send('INFO', 'server'));
  const version = /^redis_version:(\S+)/m.exec(text)?.[1] ?? '';
  const runId = /^run_id:(\S+)/m.exec(text)?.[1] ?? '';
  if (Number(version.split('.')[0]) < oldestMajorVersion || runId === '') {
    throw new RedisRefusedError(`it is version ${version || 'unknown'}, and ${oldestMajorVersion} or newer is needed`);
  }
  return { runId };
}

/** What Redis says about credentials, rights and its own kind, as opposed to being out of reach for now. */
const refusal =
  /^(?:WRONGPASS|NOAUTH|NOPERM|NOPROTO|ERR (?:AUTH|ACL|The user executing|DB index|invalid DB|unknown command|max number of clients))/;

const missingRight = /^(?:NOPERM|ERR (?:ACL|The user))/;

export function refusalOf(error: unknown): RedisRefusedError | undefined {
  if (error instanceof RedisRefusedError) return error;
  if (!(error instanceof Error) || !refusal.test(error.message)) return undefined;
  // Which script it was says nothing to a person.
  const said = error.message.replace(/ script: .*$/s, '');
  const advice = missingRight.test(said) ? ': let the user do everything on keys that begin with tiktok:' : '';
  return new RedisRefusedError(`it answers "${said}"${advice}`, { cause: error });
}

/** Ends early, and not in a rejection, when the link is closed. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await wait(ms, undefined, { signal }).catch(() => undefined);
}
