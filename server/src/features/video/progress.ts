import type { Database } from '../../db/index.ts';
import type { Clock } from '../../ports/index.ts';
import { videoStore } from '../../store/index.ts';

/** Each is a transaction, which on a small machine waits for the disk. */
const noteEveryMs = 2_000;

export type Progress = {
  /** Notes a percentage, if the last one was noted long enough ago. */
  readonly report: (percent: number) => void;
  /** Resolves when nothing is being written. */
  readonly settled: () => Promise<void>;
};

/** Notes how far the processing of a video has come, now and then; that it could not be noted stops nothing. */
export function noteProgress(deps: { readonly database: Database; readonly clock: Clock }, videoId: number): Progress {
  let notedAt = Number.NEGATIVE_INFINITY;
  let noted = -1;
  let writing: Promise<void> = Promise.resolve();
  let busy = false;
  return {
    report: (percent) => {
      const now = performance.now();
      if (busy || percent <= noted || now - notedAt < noteEveryMs) return;
      [busy, noted, notedAt] = [true, percent, now];
      writing = deps.database
        .transaction((trx) => videoStore.updateProgress(trx, videoId, percent, deps.clock.now()))
        .catch(() => undefined)
        .finally(() => {
          busy = false;
        });
    },
    settled: () => writing,
  };
}
