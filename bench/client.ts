/** The few calls of the API that measurements need, over HTTP as any client makes them. */
import { createReadStream, statSync } from 'node:fs';
import { request } from 'node:http';
import { pipeline } from 'node:stream/promises';

const callTimeoutMs = 60_000;
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

/**
 * Publishes a file, streamed, in the order of the app: file, token, title. Resolves with the time from the first byte of
 * the request to the last one of the answer, in milliseconds.
 */
export async function publish(url: string, token: string, path: string, title: string): Promise<number> {
  const head = `--${boundary}\r\ncontent-disposition: form-data; name="data"; filename="video.mp4"\r\ncontent-type: application/octet-stream\r\n\r\n`;
  const field = (name: string, value: string): string =>
    `\r\n--${boundary}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}`;
  const tail = `${field('token', token)}${field('title', title)}\r\n--${boundary}--\r\n`;
  const startedAt = performance.now();
  const sent = request(`${url}/douyin/publish/action/`, {
    method: 'POST',
    agent: false,
    signal: AbortSignal.timeout(callTimeoutMs),
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
  accepted(body);
  return tookMs;
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
