import type { IncomingHttpHeaders } from 'node:http';
import send from '@fastify/send';
import { DomainError, type Text } from '@tiktok-server/contract';
import type { FastifyInstance } from 'fastify';
import type { BlobStore } from '../ports/index.ts';
import { mediaPath } from '../read/index.ts';
import { answerHeaders, failureOf, languageOf } from './envelope.ts';

/** A key names one content for ever: what changes gets another key. */
const maxAgeMs = 365 * 24 * 60 * 60_000;

/** Whatever a file claims to be, a browser neither guesses its type nor runs what is in it. */
const fileHeaders = {
  'content-security-policy': "default-src 'none'; media-src 'self'; style-src 'unsafe-inline'; sandbox",
  'cross-origin-resource-policy': 'cross-origin',
} as const;

const serving = {
  acceptRanges: true,
  cacheControl: true,
  immutable: true,
  maxAge: maxAgeMs,
  etag: true,
  lastModified: true,
  dotfiles: 'deny',
  index: false,
} as const;

/** Some last bytes. More of them than there are means all (RFC 9110, 14.1.2), which @fastify/send does not know. */
const lastBytes = /^bytes=-0*[1-9]\d*$/;

/**
 * @fastify/send makes weak tags, of size and time. Here the same key is the same bytes for ever, so they are strong, as
 * `If-Range` wants them (RFC 9110, 13.1.5); it alone is compared without regard to that.
 */
const weakMark = /^W\//;
function strengthen(headers: IncomingHttpHeaders): void {
  const ifRange = headers['if-range'];
  if (typeof ifRange === 'string' && ifRange.startsWith('"')) headers['if-range'] = `W/${ifRange}`;
}

/** What a client may ask for and not get: the statuses that are HTTP's own, and what to say then. */
const conditions: ReadonlyMap<number, Text> = new Map([
  [412, { en: 'the file is not the one that If-Match names', zh: '文件与 If-Match 不符' }],
  [416, { en: 'Range is outside the file', zh: 'Range 超出文件范围' }],
]);

/** Serves files with Range, ETag and immutable caching; the kernel of it is @fastify/send. */
export function registerMedia(app: FastifyInstance, blobs: BlobStore): void {
  app.route({
    method: 'GET',
    url: `${mediaPath}*`,
    config: { uncounted: true },
    handler: async (request, reply) => {
      const { '*': key } = Object.assign({ '*': '' }, request.params);
      const method = request.method === 'HEAD' ? 'HEAD' : 'GET';
      const location = await blobs.locate(key, method);
      if (location === undefined) throw new DomainError('ErrPathNotFound');
      if (location.kind === 'redirect') {
        // What comes from there has headers of its own; a page of any site may follow, as it may load a file from here. An
        // address may be good for one method alone, and caches do not tell them apart.
        return reply
          .header('cache-control', method === 'GET' ? `public, max-age=${location.maxAgeSeconds}` : 'no-store')
          .header('cross-origin-resource-policy', fileHeaders['cross-origin-resource-policy'])
          .redirect(location.url, 302);
      }
      const options = { ...serving, root: location.root };
      strengthen(request.raw.headers);
      let file = await send(request.raw, key, options);
      if (file.statusCode === 416 && lastBytes.test(request.headers.range ?? '')) {
        delete request.raw.headers.range;
        file = await send(request.raw, key, options);
      }
      if (file.type === 'error') {
        const condition = conditions.get(file.statusCode);
        if (condition === undefined) {
          throw new DomainError(file.statusCode >= 500 ? 'ErrObjectStore' : 'ErrPathNotFound');
        }
        const { 'Content-Range': size } = Object.assign({ 'Content-Range': undefined }, file.headers);
        if (typeof size === 'string') reply.header('content-range', size);
        const language = languageOf(request.headers['accept-language']);
        const { body } = failureOf(new DomainError('ErrValidation', { detail: condition }), undefined, language);
        return reply.code(file.statusCode).headers(answerHeaders).send(body);
      }
      reply.code(file.statusCode).headers(file.headers).headers(fileHeaders);
      const tag = reply.getHeader('etag');
      if (typeof tag === 'string') reply.header('etag', tag.replace(weakMark, ''));
      return reply.send(file.stream);
    },
  });
}
