/**
 * While an engine is away, everything that needs it fails for the same reason, a thousand times a minute. That it is away is
 * said once, by its adapter; of what fails because of it one line says enough, and its stack says nothing at all.
 */

/** By name, since the embedded form does not load the engines' clients. */
const absences = new Set(['MysqlError', 'RedisAwayError', 'BlobStoreUnavailableError']);
const againAfterMs = 30_000;
/** Different messages at once; there are a dozen. */
const maxKinds = 100;

/** An error is wrapped once or twice on its way. */
const maxCauses = 5;

/** Whether an error says that an engine is away or too slow, by itself or by its cause: no fault of this program. */
export function isAbsence(error: Error, depth = 0): boolean {
  if (!absences.has(error.name)) {
    return error.cause instanceof Error && depth < maxCauses && isAbsence(error.cause, depth + 1);
  }
  // A statement that the server itself refuses is a bug.
  return !('trouble' in error && error.trouble === 'refused');
}

/**
 * Whether to write a line about an absence: the first of its kind, then one in {@link againAfterMs}, with the number of those
 * that were left out in between. `nowMs` is on the monotonic clock.
 */
export function createRepeats(): (
  message: string,
  error: Error,
  nowMs: number,
) => { readonly leftOut: number } | undefined {
  const kinds = new Map<string, { readonly writtenMs: number; leftOut: number }>();
  return (message, error, nowMs) => {
    const kind = `${error.name} ${message}`;
    const last = kinds.get(kind);
    if (last !== undefined && nowMs - last.writtenMs < againAfterMs) {
      last.leftOut += 1;
      return undefined;
    }
    if (kinds.size >= maxKinds) kinds.clear();
    kinds.set(kind, { writtenMs: nowMs, leftOut: 0 });
    return { leftOut: last?.leftOut ?? 0 };
  };
}
