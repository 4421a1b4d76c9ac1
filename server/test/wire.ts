/** A way to a server of this machine that can be cut, as a network is, or broken at a statement. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export type Wire = {
  readonly port: number;
  /** From now on nothing comes through, and nothing is closed: what a dropped network looks like. */
  cut(): void;
  mend(): void;
  /** Closes the connection of the next client whose statement contains the text: before it is sent on, or after that. */
  breakOn(text: string, when: 'before' | 'after'): void;
  /** Closes every connection on the server's side, so that the client learns of it with its next statement at the latest. */
  breakAll(): void;
  close(): Promise<void>;
};

/** A way to a port of this machine. */
export async function openWire(target: number): Promise<Wire> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let isCut = false;
  let trap: { readonly text: string; readonly when: 'before' | 'after' } | undefined;
  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1');
    const pair = [client, upstream] as const;
    pairs.add(pair);
    const end = (): void => {
      if (isCut) return;
      pairs.delete(pair);
      client.destroy();
      upstream.destroy();
    };
    client.on('data', (data) => {
      if (isCut) return;
      const caught = trap !== undefined && data.includes(trap.text) ? trap : undefined;
      if (caught === undefined) {
        upstream.write(data);
        return;
      }
      trap = undefined;
      // Its answer is not sent on: the client does not learn what came of it.
      upstream.removeAllListeners('data');
      if (caught.when === 'before') end();
      else upstream.once('data', end).write(data);
    });
    upstream.on('data', (data) => {
      if (!isCut) client.write(data);
    });
    for (const socket of pair) socket.on('error', end).on('close', end);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const breakAll = (): void => {
    for (const sockets of pairs) for (const socket of sockets) socket.destroy();
    pairs.clear();
  };
  return {
    port: addressOf(server).port,
    cut: () => {
      isCut = true;
    },
    mend: () => {
      isCut = false;
      // What was sent meanwhile is lost, so no connection is of use any more.
      breakAll();
    },
    breakOn: (text, when) => {
      trap = { text, when };
    },
    breakAll,
    close: async () => {
      isCut = false;
      breakAll();
      server.close();
      await once(server, 'close');
    },
  };
}

function addressOf(server: ReturnType<typeof createServer>): AddressInfo {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server does not listen');
  return address;
}
