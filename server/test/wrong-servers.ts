/** Servers that are not what a setting says: one that never speaks, one of another protocol, ones that are too old. */
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import { type Connection, createServer as createMysqlServer } from 'mysql2';
import { freePort } from './server-process.ts';

export type WrongServer = { readonly port: number; close(): void };

async function listening(server: Server): Promise<WrongServer> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the server does not listen');
  return {
    port: address.port,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Takes every connection and says nothing, as a server that hangs, or one behind a firewall that swallows packets. */
export const startSilence = (): Promise<WrongServer> => listening(createServer());

/** A web server, which answers whatever it understands with a page. */
export const startWebServer = (): Promise<WrongServer> =>
  listening(createHttpServer((_request, response) => response.end('<html>It works!</html>')));

/** Speaks as far as it is asked at the start, and says that it is Redis 6. */
export function startOldRedis(): Promise<WrongServer> {
  const info = 'redis_version:6.2.14\r\nrun_id:1\r\n';
  const answers: Readonly<Record<string, string>> = { HELLO: '%0\r\n', INFO: `$${info.length}\r\n${info}\r\n` };
  return listening(
    createServer((socket) => {
      // A command is a list of texts, the first of which is its name; several may come at once.
      socket.on('data', (bytes: Buffer) => {
        for (const [, name = ''] of bytes.toString('latin1').matchAll(/\*\d+\r\n\$\d+\r\n([A-Za-z]+)\r\n/g)) {
          socket.write(answers[name.toUpperCase()] ?? '+OK\r\n');
        }
      });
    }),
  );
}

/** Greets as MySQL 5.7 does, lets everyone in, and says its version when it is asked for one. */
export async function startOldMysql(): Promise<WrongServer> {
  const version = '5.7.44-log';
  const port = await freePort();
  const server = createMysqlServer((connection: Connection) => {
    connection.on('error', () => undefined);
    connection.on('query', () => {
      // The number of the packet after the question.
      connection.sequenceId = 1;
      connection.writeTextResult(
        [{ version }],
        [
          {
            catalog: 'def',
            schema: '',
            table: '',
            orgTable: '',
            name: 'version',
            orgName: '',
            characterSet: 33,
            columnLength: 60,
            columnType: 253,
            flags: 0,
            decimals: 31,
          },
        ],
      );
    });
    connection.serverHandshake({
      protocolVersion: 10,
      serverVersion: version,
      connectionId: 1,
      statusFlags: 2,
      characterSet: 33,
      capabilityFlags: 0xff_ff_f7_ff,
    });
  });
  server.listen(port);
  return { port, close: () => server.close(() => undefined) };
}
