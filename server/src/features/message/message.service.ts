import { DomainError } from '@tiktok-server/contract';
import type { Database } from '../../db/index.ts';
import type { Writer } from '../../jobs/index.ts';
import type { Clock, IdSource } from '../../ports/index.ts';
import { messageStore } from '../../store/index.ts';
import { isOpen, keepOpenAccount } from '../actor.ts';

export type MessageDeps = {
  readonly database: Database;
  readonly writer: Writer;
  readonly ids: IdSource;
  readonly clock: Clock;
};

/** Sends a message; friendship is not required. */
export async function sendMessage(
  deps: MessageDeps,
  fromUserId: number,
  toUserId: number,
  content: string,
): Promise<void> {
  if (fromUserId === toUserId) throw new DomainError('ErrMessageSelf');
  await deps.writer.write(async ({ trx }) => {
    const users = await keepOpenAccount(trx, fromUserId, [toUserId]);
    if (!isOpen(users, toUserId)) throw new DomainError('ErrUserNotFound');
    await messageStore.insertMessage(trx, {
      id: deps.ids.next(),
      fromUserId,
      toUserId,
      content,
      now: deps.clock.now(),
    });
  });
}
