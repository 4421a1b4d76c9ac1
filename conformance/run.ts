/** Runs checks one after the other, so that a slow server is not also a busy one, and notes what became of each. */
import { Blocked, type Check, CheckFailure, type Finding, silence, Unchecked } from './check.ts';
import { NoAnswer } from './client.ts';
import type { Kit } from './kit.ts';

export type Outcome = 'holds' | 'fails' | 'blocked' | 'not offered' | 'not checked';

export type Result = {
  readonly check: Check;
  readonly outcome: Outcome;
  readonly finding: Finding | undefined;
  /** Why it could not run: the check or the thing that stands in the way. */
  readonly reason: string | undefined;
  readonly tookMs: number;
};

/** No check takes longer, however slow the server is. */
const checkTimeoutMs = 90_000;

export async function runChecks(
  kit: Kit,
  checks: readonly Check[],
  onResult: (result: Result) => void = () => {},
): Promise<readonly Result[]> {
  const results: Result[] = [];
  for (const check of checks) {
    const startedMs = performance.now();
    const found = await runCheck(kit, check);
    const result = { ...found, tookMs: Math.round(performance.now() - startedMs) };
    results.push(result);
    onResult(result);
  }
  return results;
}

type Found = Omit<Result, 'tookMs'>;

async function runCheck(kit: Kit, check: Check): Promise<Found> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(new Blocked(`the time limit: the check took longer than ${checkTimeoutMs / 1000} s`));
  }, checkTimeoutMs);
  try {
    await Promise.race([check.run(kit), late]);
    return { check, outcome: 'holds', finding: undefined, reason: undefined };
  } catch (error) {
    return resultOf(check, error);
  } finally {
    clearTimeout(timer);
  }
}

function resultOf(check: Check, error: unknown): Found {
  if (error instanceof Unchecked) {
    return { check, outcome: 'not checked', finding: undefined, reason: error.message };
  }
  if (error instanceof Blocked) return { check, outcome: 'blocked', finding: error.finding, reason: error.by };
  const finding =
    error instanceof NoAnswer ? silence(error) : error instanceof CheckFailure ? error.finding : undefined;
  if (finding === undefined) {
    // An answer that nobody thought of: the others are to be checked all the same.
    return { check, outcome: 'blocked', finding, reason: `a mistake in the kit, please report it: ${String(error)}` };
  }
  // What this project adds, another server may do in its own way or not at all.
  return { check, outcome: check.level === 'ours' ? 'not offered' : 'fails', finding, reason: undefined };
}
