/**
 * Real servers, started on this machine from the system's packages: for tests, for `npm run chaos` and for `npm run stack`.
 * Each has a folder and ports of its own on loopback, so that it can be killed, paused and started again without harm to
 * any other server here.
 */
export type EngineName = 'mysql' | 'redis' | 'rabbitmq' | 's3';

export type Engine = {
  readonly name: EngineName;
  /** Where it listens, on 127.0.0.1. */
  readonly port: number;
  /** The settings by which the product uses it, such as `{ REDIS_URL: 'redis://127.0.0.1:4000' }`. */
  readonly settings: Readonly<Record<string, string>>;
  /** SIGKILL to every process of it; resolves when they are gone. */
  kill(): Promise<void>;
  /** Starts it again after {@link kill}, on the same port and what is left of its data; resolves when it answers. */
  start(): Promise<void>;
  /** SIGSTOP to every process of it: connections stay, nothing answers. Resolves when they stand still. */
  pause(): Promise<void>;
  /** SIGCONT. */
  resume(): void;
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
};

export type EngineOptions = {
  /** Empty or not there yet; holds everything of this engine. */
  readonly folder: string;
  /** Without it, any free one. */
  readonly port?: number;
};

/** A program that the engine needs is not installed; the message names it and the Debian package that brings it. */
export class EngineMissingError extends Error {
  override readonly name = 'EngineMissingError';
}
