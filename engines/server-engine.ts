/** An engine that is one server, perhaps with a small helper: started together, killed together. */
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { Engine } from './engine.ts';
import { type Program, programFolders, startProgram, untilReady } from './programs.ts';

/** From the start to the first answer; RabbitMQ takes 6 s on a machine that has other things to do. */
const readyTimeoutMs = 60_000;
/** One question; a server that hangs in its start must not hold up the next one. */
const askTimeoutMs = 2_000;

export type ServerParts = Pick<Engine, 'name' | 'port' | 'settings'> & {
  readonly folder: string;
  /** The last one is the server. */
  readonly commands: readonly Command[];
  /** What a client says first, and whether the answer is that of a server that is ready. */
  readonly hello: string | Buffer;
  readonly isReady: (answer: Buffer) => boolean;
};

export type Command = {
  readonly path: string;
  readonly arguments: readonly string[];
  /** Beside `PATH`, all that it gets. */
  readonly environment?: Readonly<Record<string, string>>;
};

/** Starts it and waits until it answers; rejects with the end of its log. */
export async function startServerEngine(parts: ServerParts): Promise<Engine> {
  const { name, port, settings, folder } = parts;
  let programs: readonly Program[] = [];

  const kill = async (): Promise<void> => {
    await Promise.all(programs.map((program) => program.kill()));
    programs = [];
  };
  const start = async (): Promise<void> => {
    if (programs.at(-1)?.running === true) return;
    // It may have ended by itself, and left its helper.
    await kill();
    programs = parts.commands.map((command, position) =>
      startProgram(command.path, command.arguments, join(folder, `${name}-${position}.log`), {
        PATH: programFolders.join(':'),
        ...command.environment,
      }),
    );
    const server = programs.at(-1);
    if (server === undefined) throw new Error(`${name} has no program`);
    try {
      await untilReady(server, async () => parts.isReady(await firstWords(port, parts.hello)), readyTimeoutMs);
    } catch (error) {
      await kill();
      const why = error instanceof Error ? error.message : String(error);
      throw new Error(`${name} did not start: ${why}`, { cause: error });
    }
  };

  await start();
  return {
    name,
    port,
    settings,
    kill,
    start,
    pause: async () => void (await Promise.all(programs.map((program) => program.pause()))),
    resume: () => {
      for (const program of programs) program.resume();
    },
    stop: async () => {
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Connects, says something if there is something to say, and gives the first bytes that come back. */
async function firstWords(port: number, hello: string | Buffer): Promise<Buffer> {
  const signal = AbortSignal.timeout(askTimeoutMs);
  const socket = connect({ port, host: '127.0.0.1' });
  try {
    await once(socket, 'connect', { signal });
    if (hello.length > 0) socket.write(hello);
    const [bytes]: unknown[] = await once(socket, 'data', { signal });
    return Buffer.isBuffer(bytes) ? bytes : Buffer.alloc(0);
  } finally {
    // What goes wrong from here on concerns nobody.
    socket.on('error', () => undefined).destroy();
  }
}
