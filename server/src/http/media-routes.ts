import send from '@fastify/send';
import { DomainError } from '@tiktok-server/contract';
import type { FastifyInstance } from 'fastify';
import type { BlobStore } from '../ports/index.ts';
import { mediaPath } from '../read/index.ts';

/** A key names one content for ever: what changes gets another key. */
const maxAgeMs = 365 * 24 * 60 * 60_000;

/** Whatever a file claims to be, a browser neither guesses its type nor runs what is in it. */
const fileHeaders = {
  'content-security-policy': "default-src 'none'; media-src 'self'; style-src 'unsafe-inline'; sandbox",
  'cross-origin-resource-policy': 'cross-origin',
} as const;

/** Serves files with Range, ETag and immutable caching; the kernel of it is @fastify/send. */
export function registerMedia(app: FastifyInstance, blobs: BlobStore): void {
  app.route({
    method: 'GET',
    url: `${mediaPath}*`,
    handler: async (request, reply) => {
      const { '*': key } = Object.assign({ '*': '' }, request.params);
      const location = await blobs.locate(key);
      if (location === undefined) throw new DomainError('ErrPathNotFound');
      if (location.kind === 'redirect') return reply.redirect(location.url, 302);
      const file = await send(request.raw, key, {
        root: location.root,
        acceptRanges: true,
        cacheControl: true,
        immutable: true,
        maxAge: maxAgeMs,
        etag: true,
        lastModified: true,
        dotfiles: 'deny',
        index: false,
      });
      if (file.type === 'error' && file.statusCode === 404) throw new DomainError('ErrPathNotFound');
      reply.code(file.statusCode).headers(file.headers).headers(fileHeaders);
      return reply.send(file.stream);
    },
  });
}
