/** Connections to MySQL that are kept and lent, with a bound on their number, on who waits for one, and on each wait. */
import type { PoolUse } from '../ports/index.ts';
import { MysqlConnection, type MysqlFlavour, type MysqlOptions, serverIdleSeconds } from './mysql-connection.ts';
import { MysqlError } from './mysql-errors.ts';
import type { MysqlObservers } from './mysql-transactions.ts';

const connectTimeoutMs = 1_000;
/** Waiting for a connection while the server answers nobody: it is away, … */
const acquireTimeoutMs = 1_000;
/** … and while it answers those who have one: it is only busy. */
const busyTimeoutMs = 2_500;
/** Who would be next after these is refused: the server is far behind, and memory has an end. */
const maxWaiting = 2_000;
/** Well before the server would close it. */
const maxIdleMs = (serverIdleSeconds * 1_000) / 2;
const goodbyeTimeoutMs = 500;

type Waiter = {
  /** On the monotonic clock. */
  readonly until: number;
  /** False if it does not wait any more. */
  readonly give: (connection: MysqlConnection) => boolean;
  readonly refuse: (error: unknown) => void;
};

export class MysqlPool {
  readonly #options: MysqlOptions;
  readonly #flavour: MysqlFlavour;
  /** The last one is the one that was used last, so that those beyond the need grow old. */
  readonly #idle: MysqlConnection[] = [];
  readonly #waiters = new Set<Waiter>();
  /** Those that are being made included. */
  #open = 0;
  #closed = false;
  /** On the monotonic clock. */
  #lastAnswerAt = 0;
  readonly #reached: MysqlObservers['reached'];
  #away = false;

  constructor(options: MysqlOptions, flavour: MysqlFlavour, reached?: MysqlObservers['reached']) {
    this.#reached = reached;
    this.#options = options;
    this.#flavour = flavour;
  }

  use(): PoolUse {
    const idle = this.#idle.length;
    return { inUse: this.#open - idle, idle, waiting: this.#waiters.size };
  }

  /** When the server was last known to answer, on the monotonic clock. */
  get lastAnswerAt(): number {
    return this.#lastAnswerAt;
  }

  /** The server has answered a statement. */
  answered(): void {
    this.#lastAnswerAt = performance.now();
  }

  /** Lends a connection, in the order of asking. */
  async acquire(): Promise<MysqlConnection> {
    if (this.#closed) throw new MysqlError('closed', 'the database was closed');
    const askedAt = performance.now();
    const until = askedAt + acquireTimeoutMs;
    const idle = this.#takeIdle();
    if (idle !== undefined) return idle;
    if (this.#open < this.#options.poolSize) return await this.#make(until);
    if (this.#waiters.size >= maxWaiting) throw new MysqlError('busy', 'too many wait for a connection to MySQL');
    return await new Promise((resolve, reject) => {
      let answered = false;
      const answer = (how: () => void): boolean => {
        if (answered) return false;
        answered = true;
        clearTimeout(late);
        this.#waiters.delete(waiter);
        how();
        return true;
      };
      const waiter: Waiter = {
        until,
        give: (connection) => answer(() => resolve(connection)),
        refuse: (error) => answer(() => reject(error)),
      };
      /** As long as the server answers others, it is worth while to wait on. */
      const look = (): void => {
        const waitUntil = Math.min(this.#lastAnswerAt + acquireTimeoutMs, askedAt + busyTimeoutMs);
        const leftMs = waitUntil - performance.now();
        if (leftMs > 0) late = setTimeout(look, Math.ceil(leftMs));
        else waiter.refuse(new MysqlError('busy', 'no connection to MySQL became free in time'));
      };
      let late = setTimeout(look, acquireTimeoutMs);
      this.#waiters.add(waiter);
    });
  }

  /** Takes a connection back. */
  release(connection: MysqlConnection): void {
    if (connection.broken) return;
    if (this.#closed) {
      connection.destroy();
      return;
    }
    connection.idleSince = performance.now();
    for (const waiter of this.#waiters) if (waiter.give(connection)) return;
    this.#idle.push(connection);
  }

  /** Forgets the connections that nobody uses: one of them was found dead, and the others may be as well. */
  dropIdle(): void {
    for (const connection of this.#idle.splice(0)) connection.destroy();
  }

  /** Ends what is idle; what is in use ends when it is given back. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const waiter of [...this.#waiters]) waiter.refuse(new MysqlError('closed', 'the database was closed'));
    await Promise.all(this.#idle.splice(0).map((connection) => connection.end(goodbyeTimeoutMs)));
  }

  #takeIdle(): MysqlConnection | undefined {
    const oldest = performance.now() - maxIdleMs;
    for (let connection = this.#idle.pop(); connection !== undefined; connection = this.#idle.pop()) {
      if (connection.idleSince >= oldest) return connection;
      connection.destroy();
    }
    return undefined;
  }

  async #make(until: number): Promise<MysqlConnection> {
    this.#open += 1;
    try {
      const timeoutMs = Math.min(connectTimeoutMs, until - performance.now());
      const connection = await MysqlConnection.open(this.#options, this.#flavour, timeoutMs);
      connection.onEnd(() => {
        const position = this.#idle.indexOf(connection);
        if (position >= 0) this.#idle.splice(position, 1);
        this.#gone();
      });
      // It may have ended between the two.
      if (connection.broken) throw new MysqlError('lost', 'the connection ended at once');
      this.#tell(false, '');
      return connection;
    } catch (error) {
      this.#gone();
      if (error instanceof MysqlError && error.trouble === 'unreachable') this.#tell(true, error.message);
      throw error;
    }
  }

  /** Once for each change. */
  #tell(away: boolean, reason: string): void {
    if (away === this.#away || this.#closed) return;
    this.#away = away;
    this.#reached?.(away ? 'away' : 'back', reason);
  }

  /** A place is free: who waits longest gets a new connection in it. */
  #gone(): void {
    this.#open -= 1;
    const [waiter] = this.#waiters;
    if (waiter === undefined || this.#closed || this.#open >= this.#options.poolSize) return;
    // Out of the queue, so that the next place goes to the next one; its own time runs on.
    this.#waiters.delete(waiter);
    this.#make(waiter.until).then(
      (connection) => {
        if (!waiter.give(connection)) this.release(connection);
      },
      (error: unknown) => waiter.refuse(error),
    );
  }
}
