/** An upload that can stand still in the middle, and says how it ended. */
import { request } from 'node:http';
import { operations } from '@tiktok-server/contract';
import type { Api } from '../client.ts';

/** `unavailable` is a refusal that asks to come again later (503). */
export type UploadEnd = 'acknowledged' | 'refused' | 'unavailable' | 'unanswered';

/** While the machine is busy with other things, a server may take this long to answer. */
const answerTimeoutMs = 60_000;
const boundary = '----chaos-media';

/**
 * Sends a video; with `pauseAt` it stops when that share of the body has been sent, until `goOn` resolves. Never rejects.
 */
export async function upload(
  api: Pick<Api, 'url'>,
  video: { readonly token: string; readonly title: string; readonly clip: Buffer },
  pause?: { readonly at: number; readonly reached: () => void; readonly goOn: Promise<void> },
): Promise<UploadEnd> {
  const query = new URLSearchParams({ token: video.token, title: video.title });
  const head = `--${boundary}\r\nContent-Disposition: form-data; name="data"; filename="clip"\r\n\r\n`;
  const body = Buffer.concat([Buffer.from(head), video.clip, Buffer.from(`\r\n--${boundary}--\r\n`)]);
  const { promise, resolve } = Promise.withResolvers<UploadEnd>();
  const sent = request(`${api.url}${operations.publish.path}?${query}`, {
    method: 'POST',
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}`, 'content-length': body.length },
    timeout: answerTimeoutMs,
  });
  sent.on('response', (response) => {
    let text = '';
    response.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8');
    });
    response.on('end', () => {
      const refusal = response.statusCode === 503 ? 'unavailable' : 'refused';
      resolve(/"status_code":0\b/.test(text) ? 'acknowledged' : refusal);
    });
    response.on('error', () => resolve('unanswered'));
  });
  sent.on('timeout', () => sent.destroy(new Error('no answer')));
  sent.on('error', () => {
    pause?.reached();
    resolve('unanswered');
  });
  if (pause === undefined) sent.end(body);
  else {
    const cut = Math.floor(body.length * pause.at);
    sent.write(body.subarray(0, cut), pause.reached);
    await Promise.race([pause.goOn, promise]);
    sent.end(body.subarray(cut));
  }
  return await promise;
}
