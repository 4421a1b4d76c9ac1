/** The few calls of the API that measurements need, over HTTP as any client makes them. */
import { createReadStream, statSync } from 'node:fs';
import { request } from 'node:http';
import { pipeline } from 'node:stream/promises';

const callTimeoutMs = 60_000;
const uploadTimeoutMs = 5 * 60_000;
const boundary = 'bench-4f1c6a5f0b7e4d22';

type Answer = Readonly<Record<string, unknown>>;

/** Makes an account; returns its token. */
export async function register(url: string): Promise<string> {
  const parameters = new URLSearchParams({ username: 'bench', password: 'bench-password' });
  const response = await fetch(`${url}/douyin/user/register/?${parameters}`, {
    method: 'POST',
    signal: AbortSignal.timeout(callTimeoutMs),
  });
  return String(accepted(await response.text())['token']);
}

export type Published = {
  readonly videoId: number;
  /** When the first byte of the request was sent (`performance.now`). */
  readonly startedAt: number;
  /** From then until the last byte of the answer, in milliseconds. */
  readonly tookMs: number;
};

/** Publishes a file as {@link publishVideo} does; resolves with how long it took, in milliseconds. */
export async function publish(url: string, token: string, path: string, title: string): Promise<number> {
  return (await publishVideo(url, token, path, title)).tookMs;
}

/** Publishes a file, streamed, in the order of the app: file, token, title. */
export async function publishVideo(url: string, token: string, path: string, title: string): Promise<Published> {
  const head = `--${boundary}\r\ncontent-disposition: form-data; name="data"; filename="video.mp4"\r\ncontent-type: application/octet-stream\r\n\r\n`;
  const field = (name: string, value: string): string =>
    `\r\n--${boundary}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}`;
  const tail = `${field('token', token)}${field('title', title)}\r\n--${boundary}--\r\n`;
  const startedAt = performance.now();
  const sent = request(`${url}/douyin/publish/action/`, {
    method: 'POST',
    agent: false,
    signal: AbortSignal.timeout(uploadTimeoutMs),
    headers: {
      'content-type': `multipart/form-data; boundary=${boundary}`,
      'content-length': Buffer.byteLength(head) + statSync(path).size + Buffer.byteLength(tail),
    },
  });
  const answered = new Promise<string>((resolve, reject) => {
    sent.once('error', reject);
    sent.once('response', (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => {
        body += text;
      });
      response.once('end', () => resolve(body));
      response.once('error', reject);
    });
  });
  const sending = pipeline(async function* () {
    yield head;
    yield* createReadStream(path, { highWaterMark: 256 * 1024 });
    yield tail;
  }, sent);
  const [body] = await Promise.all([answered, sending]);
  const tookMs = performance.now() - startedAt;
  return { videoId: Number(accepted(body)['video_id']), startedAt, tookMs };
}

export type VideoStatus = { readonly state: string; readonly progress: number };

/** How far the processing of an own video has come. */
export async function videoStatus(url: string, token: string, videoId: number): Promise<VideoStatus> {
  const parameters = new URLSearchParams({ token, video_id: String(videoId) });
  const answer = accepted(await textOf(`${url}/douyin/publish/status/?${parameters}`));
  return { state: String(answer['state']), progress: Number(answer['progress']) };
}

export type ListedVideo = { readonly title: string; readonly playUrl: string; readonly hlsUrl: string };

/** The newest video, as everyone sees it. */
export async function newestVideo(url: string): Promise<ListedVideo> {
  const list = accepted(await textOf(`${url}/douyin/feed/`))['video_list'];
  const first: unknown = Array.isArray(list) ? list[0] : undefined;
  if (typeof first !== 'object' || first === null) throw new Error('the feed is empty');
  const { title, play_url, hls_url }: Answer = { ...first };
  return { title: String(title), playUrl: String(play_url), hlsUrl: String(hls_url ?? '') };
}

async function textOf(url: string): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(callTimeoutMs) });
  return await response.text();
}

export type Feed = {
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
  readonly videos: number;
};

/** The feed as guests get it, with the headers as they came. */
export async function guestFeed(url: string): Promise<Feed> {
  const response = await fetch(`${url}/douyin/feed/`, { signal: AbortSignal.timeout(callTimeoutMs) });
  const body = Buffer.from(await response.arrayBuffer());
  const list = accepted(body.toString('utf8'))['video_list'];
  if (!Array.isArray(list)) throw new Error('the feed has no list of videos');
  return { body, headers: Object.fromEntries(response.headers), videos: list.length };
}

function accepted(body: string): Answer {
  const answer: unknown = JSON.parse(body);
  if (typeof answer !== 'object' || answer === null || !('status_code' in answer) || answer.status_code !== 0) {
    throw new Error(`the server refused: ${body.slice(0, 300)}`);
  }
  return { ...answer };
}
