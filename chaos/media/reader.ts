/** Somebody who looks at the feed all the time, and fetches what it names: nothing of it may be missing. */
import { setTimeout as wait } from 'node:timers/promises';
import { type Api, callApi, rowsOf } from '../client.ts';

const pauseMs = 100;
const fetchTimeoutMs = 20_000;
/** Of each look, the newest are fetched again; all others were, when they were new. */
const newestAgain = 3;
const firstBytes = 'bytes=0-1023';
const maxFaults = 50;

/** A process that was being killed or started again, in milliseconds of performance.now(). */
export type Outage = { readonly api: string; readonly fromMs: number; toMs: number };

export type ReaderFigures = {
  /** Looks at the feed, and files that were fetched. */
  readonly looks: number;
  readonly files: number;
  /** Addresses of files that were ever seen. */
  readonly addresses: number;
};

export type Reader = {
  /** What was wrong, in words. */
  readonly faults: readonly string[];
  figures(): ReaderFigures;
  /** Stops, and fetches every address once more that was ever seen. */
  stop(): Promise<void>;
};

/** Begins to read through all of `apis`; while `outages` has one of them, it need not answer. */
export function startReader(apis: readonly Api[], outages: readonly Outage[]): Reader {
  const faults: string[] = [];
  const seen = new Set<string>();
  let [looks, files] = [0, 0];
  let stopping = false;

  const isExcused = (api: Api, fromMs: number): boolean =>
    outages.some((one) => one.api === api.name && one.toMs >= fromMs && one.fromMs <= performance.now());

  async function attempt<T>(api: Api, what: string, work: () => Promise<T>): Promise<T | undefined> {
    const fromMs = performance.now();
    try {
      return await work();
    } catch (error) {
      if (!isExcused(api, fromMs) && faults.length < maxFaults) {
        const why = error instanceof Error ? `${error.message} ${String(error.cause ?? '')}` : String(error);
        faults.push(`${what}: ${why.trim()}`);
      }
      return undefined;
    }
  }

  async function fetchFile(url: string, range: string): Promise<string> {
    const response = await fetch(url, { headers: { range }, signal: AbortSignal.timeout(fetchTimeoutMs) });
    const text = await response.text();
    if (response.status !== 200 && response.status !== 206) throw new Error(`answers ${response.status}`);
    if (text === '') throw new Error('answers with nothing');
    files += 1;
    return text;
  }

  /** The master playlist, the first of what it names, and of that the header and the first segment. */
  async function fetchHls(url: string): Promise<void> {
    const master = await fetchFile(url, 'bytes=0-');
    const playlists = master.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    const [first] = playlists;
    if (first === undefined) throw new Error('names no playlist');
    const playlistUrl = new URL(first, url).href;
    const playlist = await fetchFile(playlistUrl, 'bytes=0-');
    const [, size, offset, name] = /#EXT-X-BYTERANGE:(\d+)@(\d+)\n(\S+)/.exec(playlist) ?? [];
    if (name === undefined) throw new Error('the playlist names no segment');
    const end = Number(offset) + Number(size) - 1;
    await fetchFile(new URL(name, playlistUrl).href, `bytes=${offset}-${end}`);
  }

  const fetchOne = (api: Api, kind: string, url: string): Promise<unknown> =>
    attempt<unknown>(api, `${kind} ${url}`, () => (kind === 'hls_url' ? fetchHls(url) : fetchFile(url, firstBytes)));

  async function look(api: Api): Promise<void> {
    const body = await attempt(api, `the feed of ${api.name}`, async () => {
      const { outcome, body: answer } = await callApi(api, 'feed', {});
      if (outcome.kind !== 'acknowledged') throw new Error(JSON.stringify(outcome));
      return answer;
    });
    if (body === undefined) return;
    looks += 1;
    for (const [position, video] of rowsOf(body, 'video_list').entries()) {
      for (const kind of ['play_url', 'cover_url', 'hls_url']) {
        const url = String(video[kind] ?? '');
        if (url === '' && kind === 'hls_url') continue;
        const key = `${kind} ${url}`;
        if (seen.has(key) && position >= newestAgain) continue;
        seen.add(key);
        await fetchOne(api, kind, url);
      }
    }
  }

  const reading = Promise.all(
    apis.map(async (api) => {
      for (; !stopping; await wait(pauseMs)) await look(api);
    }),
  );
  return {
    faults,
    figures: () => ({ looks, files, addresses: seen.size }),
    stop: async () => {
      stopping = true;
      await reading;
      for (const key of seen) {
        const [kind = '', url = ''] = key.split(' ');
        const api = apis.find((one) => url.startsWith(`${one.url}/`));
        if (api === undefined) faults.push(`${key} is an address of none of our processes`);
        else await fetchOne(api, kind, url);
      }
    },
  };
}
