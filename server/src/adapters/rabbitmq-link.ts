/**
 * A connection to RabbitMQ that comes back. Whoever opens one says how a session is set up (channels, declarations,
 * consumers); that is done anew with each connection, so nothing of an old session is ever used in a new one.
 */
import { Duplex } from 'node:stream';
import { type ChannelModel, connect, type Options } from 'amqplib';
import { within } from './within.ts';

/** From the first packet to an open connection; a broker that hangs is tried again. */
const connectTimeoutMs = 4_000;
/** Channels, declarations and consumers of one session: a few dozen round trips. */
const setUpTimeoutMs = 4_000;
/** A side that is silent for two to three of these is gone: a paused or cut-off broker is noticed after 6 s at most. */
const heartbeatSeconds = 2;
/** After a loss: at once, nearly, since most brokers that end a connection are there again or have a neighbour. */
const retryFirstMs = 50;
/** For as long as it takes: the processes need no restart when the broker is back. */
const retryMaxMs = 1_000;
/** A polite end of a connection; then its socket is cut. */
const closeTimeoutMs = 1_000;

export type LinkLog = {
  readonly info: (fields: object, message: string) => void;
  readonly error: (fields: object, message: string) => void;
};

export interface RabbitLink<S> {
  /** What `setUp` has made of the connection that is there; undefined while there is none. */
  session(): S | undefined;
  /** Gives a session up that does not work as it should; a new one is opened. Another session is left alone. */
  renew(session: S, reason: Error): void;
  /** Ends the connection in an orderly way, within a bound. */
  close(): Promise<void>;
}

/** Rejects, in one line that names the setting, if the first connection or set-up fails. */
export async function openRabbitLink<S>(options: {
  readonly url: string;
  readonly log: LinkLog;
  readonly setUp: (model: ChannelModel, lost: (reason: Error) => void) => Promise<S>;
  /** The session is there, and {@link RabbitLink.session} gives it. */
  readonly began?: (session: S) => void;
  /** The session is over: what was under way in it will not be answered. */
  readonly ended: (session: S) => void;
}): Promise<RabbitLink<S>> {
  const { url, log, setUp, began, ended } = options;
  const settings = settingsOf(url);
  let current: { readonly model: ChannelModel; readonly session: S } | undefined;
  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  /** Why it was not possible to connect again, said once and not with each try. */
  let failure = '';

  async function open(): Promise<void> {
    const model = await connect(settings, { timeout: connectTimeoutMs, noDelay: true });
    let over: Error | undefined;
    const lost = (reason: Error): void => {
      if (over !== undefined) return;
      over = reason;
      cut(model, reason);
      if (current?.model === model) lose(current.session, reason);
    };
    model.on('error', lost);
    model.on('close', (error?: Error) => lost(error ?? new Error('the connection was closed')));
    try {
      const session = await within(setUpTimeoutMs, 'the broker does not answer', setUp(model, lost));
      if (closed) throw new Error('the connection is closed');
      if (over !== undefined) throw over;
      current = { model, session };
      began?.(session);
    } catch (error) {
      // Why it was lost says more than what failed because of it.
      const reason = over ?? error;
      lost(error instanceof Error ? error : new Error(String(error)));
      throw reason;
    }
  }

  function lose(session: S, reason: Error): void {
    current = undefined;
    ended(session);
    if (closed) return;
    log.error({ reason: reason.message }, 'RabbitMQ is away: jobs wait in the outbox');
    retry(retryFirstMs);
  }

  function retry(waitMs: number): void {
    if (closed) return;
    // Spread, so that many processes do not come back in one moment.
    const jittered = waitMs * (0.5 + Math.random() / 2);
    timer = setTimeout(() => {
      open()
        .then(() => {
          failure = '';
          if (current !== undefined) log.info({}, 'RabbitMQ is back');
        })
        .catch((error: unknown) => {
          const said = explain(url, error);
          // That it is away has been said; that it refuses is news.
          if (said !== failure && !closed && !said.startsWith(noAnswer)) log.error({}, said);
          failure = said;
          retry(Math.min(retryMaxMs, waitMs * 2));
        });
    }, jittered);
  }

  try {
    await open();
  } catch (error) {
    closed = true;
    throw new Error(explain(url, error), { cause: error });
  }
  return {
    session: () => current?.session,
    renew: (session, reason) => {
      if (current?.session !== session) return;
      const { model } = current;
      lose(session, reason);
      cut(model, reason);
    },
    close: async () => {
      closed = true;
      clearTimeout(timer);
      if (current === undefined) return;
      const { model, session } = current;
      ended(session);
      try {
        await within(closeTimeoutMs, 'the broker does not answer', model.close());
      } catch {
        // It is over either way.
      }
      cut(model, new Error('the connection is closed'));
    },
  };
}

/** The library ends a connection politely; one whose other side hangs has to be cut. Its socket is no part of the types. */
function cut({ connection }: ChannelModel, reason: Error): void {
  if ('stream' in connection && connection.stream instanceof Duplex) connection.stream.destroy(reason);
}

function settingsOf(text: string): Options.Connect {
  const url = new URL(text);
  const given = url.username !== '' || url.password !== '';
  return {
    protocol: url.protocol.slice(0, -1),
    hostname: url.hostname.replace(/^\[|\]$/g, ''),
    ...(url.port !== '' && { port: Number(url.port) }),
    // Without any, the library takes RabbitMQ's own default.
    ...(given && { username: decodeURIComponent(url.username), password: decodeURIComponent(url.password) }),
    // The library decodes it.
    vhost: url.pathname.slice(1),
    heartbeat: heartbeatSeconds,
  };
}

const noAnswerWords = 'no RabbitMQ answers at';
const noAnswer = `AMQP_URL: ${noAnswerWords}`;

/** One line for the operator, without the password. */
export function explain(text: string, error: unknown): string {
  const url = new URL(text);
  const vhost = decodeURIComponent(url.pathname.slice(1)) || '/';
  const where = `${url.hostname}:${url.port === '' ? (url.protocol === 'amqps:' ? 5671 : 5672) : url.port}`;
  const user = url.username === '' ? 'guest' : decodeURIComponent(url.username);
  const said = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return `AMQP_URL: ${reasonOf({ said, code, where, user, vhost })}`;
}

function reasonOf(at: {
  readonly said: string;
  readonly code: unknown;
  readonly where: string;
  readonly user: string;
  readonly vhost: string;
}): string {
  const { said, code, where, user, vhost } = at;
  if (said.includes('Login was refused')) return `${where} refused the password of the user ${user}. Set both right.`;
  // The library does not pass on what the broker says here: there is no such virtual host, or no right to enter it.
  if (said.startsWith('Expected ConnectionOpenOk')) {
    return `${where} has no virtual host ${vhost}, or the user ${user} may not enter it. Add it, or give the right to it.`;
  }
  const quoted = /with message "([^"]*)"/.exec(said)?.[1] ?? said;
  if (quoted.startsWith('ACCESS_REFUSED')) {
    return `the user ${user} lacks a right in the virtual host ${vhost} of ${where} (${quoted}). Configure, write and read are needed on tiktok.*`;
  }
  if (quoted.startsWith('PRECONDITION_FAILED')) {
    return `the virtual host ${vhost} of ${where} has a queue or an exchange of another program (${quoted}). Use a virtual host of its own.`;
  }
  return `${noAnswerWords} ${where} (${typeof code === 'string' ? code : quoted}). Start it, or set the right address.`;
}
