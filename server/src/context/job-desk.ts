/** What the command that looks after jobs works with: the database, and the broker's dead letters if there is a broker. */
import { existsSync } from 'node:fs';
import { systemClock } from '../adapters/clock-system.ts';
import type { Config } from '../config/index.ts';
import {
  type AuditDesk,
  auditLines,
  createAuditDesk,
  createJobDesk,
  type JobDesk,
  leavesSomething,
} from '../jobs/index.ts';
import type { DeadLetters } from '../ports/index.ts';
import { openDatabase } from './engines.ts';

export type OpenDesk = {
  readonly desk: JobDesk;
  readonly audits: AuditDesk;
  readonly auditLines: typeof auditLines;
  readonly leavesSomething: typeof leavesSomething;
  /** Why the dead letters cannot be looked at, if so; the rows can. */
  readonly withoutLetters: string | undefined;
  close(): Promise<void>;
};

/**
 * Opens the database beside a server that may be running: SQLite lets another process read and write between the
 * transactions of the first, and all that is done here is a few statements at once. So the folder is not locked.
 */
export async function openJobDesk(config: Config): Promise<OpenDesk> {
  const { database: address, queue } = config;
  if (address.kind === 'sqlite' && !existsSync(address.path)) {
    throw new Error(`DATA_DIR: there is no database at ${address.path}. Use the settings of the server.`);
  }
  const database = await openDatabase(config);
  let letters: DeadLetters | undefined;
  let withoutLetters: string | undefined;
  if (queue.kind === 'rabbitmq') {
    const { openRabbitDeadLetters } = await import('../adapters/dead-letters-rabbitmq.ts');
    try {
      letters = await openRabbitDeadLetters({ url: queue.url });
    } catch (error) {
      withoutLetters = error instanceof Error ? error.message : String(error);
    }
  }
  return {
    desk: createJobDesk({ database, clock: systemClock, letters }),
    audits: createAuditDesk({ database, clock: systemClock }),
    auditLines,
    leavesSomething,
    withoutLetters,
    close: async () => {
      await letters?.close();
      await database.close();
    },
  };
}
