/**
 * What every client did and saw, with its times: the only thing that the checker looks at. All times are milliseconds of
 * one monotonic clock (`performance.now()` of the process that drives the load), so that they can be compared.
 */

/** How an operation ended. What was refused with 500 or more, or not answered at all, may or may not have happened. */
export type Outcome =
  | { readonly kind: 'acknowledged' }
  | {
      readonly kind: 'refused';
      /** HTTP status. */
      readonly status: number;
      /** `status_code` of the envelope; -1 if there was none. */
      readonly code: number;
      readonly retryAfter: boolean;
    }
  | { readonly kind: 'unanswered'; readonly why: string };

/**
 * What a write does: it sets a register, which is a statement that is true or not ("user 3 likes video 7"). Everything that
 * a site shows is made of these: flags are registers, counters count those that are true, lists show those that are true.
 */
export type Effect = {
  readonly register: string;
  readonly value: boolean;
  /** The counters that count this register. */
  readonly counters: readonly string[];
  /** The lists that show it while it is true. */
  readonly lists: readonly string[];
};

export type Observation =
  | { readonly is: 'flag'; readonly register: string; readonly value: boolean }
  /** True exactly if both registers are. */
  | { readonly is: 'both'; readonly registers: readonly [string, string]; readonly value: boolean }
  | { readonly is: 'count'; readonly counter: string; readonly value: number }
  | {
      readonly is: 'list';
      readonly list: string;
      readonly members: readonly string[];
      /** False for a page that does not reach the end: it then shows the newest. */
      readonly complete: boolean;
      /** Whether the order of members is that of time, oldest first. */
      readonly inOrder: boolean;
    }
  /** The newest member of a list, undefined if the list is empty. */
  | { readonly is: 'latest'; readonly list: string; readonly member: string | undefined };

/** A refusal that is right as long as the register may have that value. */
export type Excuse = { readonly code: number; readonly register: string; readonly value: boolean };

export type Operation = {
  readonly client: string;
  /** The process that was asked; `database` for what was read there directly. */
  readonly api: string;
  /** The operation of the contract. */
  readonly name: string;
  /** Arguments, for people. */
  readonly what: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly outcome: Outcome;
  /** Of a write. */
  readonly effect?: Effect;
  readonly excuses?: readonly Excuse[];
  /** Of an acknowledged read. */
  readonly seen?: readonly Observation[];
};

/** A scenario that reaches this has load without end; it stops and says so. At most about 100 MB. */
const maxOperations = 100_000;
const maxObservations = 1_500_000;

export class History {
  readonly #operations: Operation[] = [];
  #observations = 0;

  get operations(): readonly Operation[] {
    return this.#operations;
  }

  /** No room for more: whoever makes load has to stop. */
  get isFull(): boolean {
    return this.#operations.length >= maxOperations || this.#observations >= maxObservations;
  }

  add(operation: Operation): void {
    this.#operations.push(operation);
    this.#observations += operation.seen?.length ?? 0;
  }
}

/** An operation in one line, with its times in seconds since `zeroMs`. */
export function describeOperation(operation: Operation, zeroMs: number): string {
  const { client, api, name, what, startMs, endMs, outcome } = operation;
  const at = (ms: number): string => ((ms - zeroMs) / 1000).toFixed(3);
  const end =
    outcome.kind === 'acknowledged'
      ? 'acknowledged'
      : outcome.kind === 'refused'
        ? `refused with ${outcome.code} (HTTP ${outcome.status})`
        : `not answered (${outcome.why})`;
  return `${name} ${what} by ${client} through ${api}, ${at(startMs)}–${at(endMs)} s, ${end}`;
}
