/** Whether a server answers: what waits for it for long is ended when it does not, and what comes then fails at once. */
import { BlobStoreUnavailableError } from '../ports/index.ts';

/** An answer may take this long before anyone asks whether the server is still there. */
const patienceMs = 1_000;
/** Between probes, and between looks for who has waited for long. */
const lookEveryMs = 500;
/** For so long after a probe failed nobody is sent to find that out again. */
const awayMs = 1_000;

export type Liveness = {
  /** Marks the begin of something; its signal is aborted when the server stops to answer meanwhile. */
  watch(): { readonly signal: AbortSignal; end(): void };
  /** Resolves unless the server was away a moment ago and still is; rejects with {@link BlobStoreUnavailableError}. */
  ready(): Promise<void>;
  /** Somebody found out that the server cannot be reached. */
  isAway(): void;
  close(): void;
};

export type Reached = (is: 'away' | 'back') => unknown;

/** `probe` asks something small and rejects, in a time of its own bound, if there is no answer. */
export function createLiveness(probe: () => Promise<void>, reached: Reached = () => undefined): Liveness {
  const waiting = new Set<{ readonly sinceMs: number; readonly controller: AbortController }>();
  let awaySinceMs: number | undefined;
  let probing: Promise<boolean> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  const noteAway = (away: boolean): void => {
    if (away !== (awaySinceMs !== undefined) && !closed) reached(away ? 'away' : 'back');
    awaySinceMs = away ? performance.now() : undefined;
  };

  /** One probe at a time, whoever asks. */
  const answers = (): Promise<boolean> => {
    probing ??= probe()
      .then(
        () => true,
        () => false,
      )
      .finally(() => {
        probing = undefined;
      })
      .then((alive) => {
        noteAway(!alive);
        return alive;
      });
    return probing;
  };

  const look = async (): Promise<void> => {
    const late = [...waiting].filter(({ sinceMs }) => performance.now() - sinceMs > patienceMs);
    if (late.length > 0 && !(await answers())) {
      for (const { controller } of late) controller.abort(new BlobStoreUnavailableError('S3: it does not answer'));
    }
    timer = undefined;
    if (waiting.size > 0) lookSoon();
  };
  const lookSoon = (): void => {
    timer ??= setTimeout(() => void look(), lookEveryMs);
  };

  return {
    watch: () => {
      const one = { sinceMs: performance.now(), controller: new AbortController() };
      waiting.add(one);
      lookSoon();
      return { signal: one.controller.signal, end: () => waiting.delete(one) };
    },
    ready: async () => {
      if (awaySinceMs === undefined) return;
      if (performance.now() - awaySinceMs > awayMs && (await answers())) return;
      throw new BlobStoreUnavailableError('S3: it cannot be reached');
    },
    isAway: () => {
      noteAway(true);
    },
    close: () => {
      closed = true;
      clearTimeout(timer);
      for (const { controller } of waiting) controller.abort(new BlobStoreUnavailableError('S3: closed'));
    },
  };
}
