/** What could not be removed because the server was away is removed when it is back. */
const maxLeftovers = 1_000;
/** Of each round; the next success brings the next one. */
const roundLeftovers = 20;

export type Leftovers = {
  /** Runs `removal`, which may be run again; if it fails, later. Never rejects. */
  remove(removal: () => Promise<void>): Promise<void>;
  /** The server answers: tries again, in the background, what failed before. */
  retry(): void;
};

/** Beyond the bound, and when the process ends, what is left is found by its age: at a start, or by the bucket's rule. */
export function createLeftovers(): Leftovers {
  const waiting: (() => Promise<void>)[] = [];
  const remove = async (removal: () => Promise<void>): Promise<void> => {
    await removal().catch(() => {
      if (waiting.length < maxLeftovers) waiting.push(removal);
    });
  };
  return {
    remove,
    retry: () => {
      for (const removal of waiting.splice(0, roundLeftovers)) void remove(removal);
    },
  };
}
