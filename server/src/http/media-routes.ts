import { DomainError, mediaTypeOf, type Text } from '@tiktok-server/contract';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { BlobLocation, BlobStore } from '../ports/index.ts';
import { type FormerFiles, mediaPath } from '../read/index.ts';
import { answerHeaders, failureOf, languageOf } from './envelope.ts';
import { type FileFacts, wantedOf } from './file-conditions.ts';
import { createFileSender, type Part } from './file-sender.ts';
import { createOpenFiles, type OpenFile } from './open-files.ts';
import { createStoredTexts, isStoredText } from './stored-texts.ts';

/** A key names one content for ever: what changes gets another key. */
const maxAgeSeconds = 365 * 24 * 60 * 60;
/** For so long, who was led from a file to the one in its place may go there without asking. */
const formerMaxAgeSeconds = 60 * 60;

/** Files are for everyone and need no token, so scripts of any site may read them: players do, wherever they are. */
const anyOrigin = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers': 'Accept-Ranges, Content-Length, Content-Range, ETag',
  'cross-origin-resource-policy': 'cross-origin',
} as const;

/** What a browser that asks beforehand wants to hear, and for how long it need not ask again. */
const preflightHeaders = {
  'access-control-allow-methods': 'GET, HEAD',
  'access-control-allow-headers': 'Range, If-Range, If-None-Match, If-Modified-Since',
  'access-control-max-age': '86400',
} as const;

/** Whatever a file claims to be, a browser neither guesses its type nor runs what is in it. */
const fileHeaders = {
  'accept-ranges': 'bytes',
  'cache-control': `public, max-age=${maxAgeSeconds}, immutable`,
  'content-security-policy': "default-src 'none'; media-src 'self'; style-src 'unsafe-inline'; sandbox",
} as const;

/** Headers that speak of a file, which an answer without it does not have. */
const describing = ['accept-ranges', 'content-range', 'etag', 'last-modified'] as const;

/** What a client may ask for and not get: the statuses that are HTTP's own, and what to say then. */
const refusals: Readonly<Record<'another' | 'outside', { readonly status: number; readonly words: Text }>> = {
  another: { status: 412, words: { en: 'the file is not the one that If-Match names', zh: '文件与 If-Match 不符' } },
  outside: { status: 416, words: { en: 'Range is outside the file', zh: 'Range 超出文件范围' } },
};

export type MediaDeps = {
  readonly blobs: BlobStore;
  readonly formerFiles: FormerFiles;
  /** Internal location of the nginx in front that sends files in our place; undefined: they are sent from here. */
  readonly accelRedirect: string | undefined;
  readonly log: { readonly error: (fields: object, message: string) => void };
};

/** Serves files with Range, conditions and immutable caching, from the disk, through nginx, or by a redirect to S3. */
export function registerMedia(app: FastifyInstance, { blobs, formerFiles, accelRedirect, log }: MediaDeps): void {
  const files = createOpenFiles();
  const sender = createFileSender();
  const texts = createStoredTexts(blobs);
  app.addHook('onClose', async () => files.close());

  /** Every way ends here where nothing is under `key`, whatever the store, and before a proxy is asked. */
  const missing = async (key: string, reply: FastifyReply): Promise<FastifyReply> => {
    const successor = await formerFiles(key, false);
    if (successor === undefined) throw new DomainError('ErrPathNotFound');
    return leadOn(successor, reply);
  };

  async function sendOpenFile(
    key: string,
    file: OpenFile,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<void> {
    try {
      reply.header('last-modified', new Date(file.modifiedMs).toUTCString());
      const part = answer(key, file, request, reply);
      if (part !== undefined) await sender.send(reply.raw, file, part, () => begin(reply));
    } catch (error) {
      if (!reply.raw.headersSent) {
        for (const name of describing) reply.removeHeader(name);
        throw new DomainError('ErrObjectStore', { cause: error });
      }
      // The client has a beginning, and learns from a cut connection that it is no more than that.
      log.error({ err: error, requestId: request.id }, 'a file could not be sent to its end');
      reply.raw.destroy();
    } finally {
      file.release();
    }
  }

  app.route({
    method: 'GET',
    url: `${mediaPath}*`,
    config: { uncounted: true },
    handler: async (request, reply) => {
      const { '*': key } = Object.assign({ '*': '' }, request.params);
      const method = request.method === 'HEAD' ? 'HEAD' : 'GET';
      reply.headers(anyOrigin);
      const open = files.find(key);
      if (open !== undefined) {
        await sendOpenFile(key, open, request, reply);
        return reply;
      }
      const location = await blobs.locate(key, method);
      if (location === undefined) return await missing(key, reply);
      if (location.kind === 'redirect') {
        if (!isStoredText(key)) {
          // Where files are elsewhere it is not known whether this one still is.
          const successor = await formerFiles(key, true);
          return successor === undefined ? redirect(location, method, reply) : leadOn(successor, reply);
        }
        const text = await texts.find(key);
        if (text === undefined) return await missing(key, reply);
        const part = answer(key, text, request, reply);
        return part === undefined ? reply : reply.send(text.body.subarray(part.start, part.end));
      }
      if (accelRedirect !== undefined) return handToProxy(key, accelRedirect, reply);
      const opened = await files.open(key, location.path);
      if (opened === undefined) return await missing(key, reply);
      await sendOpenFile(key, opened, request, reply);
      return reply;
    },
  });

  app.route({
    method: 'OPTIONS',
    url: `${mediaPath}*`,
    config: { uncounted: true },
    handler: async (_request, reply) => reply.headers(anyOrigin).headers(preflightHeaders).code(204).send(),
  });
}

/** Head of the answer for `file`; all of the answer where there is no body to come, and then `undefined`. */
function answer(key: string, file: FileFacts, request: FastifyRequest, reply: FastifyReply): Part | undefined {
  const wanted = wantedOf(request.headers, file);
  const { sizeBytes } = file;
  if (wanted.kind === 'another' || wanted.kind === 'outside') {
    const { status, words } = refusals[wanted.kind];
    const language = languageOf(request.headers['accept-language']);
    const { body } = failureOf(new DomainError('ErrValidation', { detail: words }), undefined, language);
    if (wanted.kind === 'outside') reply.header('content-range', `bytes */${sizeBytes}`);
    reply.removeHeader('last-modified').code(status).headers(answerHeaders).send(body);
    return undefined;
  }
  reply.headers(fileHeaders).header('etag', file.tag);
  if (wanted.kind === 'unchanged') {
    reply.code(304).send();
    return undefined;
  }
  const part = wanted.kind === 'part' ? wanted : { start: 0, end: sizeBytes };
  if (wanted.kind === 'part')
    reply.code(206).header('content-range', `bytes ${part.start}-${part.end - 1}/${sizeBytes}`);
  reply.header('content-type', mediaTypeOf(key)).header('content-length', part.end - part.start);
  if (request.method !== 'HEAD' && part.end > part.start) return part;
  begin(reply);
  reply.raw.end();
  return undefined;
}

/** Writes the head past Fastify, which would want the whole body, or a stream of buffers that are used once. */
function begin(reply: FastifyReply): void {
  reply.hijack();
  for (const [name, value] of Object.entries(reply.getHeaders()))
    if (value !== undefined) reply.raw.setHeader(name, value);
  reply.raw.writeHead(reply.statusCode);
}

/** From a file to the one that has taken its place. */
const leadOn = (successor: string, reply: FastifyReply): FastifyReply =>
  reply.header('cache-control', `public, max-age=${formerMaxAgeSeconds}`).redirect(successor, 302);

/** The proxy finds the file by itself, and looks after Range and conditions; that it knows ranges it says by itself too. */
function handToProxy(key: string, location: string, reply: FastifyReply): FastifyReply {
  return reply
    .headers(fileHeaders)
    .removeHeader('accept-ranges')
    .header('content-type', mediaTypeOf(key))
    .header('x-accel-redirect', `${location}${key}`)
    .send();
}

/**
 * What comes from there has headers of its own; a page of any site may follow, as it may load a file from here. An address may
 * be good for one method alone, and caches do not tell them apart.
 */
function redirect(
  { url, maxAgeSeconds: redirectMaxAgeSeconds }: Extract<BlobLocation, { kind: 'redirect' }>,
  method: 'GET' | 'HEAD',
  reply: FastifyReply,
): FastifyReply {
  return reply
    .header('cache-control', method === 'GET' ? `public, max-age=${redirectMaxAgeSeconds}` : 'no-store')
    .redirect(url, 302);
}
