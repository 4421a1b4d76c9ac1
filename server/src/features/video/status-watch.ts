import type { Database } from '../../db/index.ts';
import type { Tracer } from '../../ports/index.ts';
import { videoStatusStore } from '../../store/index.ts';
import type { VideoStatusRow } from '../../store/video-status.store.ts';

/** How often the database is asked how far the watched videos have come. */
const pollMs = 500;

export type StatusWatch = {
  /**
   * How far a video has come, again and again until `signal` ends it: the newest row each time the database was asked,
   * undefined if there is none. Whoever is slow misses what was between.
   */
  follow(videoId: number, signal: AbortSignal): AsyncIterable<VideoStatusRow | undefined>;
};

type Watcher = { readonly tell: (row: VideoStatusRow | undefined) => void; readonly fail: (error: unknown) => void };

/** One query at a time for all videos that are watched in this process, and none while nobody watches. */
export function createStatusWatch(deps: {
  readonly database: Pick<Database, 'reader' | 'failureOf'>;
  readonly tracer: Pick<Tracer, 'outside'> | undefined;
}): StatusWatch {
  const { database, tracer } = deps;
  const watchers = new Map<number, Set<Watcher>>();
  let running = false;

  const all = (): Watcher[] => [...watchers.values()].flatMap((some) => [...some]);

  async function look(): Promise<void> {
    try {
      const rows = await videoStatusStore.findStatuses(database.reader, [...watchers.keys()]);
      const byId = new Map(rows.map((row) => [row.id, row]));
      for (const [id, some] of watchers) for (const watcher of some) watcher.tell(byId.get(id));
    } catch (error) {
      // A database that is away comes back; what is a bug stays one.
      if (database.failureOf(error) === undefined) for (const watcher of all()) watcher.fail(error);
    }
  }

  async function keepLooking(): Promise<void> {
    while (watchers.size > 0) {
      await look();
      await pause(pollMs);
    }
    running = false;
  }

  function start(): void {
    if (running) return;
    running = true;
    // It belongs to no request, whoever happens to be the first to watch.
    void (tracer === undefined ? keepLooking() : tracer.outside(keepLooking));
  }

  return {
    follow: async function* (videoId, signal) {
      let news: { readonly row: VideoStatusRow | undefined } | undefined;
      let failure: { readonly error: unknown } | undefined;
      let awake = Promise.withResolvers<void>();
      const watcher: Watcher = {
        tell: (row) => {
          news = { row };
          awake.resolve();
        },
        fail: (error) => {
          failure = { error };
          awake.resolve();
        },
      };
      if (signal.aborted) return;
      const some = watchers.get(videoId) ?? new Set();
      watchers.set(videoId, some.add(watcher));
      signal.addEventListener('abort', () => {
        some.delete(watcher);
        if (some.size === 0 && watchers.get(videoId) === some) watchers.delete(videoId);
        awake.resolve();
      });
      start();
      for (;;) {
        await awake.promise;
        awake = Promise.withResolvers();
        if (signal.aborted) return;
        if (failure !== undefined) throw failure.error;
        if (news !== undefined) yield news.row;
      }
    },
  };
}

const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
