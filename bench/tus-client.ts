/** An upload by the tus protocol (https://tus.io/protocols/resumable-upload, 1.0.0), which tells nothing but its time. */
import { createReadStream, statSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { pipeline } from 'node:stream/promises';

const version = '1.0.0';
const callTimeoutMs = 5 * 60_000;
const readBytes = 256 * 1024;

/** Whether a server knows the protocol. */
export async function speaksTus(url: string): Promise<boolean> {
  const { status, headers } = await fetch(`${url}/uploads/`, { method: 'OPTIONS' });
  return status < 300 && headers.get('tus-version') !== null;
}

/**
 * Makes an upload and sends a file in requests of at most `chunkBytes`. Resolves when the answer to the last one says that the
 * video is published, with the time since the first request, in milliseconds.
 */
export async function tusUpload(
  url: string,
  token: string,
  path: string,
  options: { readonly title: string; readonly chunkBytes: number },
): Promise<number> {
  const { size } = statSync(path);
  const headers = { 'tus-resumable': version, authorization: `Bearer ${token}` };
  const startedAt = performance.now();
  const made = await fetch(`${url}/uploads/`, {
    method: 'POST',
    headers: {
      ...headers,
      'upload-length': String(size),
      'upload-metadata': `title ${Buffer.from(options.title).toString('base64')}`,
    },
  });
  const location = made.headers.get('location');
  if (made.status !== 201 || location === null) throw new Error(`no upload was made: ${await made.text()}`);
  const target = new URL(location, `${url}/uploads/`);
  for (let offset = 0; offset < size; offset += options.chunkBytes) {
    const end = Math.min(size, offset + options.chunkBytes);
    const answer = await patch(target, headers, path, offset, end);
    if (answer.headers['upload-offset'] !== String(end)) throw new Error('a part of the upload was not taken');
    if (end === size && answer.headers['upload-video-id'] === undefined) throw new Error('no video was published');
  }
  return performance.now() - startedAt;
}

async function patch(
  target: URL,
  headers: Readonly<Record<string, string>>,
  path: string,
  offset: number,
  end: number,
): Promise<IncomingMessage> {
  const sent = request(target, {
    method: 'PATCH',
    signal: AbortSignal.timeout(callTimeoutMs),
    headers: {
      ...headers,
      'content-type': 'application/offset+octet-stream',
      'upload-offset': String(offset),
      'content-length': end - offset,
    },
  });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    sent.once('error', reject);
    sent.once('response', (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      response.once('error', reject);
      response.once('end', () => {
        if (response.statusCode === 204) resolve(response);
        else reject(new Error(`tus answered ${response.statusCode}: ${body.slice(0, 300)}`));
      });
    });
  });
  const file = createReadStream(path, { start: offset, end: end - 1, highWaterMark: readBytes });
  const [answer] = await Promise.all([answered, pipeline(file, sent)]);
  return answer;
}
