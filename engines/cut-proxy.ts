/** A way to an engine that can be broken as networks break: it swallows everything, or refuses everyone. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export type CutProxy = {
  /** Where clients connect, on 127.0.0.1. */
  readonly port: number;
  /** Bytes that it has taken so far, from both sides. */
  readonly takenBytes: number;
  /** From now on nothing passes and nobody is told, as when a cable is pulled: connections stay, old and new. */
  cut(): void;
  /** Closes every connection at once. Later ones pass, unless the way is cut. */
  reset(): void;
  /** Everything passes again. What was sent since the cut arrives late, as over a network that repeats it. */
  mend(): void;
  stop(): Promise<void>;
};

/**
 * Starts one in front of a port of 127.0.0.1. While the way is cut, nothing is read, so that clients fill their own
 * buffers and those of the kernel: its memory is bounded.
 */
export async function startProxy(options: { readonly target: number; readonly port?: number }): Promise<CutProxy> {
  const sockets = new Set<Socket>();
  let passes = true;
  let takenBytes = 0;

  const follow = (socket: Socket, other: Socket): void => {
    sockets.add(socket);
    if (!passes) socket.pause();
    socket.on('data', (bytes) => {
      takenBytes += bytes.length;
      if (other.write(bytes)) return;
      socket.pause();
      other.once('drain', () => {
        if (passes) socket.resume();
      });
    });
    socket.on('end', () => other.end());
    // Whatever went wrong on one side, the other learns that it is over.
    socket.on('error', () => other.destroy());
    socket.on('close', () => {
      sockets.delete(socket);
      if (socket.readableEnded) other.end();
      else other.destroy();
    });
  };
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const engine = connect({ port: options.target, host: '127.0.0.1', allowHalfOpen: true });
    follow(client, engine);
    follow(engine, client);
  });
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the proxy has no port');

  const reset = (): void => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    port: address.port,
    get takenBytes() {
      return takenBytes;
    },
    cut: () => {
      passes = false;
      for (const socket of sockets) socket.pause();
    },
    reset,
    mend: () => {
      passes = true;
      for (const socket of sockets) socket.resume();
    },
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      reset();
      await closed;
    },
  };
}
