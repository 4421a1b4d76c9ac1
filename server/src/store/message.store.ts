import { cutPage, keyFromCursor, type MessageRow, type Page, type Reader, type Transaction } from '../db/index.ts';

/** The two sides of a conversation in the order in which they name it. */
export function conversationOf(oneId: number, otherId: number): { low_user_id: number; high_user_id: number } {
  return oneId < otherId
    ? { low_user_id: oneId, high_user_id: otherId }
    : { low_user_id: otherId, high_user_id: oneId };
}

/**
 * Stores a message and makes it the latest of its conversation. Its moment is `now`, or just after the latest message:
 * unique within the conversation, so that "strictly newer than the last one I have" never skips one.
 */
export async function insertMessage(
  trx: Transaction,
  message: { id: number; fromUserId: number; toUserId: number; content: string; now: number },
): Promise<MessageRow> {
  const pair = conversationOf(message.fromUserId, message.toUserId);
  const at = { last_message_id: message.id, last_message_at: message.now };
  // The conversation first: whoever else writes into it waits for this transaction, and comes after it.
  await trx
    .insertInto('conversations')
    .values({ ...pair, ...at })
    .onConflict((conflict) =>
      conflict.columns(['low_user_id', 'high_user_id']).doUpdateSet((e) => ({
        last_message_id: message.id,
        last_message_at: e
          .case()
          .when('conversations.last_message_at', '<', message.now)
          .then(message.now)
          .else(e('conversations.last_message_at', '+', 1))
          .end(),
      })),
    )
    .execute();
  const { last_message_at: createdAt } = await trx
    .selectFrom('conversations')
    .select('last_message_at')
    .where('low_user_id', '=', pair.low_user_id)
    .where('high_user_id', '=', pair.high_user_id)
    .executeTakeFirstOrThrow();
  const row: MessageRow = {
    id: message.id,
    ...pair,
    from_user_id: message.fromUserId,
    content: message.content,
    created_at: createdAt,
  };
  await trx.insertInto('messages').values(row).execute();
  return row;
}

function between(db: Reader, oneId: number, otherId: number) {
  const pair = conversationOf(oneId, otherId);
  return db
    .selectFrom('messages')
    .selectAll()
    .where('low_user_id', '=', pair.low_user_id)
    .where('high_user_id', '=', pair.high_user_id);
}

/** The latest messages before the cursor, newest first. */
export async function listHistory(
  db: Reader,
  oneId: number,
  otherId: number,
  cursor: string | undefined,
  size: number,
): Promise<Page<MessageRow>> {
  const rows = await between(db, oneId, otherId)
    .where('created_at', '<', keyFromCursor(cursor))
    .orderBy('created_at', 'desc')
    .limit(size + 1)
    .execute();
  return cutPage(rows, size, (row) => String(row.created_at));
}

/** Messages from `fromId` to `toId` strictly after `after`, oldest first. */
export async function listNewTo(
  db: Reader,
  toId: number,
  fromId: number,
  after: number,
  size: number,
): Promise<Page<MessageRow>> {
  const rows = await between(db, toId, fromId)
    .where('created_at', '>', after)
    .where('from_user_id', '=', fromId)
    .orderBy('created_at', 'asc')
    .limit(size + 1)
    .execute();
  return cutPage(rows, size, (row) => String(row.created_at));
}

export async function findMessages(db: Reader, ids: readonly number[]): Promise<MessageRow[]> {
  if (ids.length === 0) return [];
  return await db.selectFrom('messages').selectAll().where('id', 'in', ids).execute();
}

/** Deletes up to `limit` messages of an account that is being erased, then its empty conversations; returns how many. */
export async function deleteMessagesOfUser(trx: Transaction, userId: number, limit: number): Promise<number> {
  let deleted = 0;
  const conversations = await trx
    .selectFrom('conversations')
    .select(['low_user_id', 'high_user_id'])
    .where((e) => e.or([e('low_user_id', '=', userId), e('high_user_id', '=', userId)]))
    .limit(limit)
    .execute();
  for (const pair of conversations) {
    const rows = await between(trx, pair.low_user_id, pair.high_user_id)
      .limit(limit - deleted)
      .execute();
    const ids = rows.map((row) => row.id);
    if (ids.length > 0) await trx.deleteFrom('messages').where('id', 'in', ids).execute();
    deleted += ids.length;
    if (deleted >= limit) return deleted;
    await trx
      .deleteFrom('conversations')
      .where('low_user_id', '=', pair.low_user_id)
      .where('high_user_id', '=', pair.high_user_id)
      .execute();
    deleted += 1;
  }
  return deleted;
}
