/**
 * Messages that the carrier of jobs has put aside: the job was given up, the message could not be handled again and again, or
 * it is none of ours. The rows of the outbox say what became of a job; these are a copy for whoever watches the broker.
 */
export type DeadLetter = {
  /** Undefined if the message names no job. */
  readonly jobId: number | undefined;
  /** What the message said, shortened. */
  readonly text: string;
  /** How often it was brought again in vain. */
  readonly tries: number;
};

export interface DeadLetters {
  /** Those that lie there, oldest first; they stay. */
  list(): Promise<readonly DeadLetter[]>;
  /** Removes those that `which` picks; returns how many. */
  remove(which: (letter: DeadLetter) => boolean): Promise<number>;
  close(): Promise<void>;
}
