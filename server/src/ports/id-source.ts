/**
 * Makes ids: whole numbers of at most 53 bits (exact as JSON numbers), strictly increasing within a process and
 * time-ordered across processes, so that they page by themselves.
 */
export interface IdSource {
  next(): number;
  /** Makes every later id larger than `id`: called once at start with the newest id that is stored. */
  advancePast(id: number): void;
}
