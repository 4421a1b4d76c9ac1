/**
 * Makes ids: whole numbers of at most 53 bits (exact as JSON numbers), strictly increasing within a process and
 * time-ordered across processes, so that they page by themselves.
 */
export interface IdSource {
  next(): number;
  /** Makes every later id larger than `id`: called once at start with the newest id that is stored. */
  advancePast(id: number): void;
}

/** A number that no other process makes ids with meanwhile. It may change, when it was lost and another was taken. */
export interface NodeNumber {
  readonly node: number;
  /** Ids with it are of this moment or later: whoever had it before made theirs for moments before. Milliseconds since 1970. */
  readonly fromMs: number;
  /** Whether an id of that moment may be made with it. */
  holds(ms: number): boolean;
}

/** This process was away for so long that its number may be another's by now: no id is made until it has one again. */
export class NodeNumberLostError extends Error {
  override readonly name = 'NodeNumberLostError';
}
