/**
 * Carries jobs from the outbox to the workers. The outbox row in the database is the truth: it is deleted only when the
 * job's handler has finished, and a row whose message was lost is sent again once its lease has run out. So a carrier
 * may lose or repeat messages without a job being lost; handlers are idempotent.
 */
export type QueueMessage = {
  /** The outbox row. */
  readonly jobId: number;
  /** Which workers take it: quick jobs never wait behind long ones. */
  readonly lane: Lane;
};

export const lanes = ['quick', 'media'] as const;
export type Lane = (typeof lanes)[number];

export interface Queue {
  /** Resolves once the carrier has accepted the messages. Rejects with {@link QueueFullError} if it takes no more now. */
  publish(messages: readonly QueueMessage[]): Promise<void>;
  /**
   * Calls `handle` for each message of a lane, at most `concurrency` at once. It resolves when the message has done its
   * work, also when there was nothing to do. It rejects with {@link GivenUpError} when the job is dead, and with anything
   * else when it could not even be looked at, the database being away: a carrier between processes then brings the message
   * again, later and a bounded number of times. One that does not may drop it: the outbox sends it again.
   */
  consume(lane: Lane, concurrency: number, handle: (message: QueueMessage) => Promise<void>): Promise<void>;
  /**
   * Messages that this process knows to be accepted and not yet handled, all lanes. Of a carrier between processes those
   * that it was given to handle: what lies at the broker or elsewhere is not counted.
   */
  depth(): number;
  ping(): Promise<void>;
  /** Stops taking messages, waits for handlers that run (they are aborted by their owner), drops the rest. */
  close(): Promise<void>;
}

/** The job has failed for good and its row says why: a carrier that keeps dead messages keeps this one. */
export class GivenUpError extends Error {
  override readonly name = 'GivenUpError';
}

/** The carrier's bound is reached: the rows stay in the outbox and are offered again later. */
export class QueueFullError extends Error {
  override readonly name = 'QueueFullError';
}
